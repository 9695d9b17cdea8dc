"""Edited models against the head written out the obvious way, against frozen heads, and against themselves."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from itertools import product

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from rsp_lab.analysis.ledger.frozen_head import FrozenHead
from rsp_lab.analysis.metrics import mean_iou
from rsp_lab.analysis.surgery import presets as surgery_presets
from rsp_lab.analysis.surgery.operate import edited_weights, operate, predicted_change
from rsp_lab.analysis.surgery.operation import Operation
from rsp_lab.analysis.surgery.operations import Centre, Shuffle, Temperature, Transplant, Uniform, ZeroNeighbours
from rsp_lab.analysis.targets.target import PixelTarget, RegionTarget, target_value
from rsp_lab.capture.capture import run_with_capture
from rsp_lab.capture.hooks import hooks
from rsp_lab.models import presets
from rsp_lab.models.fusion import AverageFusion
from rsp_lab.models.heads import TopDownConfig
from rsp_lab.models.relation import RelationalSemanticsExtractor as Extractor
from rsp_lab.models.relation import RelationConfig
from rsp_lab.models.segmenter import Segmenter, resize_logits
from rsp_lab.relations.window import position_map
from rsp_lab.shapes import Window
from tests.kit.networks import NAMES, SIZE, network, noise_image, rectangle

pytestmark = pytest.mark.usefixtures("one_thread")
HEADS: dict[str, TopDownConfig] = {
    "rsp4": presets.rsp4(),
    "dilated": presets.rsp2(RelationConfig(Window(3, 2))),
    "dilated4": presets.rsp4(RelationConfig(Window(7, 2))),
    "baseline": presets.baseline_q67(),
    "self2": presets.self2(),
    "unnormalised": presets.rsp4(RelationConfig(normalisation="none")),
}
PIXEL = PixelTarget(20, 31, "rider", "person")
# Weights of one cell by offset in window positions, for the positions on the map.
Row = dict[tuple[int, int], float]


def naive_logits(model: Segmenter, change: Callable[[str, Row], Row]) -> Tensor:
    """The top-down path by unfolding, with each cell's weights passed through a function of one row."""
    with torch.no_grad():
        _, record = run_with_capture(model, noise_image().double(), taps="q*")
        levels = model.config.head.levels
        top = record[f"q{levels[-1]}"]
        for low, step in zip(reversed(levels[:-1]), model.head.steps, strict=True):
            own = record[f"q{low}"]
            high = F.interpolate(top, size=own.shape[-2:], mode="bilinear", align_corners=False)
            if isinstance(step.fusion, Extractor):
                high = naive_context(step.fusion, own, high, partial(change, f"step{low + 1}{low}"))
            top = own + high
        return model.head.classifier(top)


def naive_context(module: Extractor, low: Tensor, high: Tensor, change: Callable[[Row], Row]) -> Tensor:
    window, (height, width) = module.config.window, low.shape[-2:]
    k, d, half = window.kernel_size, window.dilation, window.half

    def unfold(x: Tensor) -> Tensor:
        return F.unfold(x, k, dilation=d, padding=half * d).view(x.shape[1], k, k, height, width)

    query = module.f_q(low if module.config.query_from == "low" else high)[0]
    place = torch.einsum("mc,cvw->mvw", module.f_p.weight, position_map(low.shape[1], window, dtype=low.dtype))
    scores = (query[:, None, None] * (unfold(module.f_k(high)) + place[..., None, None])).sum(0)
    weights = torch.zeros_like(scores)
    for y, x in product(range(height), range(width)):
        around = product(range(-half, half + 1), repeat=2)
        seen = [(v, u) for v, u in around if 0 <= y + v * d < height and 0 <= x + u * d < width]
        at = torch.stack([scores[v + half, u + half, y, x] for v, u in seen])
        numbers = at.softmax(0) if module.config.normalisation == "softmax" else at / (k * k)
        for (v, u), value in change(dict(zip(seen, numbers.tolist(), strict=True))).items():
            weights[v + half, u + half, y, x] = value
    return (weights[None] * unfold(module.f_v(high))).sum((1, 2))[None]


def scaled(row: Row, exponent: float = 1, gone: Collection[tuple[int, int]] = ()) -> Row:
    kept = {at: 0.0 if at in gone else value**exponent for at, value in row.items()}
    return {at: value / sum(kept.values()) for at, value in kept.items()}


