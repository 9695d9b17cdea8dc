"""A model of ours beside a network of another make: what applies is worked out, what does not is said."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch import Tensor, nn

import rsp_lab as rl
from rsp_lab.analysis.comparison.context_paths import context_paths
from rsp_lab.analysis.passes.captured import capture_pass
from rsp_lab.explorer.payload import build_payload, payload_header
from rsp_lab.figures.catalogue import FIGURES
from rsp_lab.figures.figure_input import FigureInput
from rsp_lab.models import presets
from rsp_lab.models.segmenter import Segmenter, resize_logits

pytestmark = pytest.mark.usefixtures("one_thread", "unchecked_module")
CLASSES = ("road", "rider", "person", "sky")
SIZE = (64, 72)


@cache
def image() -> Tensor:
    return torch.randint(0, 256, (3, *SIZE), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


@cache
def ours() -> Segmenter:
    torch.manual_seed(1)
    return Segmenter(presets.tiny_rsp4(CLASSES), name="rsp4").eval()


@cache
def theirs() -> rl.Subject:
    torch.manual_seed(3)
    network = nn.Sequential(nn.Conv2d(3, 8, 3, 8, 1), nn.GELU(), nn.Conv2d(8, len(CLASSES), 1))
    return rl.adapt(network.eval(), class_names=CLASSES, cut=("1",), name="other")  # type: ignore[return-value]


PAIRS = {"left": (theirs, ours), "right": (ours, theirs), "both": (theirs, theirs)}


@pytest.mark.parametrize("place", PAIRS)
def test_a_comparison_shows_what_both_say(place: str) -> None:
    left, right = (make() for make in PAIRS[place])

    found = rl.compare(left, right, image(), pixel=(20, 31))

    for model, view, answer in zip((left, right), found.views, found.answers, strict=True):
        logits = resize_logits(model.coarse_logits(image()), SIZE)[0]
        assert torch.equal(torch.from_numpy(view.labels).long(), logits.argmax(0))
        assert answer.label == CLASSES[int(logits[:, 20, 31].argmax())]
    assert found.channel is None
    with pytest.raises(ValueError, match=r"no context flow to show: other.* without top-down steps"):
        _ = found.flow_channel
    assert "channel" in found.to_dict()
    assert "differ on" in repr(found)


@pytest.mark.parametrize("place", PAIRS)
def test_an_explanation_adds_up_on_both_sides(place: str) -> None:
    left, right = (make() for make in PAIRS[place])

    told = rl.explain(left, right, image())

    for model, account in zip((left, right), told.accounts, strict=True):
        assert account.ledger.residual < 1e-5
        assert account.foreign == (model is theirs())
        again = rl.context_ledger(model, image(), told.target)
        assert account.ledger.total == pytest.approx(again.total, abs=1e-6)
    assert told.text().count("has no relations: where its attention looks") == (2 if left is right else 1)
    assert told.difference.total == pytest.approx(told.right.ledger.total - told.left.ledger.total)


def test_flips_are_those_of_both_predictions() -> None:
    flips = rl.flip_stories(ours(), theirs(), image(), least=1, count=2)

    assert flips.stories
    for story in flips.stories:
        assert story.right.residual < 1e-5
        entries = story.entries()
        assert sum(one.difference for one in entries) == pytest.approx(story.difference.total, abs=1e-4)


def test_what_only_relations_have_is_refused_in_words() -> None:
    found = rl.compare(ours(), theirs(), image())
    with pytest.raises(ValueError, match="other is none"):
        context_paths(found)
    with pytest.raises(ValueError, match="other is none"):
        _ = capture_pass(theirs(), image()).uniform
    with pytest.raises(ValueError, match="needs a Segmenter"):
        rl.compare(ours(), theirs(), image(), channel=3)


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_drawn_or_says_why_not(name: str) -> None:
    given = FigureInput((ours(), theirs()), image(), target=rl.PixelTarget(20, 31))
    drawn_for_any = {"predictions", "decision_flow", "ledger", "flips"}

    reason = FIGURES[name].refusal(given)

    assert (reason is None) == (name in drawn_for_any), reason
    if reason is None:
        figure = FIGURES[name].draw(given)
        assert "other" in figure.caption
    else:
        with pytest.raises(ValueError, match=r"Segmenter|top-down|relation|instance branch"):
            FIGURES[name].draw(given)


def test_the_explorer_shows_what_a_network_says() -> None:
    found = rl.compare(ours(), theirs(), image())
    table = FigureInput((theirs(),), image()).table
    header = payload_header(build_payload(image(), (ours(), theirs()), found.views, table))

    assert [side["name"] for side in header["sides"]] == ["rsp4", "other"]
    assert [len(side["steps"]) for side in header["sides"]] == [4, 0]
    assert all(side["answers"] for side in header["sides"])
    assert [side["levels"] and side["levels"]["names"] for side in header["sides"]] == [
        None,
        ["level 3 (stride 8)", "bias"],
    ]


def test_levels_are_named_by_stride_in_words_and_files() -> None:
    """Also where the other model's levels have their number alone."""
    target, name = rl.PixelTarget(20, 31, "road", "sky"), "level 3 (stride 8)"
    found = rl.explain(ours(), theirs(), image(), target)
    change = rl.change_ledger(theirs(), image(), image().flip(2), target)
    flips = rl.flip_stories(ours(), theirs(), image(), least=1, count=2)

    mine, other = (account.ledger for account in found.accounts)
    for words in (found.text(), repr(found.difference), repr(other), other.sentence(), change.sentence()):
        assert name in words
    assert "step" not in change.sentence()
    assert "all gates" in change.sentence()
    assert "level 3 " in mine.sentence()
    assert "stride" not in mine.sentence()
    for result in (other, change, rl.level_ledger(theirs(), image())):
        assert result.to_dict()["strides"] == {"3": 8}
    assert "strides" not in mine.to_dict()
    names = {entry.level_name for story in flips.stories for entry in story.entries() if entry.level is not None}
    assert names == {name, *(f"level {x}" for x in (2, 4, 5, 6, 7))}
    assert flips.stories[0].to_dict()["tipping"]["level_name"] in {*names, ""}


