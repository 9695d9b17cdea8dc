"""Every public function that takes an image takes the same kinds of it, gives one answer, and refuses the same.

Shapes in signatures are not checked here, as for a user who installed the package. The functions are found by their
signatures, so that a new one without a call in the table fails.
"""

from __future__ import annotations

import atexit
import inspect
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor, nn

import rsp_lab as rl
from rsp_lab.analysis.arena.result import PairOutcome
from rsp_lab.analysis.attribution.methods import FeatureAblation
from rsp_lab.models import presets
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.rgb import rgb_pixels
from rsp_lab.summary import COLUMNS, LINES, Summarised

pytestmark = pytest.mark.usefixtures("one_thread", "unchecked_module")

CLASSES = ("road", "rider", "person", "sky")
SIZE = (64, 72)
HALF = torch.arange(SIZE[0])[:, None].expand(SIZE) < 32
TARGET = rl.PixelTarget(20, 31)
NAMESPACES = (rl, rl.attribution, rl.figures, rl.film, rl.regions, rl.scenes, rl.surgery)


@cache
def photograph() -> Tensor:
    """8 bits a channel, 3 y x."""
    return torch.randint(0, 256, (3, *SIZE), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


@cache
def model(name: str = "rsp4", classes: tuple[str, ...] = CLASSES) -> Segmenter:
    torch.manual_seed(len(name))
    preset = {"rsp4": presets.tiny_rsp4, "sum": presets.tiny_baseline}[name]
    return Segmenter(preset(classes), name=name).eval()


@cache
def subject() -> rl.Subject:
    """Of a network of nobody's library."""
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3, 4, 1), torch.nn.ReLU(), torch.nn.Conv2d(4, len(CLASSES), 1))
    return rl.adapt(network.eval(), class_names=CLASSES, cut=("1",))  # type: ignore[return-value]


@cache
def looking() -> rl.Subject:
    """A network with an attention."""

    class Tokens(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            tokens = x.flatten(2).transpose(1, 2)
            mixed = nn.functional.scaled_dot_product_attention(tokens, tokens, tokens)
            return x + mixed.transpose(1, 2).reshape(x.shape)

    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 8, 8), Tokens(), nn.Conv2d(4, len(CLASSES), 1))
    return rl.adapt(network.eval(), class_names=CLASSES, cut=("0",))  # type: ignore[return-value]


@cache
def explanation() -> rl.Explanation:
    return rl.explain(model("sum"), model(), photograph(), TARGET)


@cache
def attribution() -> rl.Attribution:
    return rl.attribute(model(), photograph(), TARGET, "gradient_x_input")


@cache
def flips() -> rl.FlipStories:
    return rl.flip_stories(model("sum"), model(), photograph(), least=1, count=1)


@cache
def change() -> rl.ChangeLedger:
    return rl.change_ledger(model(), photograph(), photograph().flip(2), TARGET)


@cache
def gaze() -> tuple[rl.StepGaze, ...]:
    return rl.gaze_steps(model(), photograph())


def cut_widest(image: Any) -> Any:
    flow = rl.decision_flow(model(), photograph(), TARGET)
    widest = max(flow.ribbons, key=lambda one: abs(flow.ribbons[one]))
    return rl.surgery.cut_ribbons(model(), image, flow, [widest])


def values() -> Tensor:
    return torch.arange(SIZE[0] * SIZE[1]).view(SIZE).double()


def captured(image: Any) -> Any:
    logits, record = rl.run_with_capture(model(), image, taps="step54.*")
    return logits, record