GONE = ((0, -1), (1, 0))
CASES: dict[str, tuple[str, list[Operation], Callable[[str, Row], Row]]] = {
    "centre": ("rsp4", [Centre()], lambda _, row: {at: float(at == (0, 0)) for at in row}),
    "cut": ("rsp4", [ZeroNeighbours(renormalise=False)], lambda _, row: {at: row[at] * (at == (0, 0)) for at in row}),
    "uniform": ("dilated", [Uniform()], lambda _, row: dict.fromkeys(row, 1 / len(row))),
    "two gone": ("dilated", [ZeroNeighbours(GONE)], lambda _, row: scaled(row, gone=GONE)),
    "nothing": ("rsp4", [ZeroNeighbours("all", renormalise=False)], lambda _, row: dict.fromkeys(row, 0.0)),
    "sharper": ("self2", [Temperature(0.5)], lambda _, row: scaled(row, 2)),
    "doubled": ("unnormalised", [Temperature(0.5)], lambda _, row: {at: 2 * row[at] for at in row}),
    "one after the other": (
        "rsp4",
        [ZeroNeighbours(GONE), Temperature(2, steps="step54")],
        lambda step, row: scaled(row, 0.5 if step == "step54" else 1, GONE),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_an_edited_model_is_the_naive_head_with_edited_rows(case: str) -> None:
    head, operations, change = CASES[case]
    model = network(HEADS[head], selective=True)
    found = operate(model, noise_image(), operations, target=PIXEL)
    expected = naive_logits(model, change)
    torch.testing.assert_close(found.after.logits, expected, rtol=0, atol=1e-10)
    assert float((found.after.logits - found.before.logits).abs().max()) > 1e-6
    assert found.after.target_value == pytest.approx(target_value(expected[0], PIXEL, SIZE, NAMES), abs=1e-10)
    best, which = resize_logits(expected, SIZE)[0].topk(2, 0)
    sure = best[0] - best[1] > 1e-5
    assert torch.equal(found.after.labels[sure], which[0][sure])


@pytest.mark.parametrize(("head", "frozen_keys"), [("rsp4", False), ("rsp4", True), ("unnormalised", False)])
def test_identities_change_nothing(head: str, frozen_keys: bool) -> None:
    model = network(HEADS[head], selective=True)
    frozen = FrozenHead.of(model, noise_image())
    _, record = run_with_capture(model, noise_image().double())
    same = [Temperature(1), Transplant(frozen.weights), Transplant(record)]

    for operation in same:
        found = operate(model, noise_image(), operation, frozen_keys=frozen_keys)
        assert torch.equal(found.before.logits, found.after.logits)
        assert all(change.changed == 0 for change in found.weights.values())
    found = operate(model, noise_image(), ZeroNeighbours(()), frozen_keys=frozen_keys)
    torch.testing.assert_close(found.after.logits, found.before.logits, rtol=0, atol=1e-12)


def test_uniform_is_the_average_of_the_values() -> None:
    model, average = network(HEADS["rsp4"], selective=True), AverageFusion(Window())
    values: dict[str, Tensor] = {}
    edits: dict[str, Callable[[Tensor, object], Tensor | None]] = {}
    for step in FrozenHead.of(model, noise_image()).steps:
        edits[f"{step}.value"] = lambda value, _, step=step: values.update({step: value})
        edits[f"{step}.context"] = lambda context, _, step=step: average(values[step], values[step])
    with torch.no_grad(), hooks(model, edits):
        expected = model.coarse_logits(noise_image().double())

    found = operate(model, noise_image(), surgery_presets.as_context())
    torch.testing.assert_close(found.after.logits, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("operation", [Temperature(0.5), Shuffle(), Uniform()], ids=lambda made: type(made).__name__)
@pytest.mark.parametrize("head", ["rsp4", "self2", "unnormalised"])
def test_the_frozen_head_predicts_the_part_that_goes_through_the_values(head: str, operation: Operation) -> None:
    model = network(HEADS[head], selective=True)
    frozen = FrozenHead.of(model, noise_image())
    for steps in (frozen.steps[:1], frozen.steps[-1:], frozen.steps[:2], None):
        chosen = replace(operation, steps=steps)
        held = operate(model, noise_image(), chosen, frozen_keys=True)
        live = operate(model, noise_image(), chosen)
        for target in (PIXEL, RegionTarget(rectangle(slice(5, 19), slice(40, 101)), "road", plain_logit=True)):
            predicted = predicted_change(frozen, edited_weights(frozen, chosen), target)
            before, pinned, free = (
                target_value(x.logits[0], target, SIZE, NAMES) for x in (held.before, held.after, live.after)
            )
            assert pinned - before == pytest.approx(predicted, abs=1e-10)
            # Equal weights do not depend on keys, so that no step is left to react where all have them.
            fixed = isinstance(operation, Uniform) and steps in (None, frozen.steps)
            assert (abs(free - pinned) < 1e-10) == (fixed or steps == frozen.steps[-1:])


@pytest.mark.parametrize("operation", [Uniform, Centre, Shuffle])
def test_rows_stay_on_the_map_and_sum_to_one(operation: type[Operation]) -> None:
    frozen = FrozenHead.of(network(HEADS["rsp4"], selective=True), noise_image())
    for step, weights in edited_weights(frozen, operation()).items():
        outside = frozen.uniform_weights(step) == 0
        assert bool((weights[outside] == 0).all())
        torch.testing.assert_close(weights.sum((1, 2)), torch.ones_like(weights[:, 0, 0]), rtol=0, atol=1e-12)
        if operation is Shuffle:
            before, after = (w.flatten(1, 2).sort(1).values for w in (frozen.weights[step], weights))
            assert torch.equal(before, after)
            assert not torch.equal(edited_weights(frozen, Shuffle(1))[step], weights)


def test_only_the_cells_in_question_are_touched() -> None:
    frozen = FrozenHead.of(network(HEADS["rsp4"], selective=True), noise_image())
    for step, held in frozen.weights.items():
        height, width = held.shape[-2:]
        rows, columns = SIZE[0] / height, SIZE[1] / width
        touched = torch.zeros(height, width, dtype=torch.bool)
        for i, j in product(range(height), range(width)):
            touched[i, j] = i * rows < 21 and (i + 1) * rows > 20 and j * columns < 48 and (j + 1) * columns > 30
        pixel = torch.zeros_like(touched)
        pixel[int(20.5 / rows), int(47.5 / columns)] = True
        for where, cells in ((rectangle(slice(20, 21), slice(30, 48)), touched), ((20, 47), pixel)):
            weights = edited_weights(frozen, Centre(where=where, steps=step))[step]
            assert torch.equal((weights != held).flatten(0, 2).any(0), cells)
            assert torch.equal(weights[..., cells], frozen.centre_weights(step)[..., cells])


def test_what_changed_inside_and_outside() -> None:
    label = torch.randint(0, 3, SIZE, generator=torch.Generator().manual_seed(1))
    label[:9] = 255
    where = rectangle(slice(0, 40), slice(0, 70))
    found = operate(
        network(HEADS["rsp4"], selective=True),
        noise_image(),
        [Centre(where=where), Uniform(where=(50, 100))],
        label=label,
    )
    where[50, 100] = True
    other = (found.before.labels != found.after.labels).double()
    assert found.changed_inside == pytest.approx(float((other * where).sum()) / 2801)
    assert found.changed_outside == pytest.approx(float((other * ~where).sum()) / (67 * 131 - 2801))
    for answer in (found.before, found.after):
        assert answer.iou is not None
        for c, iou in enumerate(answer.iou):
            said, true = (answer.labels == c) & (label != 255), label == c
            assert iou == pytest.approx(int((said & true).sum()) / int((said | true).sum()))
    summary = json.loads(json.dumps(found.to_dict()))
    assert summary["after"]["miou"] == pytest.approx(mean_iou(found.after.iou or ()), abs=1e-6)
    assert 0 < summary["weights"]["step43"]["moved"] <= 1


def test_the_model_is_left_as_it_was() -> None:
    model = network(HEADS["rsp4"], dtype=torch.float32, selective=True)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    operate(model, noise_image(), Shuffle())
    with pytest.raises(ValueError, match="no weights of step76"):
        operate(model, noise_image(), Transplant({}))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_a_frozen_head_starts_from_its_q_maps() -> None:
    model = network(HEADS["rsp4"], dtype=torch.float32, selective=True)
    frozen = FrozenHead.of(model, noise_image())
    expected = operate(model, noise_image(), Uniform(steps="step54"))
    model.pyramid.forward = lambda _: pytest.fail("the encoder ran")  # type: ignore[method-assign]

    found = operate(frozen, noise_image(), Uniform(steps="step54"))

    assert torch.equal(found.before.logits, expected.before.logits)
    assert torch.equal(found.after.logits, expected.after.logits)
    assert found.after.logits.ne(found.before.logits).any()


def test_a_step_may_be_given_by_its_name_alone() -> None:
    frozen = FrozenHead.of(network(HEADS["rsp4"], selective=True), noise_image())

    for kind in (Uniform, Centre):
        assert kind("step54").acts_at(frozen) == kind(steps=("step54",)).acts_at(frozen) == ("step54",)
        assert repr(kind("step54")) == repr(kind(steps="step54"))
    assert Uniform("step54", where=(3, 4)).describe() == "equal weights at step54, at pixel (3, 4)"


def test_presets_say_that_nothing_was_retrained() -> None:
    selection = surgery_presets.without_selection("step54", (3, 4))
    context = surgery_presets.without_context(("step54", "step43"), rectangle(slice(0, 2), slice(0, 2)))
    assert selection.describe() == "without selection (no retraining): equal weights at step54, at pixel (3, 4)"
    assert context.describe().endswith("(no retraining): weight 0 on all at step54, step43, on 4 pixels")
    said = operate(
        network(HEADS["rsp4"], selective=True), noise_image(), surgery_presets.as_sum(), frozen_keys=True
    ).describe()
    assert said.endswith("at every step, whole map, all other weights held; nothing retrained")


def test_wrong_requests() -> None:
    model = network(HEADS["rsp4"], selective=True)
    frozen = FrozenHead.of(model, noise_image())
    small, one = FrozenHead.of(model, noise_image(size=(40, 131))), {"step54.weights": frozen.weights["step54"]}
    negative = Transplant({"step43": -frozen.weights["step43"]}, steps="step43")
    faults: list[tuple[str, list[Operation]]] = [
        ("it has step76, step65, step54, step43", [Uniform(steps="step32")]),
        (r"shape \(1, 7, 7, 1, 3\), expected \(1, 7, 7, 2, 3\)", [Transplant(small.weights)]),
        ("it has step54.weights. Name its steps", [Transplant(one)]),
        ("index is -1, but the source's batch has the images 0 to 0", [Transplant(frozen.weights, index=-1)]),
        ("offsets go from -3 to 3", [ZeroNeighbours(((0, 4),))]),
        ("no weight left to renormalise", [ZeroNeighbours("all")]),
        ("make it of that size", [Centre(where=torch.ones(4, 4, dtype=torch.bool))]),
        ("outside", [Centre(where=(67, 0))]),
        ("negative weights", [negative, Temperature(2, steps="step43")]),
        ("operations is empty", []),
    ]
    for message, operations in faults:
        with pytest.raises(ValueError, match=message):
            operate(model, noise_image(), operations)
    with pytest.raises(ValueError, match="another dilation"):
        operate(network(HEADS["dilated4"], selective=True), noise_image(), Transplant(frozen.weights))
    with pytest.raises(ValueError, match="no relation step, so it selects nothing: take a model with RSP steps"):
        operate(network(HEADS["baseline"], selective=True), noise_image(), Uniform())
    for message, label in (("expected train ids 0 to 2", torch.full(SIZE, 3)), ("nearest", torch.zeros(4, 4).long())):
        with pytest.raises(ValueError, match=message):
            operate(model, noise_image(), Uniform(), label=label)
    for message, made in (
        ("positive and finite", lambda: Temperature(0)),
        ("mask without a pixel", lambda: Uniform(where=rectangle(slice(0, 0), slice(0, 0)))),
        ("steps is empty", lambda: Uniform(steps=())),
        ("the mask must be bool", lambda: Uniform(where=torch.ones(SIZE))),
    ):
        with pytest.raises(ValueError, match=message):
            made()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ZeroNeighbours("al"), r"positions is 'al': give 'all' or 'all but centre', or offsets"),
        (lambda: ZeroNeighbours((0, -1)), r"positions is \(0, -1\): .* as in \(\(0, -1\), \(0, 1\)\)"),
        (lambda: ZeroNeighbours(None), r"positions is None"),
        (lambda: Uniform(54), r"steps has 54, which is no name: name steps as in 'step54'"),
        (lambda: Centre((54,)), r"steps has 54"),
        (lambda: Shuffle(steps=0), r"steps has 0"),
        (lambda: Shuffle(seed=0.5), r"seed must be a whole number"),
        (lambda: Uniform(heads=0), r"heads is 0: number them in a tuple, as in \(0, 2\)"),
        (lambda: Temperature("2"), r"positive and finite, got '2'"),
        (lambda: edited_weights(None, "uniform"), r"got 'uniform' as an operation: give one of rl\.surgery"),
        (lambda: edited_weights(None, [Uniform(), 3]), r"got 3 as an operation"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_is_no_operation(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.usefixtures("unchecked")
def test_steps_positions_and_heads_as_lists() -> None:
    assert Uniform(["step54", "step43"], heads=[0, 2]).named == ("step54", "step43")
    assert Uniform(heads=[0, 2]).heads == (0, 2)
    assert ZeroNeighbours([[0, -1]]).positions == ((0, -1),)


def test_however_low_a_temperature_all_weight_is_on_the_largest() -> None:
    frozen = FrozenHead.of(network(HEADS["rsp4"], selective=True).float(), noise_image())

    for step, weights in edited_weights(frozen, Temperature(1e-40)).items():
        largest = frozen.weights[step] == frozen.weights[step].amax((1, 2), keepdim=True)
        assert torch.equal(weights, largest / largest.sum((1, 2), keepdim=True))
