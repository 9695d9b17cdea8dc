"""The story of a pixel: its numbers are the model's own, its choices follow the rule, its text prints what it holds."""

from __future__ import annotations

import json
from functools import cache

import pytest
import torch
from torch import Tensor

from rsp_lab.analysis.comparison.explain import explain
from rsp_lab.analysis.comparison.explanation import Explanation
from rsp_lab.analysis.comparison.flips import flip_stories
from rsp_lab.analysis.comparison.flow_picture import flow_picture
from rsp_lab.analysis.ledger.ledger import context_ledger
from rsp_lab.analysis.ledger.selection import rejection_map
from rsp_lab.analysis.relation_weights.gaze import gaze_steps
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.models.presets import tiny, top_down
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.text import signed

NAMES = ("road", "rider", "person")
PIXEL = (20, 31)


@cache
def build(kind: str, names: tuple[str, ...] = NAMES) -> Segmenter:
    torch.manual_seed(3)
    heads = {"sum": top_down(top=6, channels=64), "rsp": top_down(top=7, at=(76, 65, 54, 43), channels=64)}
    return Segmenter(tiny(heads[kind], names), name={"sum": "A", "rsp": "B"}[kind]).eval()


@cache
def picture() -> Tensor:
    return torch.randint(0, 256, (3, 67, 131), generator=torch.Generator().manual_seed(4), dtype=torch.uint8)


def biased(kind: str, name: str) -> Segmenter:
    """The model with a classifier that says ``name``, the class before it being the runner-up."""
    model = Segmenter(build(kind).config).eval()
    model.load_state_dict(build(kind).state_dict())
    with torch.no_grad():
        model.head.classifier.bias[NAMES.index(name)] += 90
        model.head.classifier.bias[NAMES.index(name) - 1] += 50
    return model


@cache
def told() -> Explanation:
    return explain(build("sum"), build("rsp"), picture(), PixelTarget(*PIXEL, "rider", "person"))


def test_sums_are_the_models_own_logits() -> None:
    for kind, account in zip(("sum", "rsp"), told().accounts, strict=True):
        with torch.no_grad():
            here = build(kind)(picture()[None] / 255)[0, :, PIXEL[0], PIXEL[1]].double()
        assert account.ledger.total == pytest.approx(float(here[1] - here[2]), abs=1e-5)
        assert account.ledger.bias + sum(account.ledger.sums.values()) == pytest.approx(account.ledger.total, abs=1e-4)
        first, second = here.topk(2).indices.tolist()
        assert (account.answer.label, account.answer.runner_up) == (NAMES[first], NAMES[second])
        assert account.answer.margin == pytest.approx(float(here[first] - here[second]), abs=1e-5)
    assert told().difference.total == pytest.approx(told().right.ledger.total - told().left.ledger.total)


def minus(text: str) -> str:
    return text.replace("-", "−")


def test_the_text_prints_every_sum_side_by_side() -> None:
    lines = [line.split() for line in told().text().split("\n\n")[2].splitlines()]
    left, right = (account.ledger for account in told().accounts)
    for level in right.levels:
        values = [left.sums.get(level), right.sums[level], right.sums[level] - left.sums.get(level, 0.0)]
        (line,) = [line for line in lines if line[:2] == ["level", str(level)]]
        for word, value in zip(line[2:], values, strict=True):
            assert word == "–" if value is None else float(word.replace("−", "-")) == pytest.approx(value, abs=0.0051)
    assert minus(f"{right.total:+.3g} and {left.total:+.3g} logits") in told().sentence()
    assert "A passes all context down" in told().text()


def test_strongest_cells_are_printed_with_their_pixels() -> None:
    cell = told().right.ledger.strongest(1)[0]
    top, left, bottom, right = (round(edge + 0.5) for edge in cell.box)
    block = told().text().split("\n\n")[4].splitlines()
    place = f"level {cell.level} {cell.y}, {cell.x} {top} to {bottom - 1} {left} to {right - 1}"
    assert block[1].split() == [*place.split(), minus(f"{cell.value:+.2f}")]


def test_gaze_and_refusals_are_those_of_their_own_analyses() -> None:
    image = picture()[None] / 255
    for step, gaze in zip(gaze_steps(build("rsp"), image), told().right.gaze, strict=True):
        y, x = gaze.cell
        assert (gaze.step, list(gaze.gaze)) == (step.step, pytest.approx(step.at(PIXEL)["arrow_pixels"], abs=0.006))
        assert gaze.reach == pytest.approx(float(step.readings["full"].reach[y, x]))
    expected = rejection_map(build("rsp"), image, told().target)
    assert told().right.rejection is not None
    assert [s.total for s in told().right.rejection.steps] == pytest.approx([s.total for s in expected.steps])
    assert (told().left.rejection, told().left.gaze) == (None, ())