CALLS: dict[str, Callable[[Any], object]] = {
    "Segmenter.coarse_logits": lambda image: model().coarse_logits(image),
    "Segmenter.q_maps": lambda image: list(model().q_maps(image).values()),
    "Segmenter.forward": lambda image: model()(image),
    "Subject.forward": lambda image: subject()(image),
    "Subject.coarse_logits": lambda image: subject().coarse_logits(image),
    "FrozenPass.check_image": lambda image: rl.FrozenHead.of(model(), photograph()).check_image(image),
    "FrozenSubject.of": lambda image: rl.context_ledger(rl.FrozenSubject.of(subject(), image), image, TARGET),
    "check": lambda image: rl.check(subject(), image),
    "attention_gain": lambda image: rl.attention_gain(looking(), image, TARGET),
    "record_attention": lambda image: rl.record_attention(looking(), image).layers["1"].scores,
    "freeze": lambda image: rl.freeze(model(), image),
    "FrozenHead.of": lambda image: rl.FrozenHead.of(model(), image),
    "attribute": lambda image: rl.attribute(model(), image, TARGET, "gradient_x_input"),
    "FrozenPair.of": lambda image: rl.FrozenPair.of(model(), image, image).ledgers([TARGET]),
    "level_pixels": lambda image: rl.level_pixels(model(), image, TARGET, steps=1),
    "change_ledger": lambda image: rl.change_ledger(model(), image, photograph().flip(2), TARGET),
    "compare": lambda image: rl.compare(model("sum"), model(), image),
    "complementarity": lambda image: rl.complementarity(model(), image, draws=9, random_models=1),
    "context_ledger": lambda image: rl.context_ledger(model(), image, TARGET),
    "effective_field": lambda image: rl.effective_field(model(), image, (20, 31)),
    "erase": lambda image: rgb_pixels(rl.erase(image, HALF)),
    "explain": lambda image: rl.explain(model("sum"), model(), image, TARGET),
    "explore": lambda image: rl.explore(model("sum"), model(), image),
    "flip_stories": lambda image: rl.flip_stories(model("sum"), model(), image, least=1, count=2),
    "gaze_steps": lambda image: rl.gaze_steps(model(), image),
    "input_curves": lambda image: rl.input_curves(
        model(), image, TARGET, {"a": values()}, steps=2, cell=16, random_seeds=1
    ),
    "decision_flow": lambda image: rl.decision_flow(model(), image, TARGET),
    "flow_picture": lambda image: rl.flow_picture((model("sum"), model()), image, TARGET),
    "level_ledger": lambda image: rl.level_ledger(model(), image),
    "operate": lambda image: rl.operate(model(), image, rl.surgery.Uniform("step54"), target=TARGET),
    "rejection_map": lambda image: rl.rejection_map(model(), image, TARGET),
    "relation_grids": lambda image: rl.relation_grids(model(), image, (20, 31)),
    "run_with_capture": captured,
    "selection_gain": lambda image: rl.selection_gain(model(), image, TARGET, steps="step54"),
    "surgery.cut_ribbons": lambda image: cut_widest(image),
    "surgery.knock_out_levels": lambda image: rl.surgery.knock_out_levels(model(), image, TARGET).levels[3].live,
    "surgery.run_surgery": lambda image: rl.surgery.run_surgery(model(), image, rl.surgery.Uniform("step54")).account(
        TARGET
    ),
    "view_pixel": lambda image: rl.view_pixel(model(), image),
    "figures.FigureInput": lambda image: rl.figures.FigureInput((model(),), image).image,
    "figures.draw_attribution": lambda image: rl.figures.draw_attribution(
        image, [rl.figures.MethodRow(("rsp4",), (attribution(),))]
    ),
    "figures.draw_change": lambda image: rl.figures.draw_change(
        image, photograph(), [rl.figures.NamedChange("rsp4", change())]
    ),
    "figures.draw_figure": lambda image: rl.figures.draw_figure(model(), image, "relation_grids", TARGET).figure,
    "figures.draw_flips": lambda image: rl.figures.draw_flips(image, flips()),  # type: ignore[arg-type]
    "figures.draw_gaze": lambda image: rl.figures.draw_gaze(image, gaze()),
    "figures.draw_ledger": lambda image: rl.figures.draw_ledger(image, explanation().accounts),
    "figures.draw_segment_story": lambda image: rl.figures.draw_segment_story(image, segment_story()),
    "figures.draw_segments": lambda image: rl.figures.draw_segments(image, [panoptic_pass()]),
    "panoptic": lambda image: rl.panoptic(panoptic_model(), image).output.logits,
    "PanopticSegmenter.forward": lambda image: panoptic_model()(image).logits,
    "Segmenter.pyramid_maps": lambda image: model().pyramid_maps(image)[3],
    "film.film_of_run": lambda image: rl.film.film_of_run(states(), image, TARGET, scenes=0),
    "figures.draw_reach": lambda image: rl.figures.draw_reach(image, [reach()], ["rsp4"]),
}
"""One call of each public function with an image; what it answers is compared."""


@cache
def states() -> tuple[Any, ...]:
    """Two states that a run kept."""
    from tests.kit.films import kept_run

    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return rl.film.film_states(kept_run(folder / "run", config=presets.tiny_rsp4(CLASSES)))