@pytest.mark.parametrize(("rows", "columns"), [(64, 72), (61, 71), (57, 65)])
def test_a_stride_is_that_of_the_network_where_it_does_not_divide_the_image(rows: int, columns: int) -> None:
    picture = image()[:, :rows, :columns]

    assert capture_pass(theirs(), picture).strides == {3: 8}


def test_cells_that_differ_are_set_against_each_other_on_the_pixels() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 7, 7), nn.GELU(), nn.Conv2d(8, len(CLASSES), 1)).eval()
    finer = rl.adapt(network, class_names=CLASSES, cut=("1",), name="finer")
    target = rl.PixelTarget(20, 31, "road", "sky")

    apart = rl.explain(finer, theirs(), image(), target).difference

    assert apart.level_name(3) == "level 3 (stride 7 and 8)"
    assert tuple(apart.maps[3].shape) == SIZE
    assert float(apart.maps[3].sum()) == pytest.approx(apart.sums[3], abs=1e-5)


def test_what_does_not_add_up_is_refused_and_all_else_is_shown() -> None:
    class Squared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Conv2d(3, 8, 8, 8), nn.Conv2d(8, len(CLASSES), 1)

        def forward(self, x: Tensor) -> Tensor:
            found = self.first(x)
            return self.last(found * found)

    torch.manual_seed(0)
    network = rl.adapt(Squared().eval(), class_names=CLASSES, cut=("first",), name="squared")
    found = rl.compare(ours(), network, image(), pixel=(20, 31))

    assert found.answers[1].label in CLASSES
    looked = found.right.looked
    assert (looked.levels, looked.strides, looked.steps) == ((3,), {3: 8}, ())
    with pytest.raises(rl.FrozenError, match=r"no ledger of squared adds up.*torch.*mul"):
        _ = looked.frozen
    with pytest.raises(rl.FrozenError, match="no ledger of squared adds up"):
        rl.explain(ours(), network, image())
    payload = build_payload(image(), (ours(), network), found.views, FigureInput((theirs(),), image()).table)
    assert "no ledger of squared adds up" in payload_header(payload)["sides"][1]["levels"]["refused"]


def test_grad_cam_of_a_network_reads_the_last_map_of_its_cut() -> None:
    target = rl.PixelTarget(20, 31)
    by_default = rl.attribute(theirs(), image(), target, "layer_gradcam")
    named = rl.attribute(theirs(), image(), target, rl.attribution.LayerGradCam("network.1"))

    assert torch.equal(torch.as_tensor(by_default.values), torch.as_tensor(named.values))


def test_a_change_is_drawn_for_both() -> None:
    other = image().flip(2)
    changes = [
        rl.figures.NamedChange(
            model.name, rl.change_ledger(model, image(), other, rl.PixelTarget(20, 31, "road", "sky"))
        )
        for model in (ours(), theirs())
    ]
    assert tuple(changes[1].ledger.looking) == ("gates",)

    figure = rl.figures.draw_change(image(), other, changes)

    words = " ".join(text.get_text() for text in figure.texts)
    assert "all gates" in words
    assert "looking, step 54" in words