@pytest.mark.parametrize(
    ("left", "right", "given", "expected"),
    [
        ("road", "person", {}, ("person", "road")),
        ("person", "person", {}, ("person", "rider")),
        ("person", "person", {"class_name": "rider"}, ("rider", "person")),
        ("road", "person", {"rival": "person"}, ("rider", "person")),
        ("road", "rider", {"class_name": "person", "rival": "road"}, ("person", "road")),
    ],
)
def test_what_is_left_open_follows_the_predictions(
    left: str, right: str, given: dict[str, str], expected: tuple[str, str]
) -> None:
    found = explain(biased("sum", left), biased("rsp", right), picture(), PixelTarget(*PIXEL, **given))
    assert (found.target.class_name, found.target.rival) == expected
    assert (found.left.answer.label, found.right.answer.label) == (left, right)


def test_the_same_model_twice_is_said_to_be_the_same() -> None:
    one = build("rsp")
    found = explain(one, one, picture(), PixelTarget(*PIXEL))
    assert found.sentence().endswith(" logits. Every level adds the same to both.")
    assert flow_picture((one, one), picture(), found.target).sentence().endswith(" Every level adds the same to both.")
    assert "B (left), B (right)" in repr(found)
    assert "(left) (left)" not in found.text()


def test_what_sets_two_models_apart_may_be_their_bias() -> None:
    # The bias of one class of the classifier is all that differs.
    one = explain(build("rsp"), biased("rsp", "person"), picture(), PixelTarget(*PIXEL, "person", "road"))
    apart = one.difference
    assert apart.bias > 1
    assert apart.sums == pytest.approx(dict.fromkeys(apart.levels, 0), abs=1e-5)

    gap = f"the bias: {signed(one.right.ledger.bias)} and {signed(one.left.ledger.bias)}."
    assert one.sentence().endswith(f"What sets them apart most is {gap}")
    picture_of_both = flow_picture((build("rsp"), biased("rsp", "person")), picture(), one.target)
    assert picture_of_both.sentence().endswith(f"What sets the two apart most is {gap}")
    alone = flow_picture(biased("rsp", "person"), picture(), one.target)
    assert alone.sentence().endswith(f"The largest part, {signed(one.right.ledger.bias)}, is that of the bias.")


def test_the_other_direction_is_the_same_story_with_its_sign() -> None:
    back = explain(build("rsp"), build("sum"), picture(), PixelTarget(*PIXEL, "person", "rider"))
    assert back.difference.total == pytest.approx(told().difference.total, abs=1e-5)
    assert back.difference.sums == pytest.approx(told().difference.sums, abs=1e-5)


def test_all_of_it_is_json() -> None:
    facts = json.loads(json.dumps(told().to_dict()))
    assert (facts["pixel"], facts["class"], facts["rival"]) == ([*PIXEL], "rider", "person")
    levels = facts["right_minus_left"]
    assert sum(levels["levels"].values()) + levels["bias"] == pytest.approx(levels["total"], abs=1e-4)
    assert facts["right"]["ledger"]["residual"] < 1e-5


def test_wrong_requests_are_refused_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rsp_lab.analysis.comparison.explain.capture_pass", lambda *_: pytest.fail("the model ran"))
    pair = build("sum"), build("rsp")
    with pytest.raises(ValueError, match="Did you mean 'rider'"):
        explain(*pair, picture(), PixelTarget(*PIXEL, "ridr"))
    with pytest.raises(ValueError, match="outside the image"):
        explain(*pair, picture(), PixelTarget(67, 0))
    with pytest.raises(ValueError, match="leave out plain_logit"):
        explain(*pair, picture(), PixelTarget(*PIXEL, "road", plain_logit=True))
    with pytest.raises(ValueError, match="same classes"):
        explain(build("sum"), build("rsp", ("a", "b")), picture(), PixelTarget(*PIXEL))


def test_a_network_of_one_class_has_no_decision() -> None:
    pair = build("sum", ("road",)), build("rsp", ("road",))
    for ask in (lambda: explain(*pair, picture()), lambda: flow_picture(pair, picture())):
        with pytest.raises(ValueError, match=r"'road' is the model's only class: take rl.context_ledger with Pix"):
            ask()
    # As the message says.
    ledger = context_ledger(pair[1], picture(), PixelTarget(*PIXEL, "road", plain_logit=True))
    assert ledger.residual <= ledger.tolerance


def test_without_a_target_it_is_where_the_models_differ_most() -> None:
    same = biased("sum", "road")
    assert explain(same, same, picture()).pixel == (33, 65)

    found = explain(build("sum"), build("rsp"), picture())
    flips = flip_stories(build("sum"), build("rsp"), picture(), count=999, least=30).stories
    largest = max(flips, key=lambda story: story.pixels)
    assert largest.mask[found.pixel]
    assert (found.target.class_name, found.target.rival) == (largest.right_class, largest.left_class)