@cache
def film() -> rl.film.Film:
    return rl.film.film_of_run(states(), photograph(), TARGET, changed=photograph().flip(2), scenes=0)


@cache
def reach() -> Any:
    from rsp_lab.analysis.receptive_field.geometry import reach_geometry

    return reach_geometry(presets.rsp4(), SIZE, (20, 31))


def public_functions() -> Iterator[tuple[str, Callable[..., object]]]:
    """Functions of the public namespaces, and the public methods of their classes. Results are made by functions, so
    their constructors are no entry, except that of what figures are made of; a method's ``run`` is called by
    ``attribute``, which has checked the image."""
    for namespace in NAMESPACES:
        prefix = "" if namespace is rl else f"{namespace.__name__.rpartition('.')[2]}."
        for name in namespace.__all__:
            value = getattr(namespace, name)
            if inspect.isfunction(value):
                yield prefix + name, value
            elif inspect.isclass(value):
                if value is rl.figures.FigureInput:
                    yield prefix + name, value
                for method, attribute in value.__dict__.items():
                    if method == "run" and issubclass(value, rl.attribution.AttributionMethod):
                        continue
                    if not method.startswith("_") and isinstance(attribute, (FunctionType, classmethod, staticmethod)):
                        yield f"{prefix}{name}.{method}", getattr(value, method)


BATCHES = {"FrozenSubject.maps_of", "PanopticSegmenter.image_losses", "PanopticSegmenter.losses"}
"""What takes a batch of floats in the network's dtype, as training and differentiation have it, and no image."""


@cache
def panoptic_model() -> Any:
    from tests.kit.panoptic import panoptic_network

    return panoptic_network().eval()


@cache
def panoptic_pass() -> Any:
    return rl.panoptic(panoptic_model(), photograph())


@cache
def segment_story() -> Any:
    return rl.explain_segment(panoptic_pass(), (8, 8), method=None)


def test_every_public_function_with_an_image_is_called_here() -> None:
    with_image = {
        name
        for name, function in public_functions()
        if {"image", "images", "before"} & set(inspect.signature(function).parameters)
    }
    # Other names for what is called by its first one.
    again = {name for name in with_image if name.rpartition(".")[2] in CALLS and "." in name and name not in CALLS}

    assert with_image - again - BATCHES == set(CALLS) - {"run_with_capture"}


def plain(answer: object) -> Any:
    """An answer as what can be compared bit for bit."""
    if isinstance(answer, Tensor):
        return (tuple(answer.shape), str(answer.dtype), answer.detach().contiguous().numpy().tobytes())
    if isinstance(answer, Figure):
        canvas = FigureCanvasAgg(answer)
        answer.set_dpi(50)
        canvas.draw()
        return bytes(canvas.buffer_rgba())
    if isinstance(answer, rl.FrozenHead):
        return plain((answer.image, answer.logits, answer.q, answer.weights, answer.image_digest))
    if isinstance(answer, rl.Record):
        return {name: plain(answer[name]) for name in answer}
    if isinstance(answer, rl.PixelView):
        return plain((answer.sentence(), answer.image, [view.record for view in answer.views]))
    if hasattr(answer, "to_dict"):
        return json.dumps(answer.to_dict())
    if hasattr(answer, "payload"):
        return answer.payload
    if isinstance(answer, dict):
        return {key: plain(value) for key, value in answer.items()}
    if isinstance(answer, (tuple, list)):
        return [plain(value) for value in answer]
    assert answer is None or isinstance(answer, (str, int, float)), type(answer)
    return answer


def called(name: str, image: Any) -> object:
    if name == "explore":
        pytest.importorskip("anywidget", reason="the notebooks extra is not installed")
    return CALLS[name](image)


KINDS: dict[str, Callable[[Tensor], Any]] = {
    "float": lambda image: image / 255,
    "batch": lambda image: image[None],
    "float batch": lambda image: image[None] / 255,
    "float64": lambda image: image.double() / 255,
    "array": lambda image: image.numpy(),
    "PIL": lambda image: Image.fromarray(image.permute(1, 2, 0).contiguous().numpy()),
}


@pytest.mark.parametrize("name", CALLS)
def test_every_kind_of_image_gives_the_same_answer(name: str) -> None:
    expected = plain(called(name, photograph()))
    # Drawing is dear, and every figure reads its image by one function.
    kinds = ("float batch", "PIL") if name.startswith("figures.draw") else KINDS
    for kind in kinds:
        given = KINDS[kind](photograph())
        before = given.clone() if isinstance(given, Tensor) else None

        assert plain(called(name, given)) == expected, kind
        assert before is None or torch.equal(given, before), "the caller's own image was changed"


REFUSED: dict[str, tuple[Callable[[Tensor], Any], str]] = {
    "0..255": (lambda image: image.float(), r"divide by 255"),
    "normalised": (lambda image: (image / 255 - 0.45) / 0.22, r"pass the photograph before normalisation"),
    "HWC": (lambda image: image.permute(1, 2, 0), r"image\.permute\(2, 0, 1\)"),
    "HWC float array": (lambda image: (image.permute(1, 2, 0) / 255).numpy(), r"image\.transpose\(2, 0, 1\)"),
    "int64": (lambda image: image.long(), r"convert it to uint8"),
    "grey": (lambda image: image[0], r"image\.expand\(3, -1, -1\)"),
    "palette": (lambda image: Image.new("P", (72, 64)), r"image\.convert\('RGB'\)"),
    "path": (lambda image: "street.png", r"read_image"),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_is_no_image_is_refused_by_a_remedy(name: str) -> None:
    for made, message in REFUSED.values():
        with pytest.raises(ValueError, match=message):
            called(name, made(photograph()))


OF_A_BATCH = {
    "Subject.forward",
    "Subject.coarse_logits",
    "Segmenter.forward",
    "Segmenter.coarse_logits",
    "Segmenter.pyramid_maps",
    "Segmenter.q_maps",
    "complementarity",
    "gaze_steps",
    "run_with_capture",
}


@pytest.mark.parametrize("name", sorted(set(CALLS) - OF_A_BATCH))
def test_a_batch_is_refused_where_one_image_is_meant(name: str) -> None:
    with pytest.raises(ValueError, match=r"batch of 2 images, expected one image: pass image\[i : i \+ 1\]"):
        called(name, photograph().expand(2, -1, -1, -1))


FOREIGN: dict[str, Callable[[nn.Module], object]] = {
    "FrozenHead.of": lambda net: rl.FrozenHead.of(net, photograph()),
    "compare": lambda net: rl.compare(net, model(), photograph()),
    "compare, right": lambda net: rl.compare(model(), net, photograph()),
    "context_ledger": lambda net: rl.context_ledger(net, photograph(), TARGET),
    "effective_field": lambda net: rl.effective_field(net, photograph(), (1, 1)),
    "explain": lambda net: rl.explain(net, net, photograph()),
    "flip_stories": lambda net: rl.flip_stories(model(), net, photograph()),
    "decision_flow": lambda net: rl.decision_flow(net, photograph(), TARGET),
    "level_ledger": lambda net: rl.level_ledger(net, photograph()),
    "operate": lambda net: rl.operate(net, photograph(), rl.surgery.Uniform()),
    "rejection_map": lambda net: rl.rejection_map(net, photograph(), TARGET),
    "run_arena": lambda net: rl.run_arena(net, rl.ArenaSettings()),
    "selection_gain": lambda net: rl.selection_gain(net, photograph(), TARGET),
    "view_pixel": lambda net: rl.view_pixel(net, photograph()),
    "trade_matrix": lambda net: rl.trade_matrix(net, model(), [rl.scenes.draw_scene(1, 64, 128).sample]),
    "figures.draw_figure": lambda net: rl.figures.draw_figure(net, photograph(), "ledger"),
}  # type: ignore[arg-type]


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_network_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(ValueError, match=r"this needs a Segmenter, .* got a Conv2d: for other networks use"):
        FOREIGN[name](nn.Conv2d(3, 4, 1).eval())


ASKING = sorted(name for name, call in CALLS.items() if "TARGET" in call.__code__.co_names)
PIXELS: dict[str, Callable[[Any], object]] = {
    "PixelTarget": lambda pixel: rl.PixelTarget(*pixel),
    "effective_field": lambda pixel: rl.effective_field(model(), photograph(), pixel),
    "relation_grids": lambda pixel: rl.relation_grids(model(), photograph(), pixel),
    "view_pixel": lambda pixel: rl.view_pixel(model(), photograph(), pixel=pixel),
    "compare": lambda pixel: rl.compare(model("sum"), model(), photograph(), pixel=pixel),
    "surgery.Uniform": lambda pixel: rl.surgery.Uniform("step54", where=pixel),
    "regions.connected_region": lambda pixel: rl.regions.connected_region(HALF.byte(), pixel),
}


@pytest.mark.parametrize("name", ASKING)
def test_what_is_no_target_is_refused_by_a_remedy(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(ASKING) >= 14
    for given, remedy in (((20, 31), "pass rl.PixelTarget(20, 31)"), (HALF, "pass rl.RegionTarget(mask)")):
        monkeypatch.setitem(globals(), "TARGET", given)

        with pytest.raises(ValueError, match=re.escape(remedy)):
            CALLS[name](photograph())


@pytest.mark.parametrize("name", ["explain", "flow_picture", "film.film_of_run", "figures.draw_figure"])
def test_a_region_is_refused_where_one_pixel_is_meant(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "TARGET", rl.RegionTarget(HALF))

    with pytest.raises(ValueError, match=r"where one pixel is meant: pass rl.PixelTarget\(y, x\)"):
        CALLS[name](photograph())


@pytest.mark.parametrize("name", PIXELS)
def test_a_pixel_is_two_whole_numbers_of_any_kind(name: str) -> None:
    PIXELS[name]((np.int64(20), torch.tensor(31)))
    for given in ((20.5, 31), ("a", 3)):
        with pytest.raises(ValueError, match=r"as a pixel: pass its row and column, two whole numbers, as in \(40, 50"):
            PIXELS[name](given)


def test_a_mask_may_be_an_array() -> None:
    mask = HALF.numpy()

    assert torch.equal(rl.RegionTarget(mask).mask, HALF)
    assert torch.equal(rl.surgery.Uniform("step54", where=mask).pixels(SIZE), HALF)
    assert torch.equal(rl.surgery.ZeroKeys(mask).region, HALF)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="must be bool with the axes y x, got float64 of shape"):
        rl.RegionTarget(mask.astype(float))


@pytest.mark.parametrize("function", [rl.relation_grids, rl.gaze_steps])
def test_a_network_without_relations_has_none_to_show(function: Callable[..., object]) -> None:
    where = ((1, 1),) if function is rl.relation_grids else ()
    with pytest.raises(ValueError, match="no relation step"):
        function(nn.Conv2d(3, 4, 1).eval(), photograph(), *where)


def results() -> dict[str, object]:
    """One object of each public class of results."""
    record = captured(photograph())[1]
    ledger = rl.context_ledger(model(), photograph(), TARGET)
    comparison = rl.compare(model("sum"), model(), photograph())
    flow = rl.context_flow(rl.run_with_capture(model(), photograph(), taps="step*")[1])
    scene = rl.scenes.draw_scene(3, 64, 128)
    street = model("rsp4", rl.scenes.SceneSplit.table.classes)
    outcome = PairOutcome("rsp4", "person-rider", 4, 1, (1.0, 1.0), 0.1, 0.0, {"ledger": {"cue_share": 0.5}})
    reading = rl.scenes.scene_target(scene.ambiguities[0], street.class_names)
    scene_ledger = rl.context_ledger(street, scene.image, reading)
    region = rl.regions.whole_image(SIZE)
    made: list[object] = [
        record,
        ledger,
        comparison,
        flow,
        flow["step54"],
        scene,
        scene.ambiguities[0],
        region,
        rl.FrozenHead.of(model(), photograph()),
        rl.freeze(subject(), photograph()),
        rl.check(subject(), photograph()),
        attention := rl.record_attention(looking(), photograph()),
        attention["1"].look(20, 31),
        rl.attention_gain(looking(), photograph(), TARGET),
        rl.decision_flow(model(), photograph(), TARGET),
        rl.flow_picture((model("sum"), model()), photograph(), TARGET),
        rl.level_ledger(model(), photograph()),
        rl.selection_gain(model(), photograph(), TARGET),
        rl.rejection_map(model(), photograph(), TARGET),
        rl.ledger_difference(ledger, ledger),
        rl.effective_field(model(), photograph(), (1, 2)),
        rl.looking_distance(ledger.maps, (1, 2), SIZE),
        rl.complementarity(model(), photograph(), draws=3, random_models=0)[0],
        rl.relation_grids(model(), photograph(), (1, 2))[0],
        rl.gaze_steps(model(), photograph())[0],
        rl.head_structure(model()),
        rl.context_paths(comparison)[1],
        rl.view_pixel(model(), photograph()),
        rl.flip_stories(model("sum"), model(), photograph(), least=1),
        rl.attribute(model(), photograph(), TARGET, FeatureAblation()),
        CALLS["input_curves"](photograph())["a"],  # type: ignore[index]
        explanation(),
        rl.operate(model(), photograph(), rl.surgery.Transplant(record, steps="step54")),
        change(),
        film(),
        film().states[0],
        film().states[0].gaze[0],
        film().states[0].complementarity[0],
        film().states[0].change,
        panel := rl.film.film_panels(film())[0],
        panel.curves[0],
        rl.level_pixels(model(), photograph(), TARGET, steps=1),
        next(iter(rl.scenes.reading_rates(street, scenes=1, size=(64, 128)).values())),
        rl.FrozenPair.of(model(), photograph(), photograph()),
        cut_widest(photograph()),
        knocked := rl.surgery.knock_out_levels(model(), photograph(), TARGET),
        knocked.levels[3],
        panoptic_pass(),
        segment_story(),
        rl.compare_segments(panoptic_pass(), panoptic_pass()),
        runs := rl.surgery.run_surgery(model(), photograph(), rl.surgery.Uniform("step54")),
        runs.account(TARGET),
        rl.trade_matrix(street, street, [scene.sample]),
        rl.surgery.Transplant(record),
        rl.scenes.region_answers(street, [scene])[0],
        rl.scenes.scene_changes(street, [rl.scenes.draw_scene_pair(3, 64, 128)])[0],
        rl.scenes.scene_sources(scene_ledger, scene),
        rl.ArenaResult(("rsp4",), {"rsp4": "relations"}, {}, (outcome,), {}),
        rl.adapt(nn.Conv2d(3, 3, 1).eval(), class_names=("a", "b", "c"), cut=""),
        rl.scenes.SceneSplit("val", (64, 128)),
        rl.zone_contributions(
            rl.FrozenHead.of(model(), photograph()), torch.ones(1, 16, 18), torch.tensor([[1.0, 0, 0, -1]])
        ),
    ]
    return {type(one).__name__: one for one in made}


def test_every_public_result_prints_as_a_few_lines() -> None:
    made = results()
    public = {
        value.__name__
        for namespace in NAMESPACES
        for value in map(namespace.__dict__.get, namespace.__all__)
        if inspect.isclass(value) and issubclass(value, Summarised)
    }
    operations = {
        "Centre",
        "FrozenPass",
        "Operation",
        "Shuffle",
        "Temperature",
        "Uniform",
        "ZeroKeys",
        "ZeroNeighbours",
    }
    assert public - operations <= set(made), "make one of each"
    for name, result in made.items():
        lines = repr(result).splitlines()
        assert 1 <= len(lines) <= LINES, name
        assert max(map(len, lines)) <= COLUMNS, name
        page = result._repr_html_()  # type: ignore[attr-defined]
        assert page.startswith("<table>"), name
        assert "http" not in page, name
        assert "<script" not in page, name


def test_the_namespaces_say_what_they_are() -> None:
    for namespace in NAMESPACES:
        assert isinstance(namespace, ModuleType)
        assert namespace.__doc__
        assert "rl." in namespace.__doc__ or namespace is rl
        for name in namespace.__all__:
            value = getattr(namespace, name)
            if inspect.isfunction(value) or inspect.isclass(value):
                assert inspect.getdoc(value), f"{namespace.__name__}.{name}"


def test_a_name_from_outside_is_text() -> None:
    stranger = Segmenter(presets.tiny_rsp4(("<b>", "two")), name="![x](https:127.0.0.1) <img src=x>").eval()

    page = rl.FrozenHead.of(stranger, photograph())._repr_html_()

    assert "<img" not in page
    assert "<b>" not in page


def test_an_array_that_is_not_writable_stays_the_callers() -> None:
    array = photograph().numpy()
    frozen = np.broadcast_to(array, array.shape)

    assert rl.context_ledger(model(), frozen, TARGET).total == rl.context_ledger(model(), array, TARGET).total


@pytest.mark.parametrize("name", ["effective_field", "rejection_map", "selection_gain"])
def test_a_subject_is_told_what_there_is_for_it(name: str) -> None:
    subject = rl.adapt(nn.Conv2d(3, 3, 1).eval(), class_names=("a", "b", "c"), cut="")
    with pytest.raises(
        ValueError, match=r"a network of another make: of it ask rl\.context_ledger .* rl\.attention_gain"
    ):
        FOREIGN[name](subject)
