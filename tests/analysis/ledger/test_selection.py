"""Gain and rejection against the model itself, run with the weights edited."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from rsp_lab.analysis.ledger.frozen_head import FrozenHead
from rsp_lab.analysis.ledger.selection import rejection_map, selection_gain
from rsp_lab.analysis.targets.regions import whole_image
from rsp_lab.analysis.targets.target import PixelTarget, RegionTarget, Target
from rsp_lab.capture.hooks import hooks
from rsp_lab.models import presets
from rsp_lab.models.heads import TopDownConfig
from rsp_lab.models.relation import RelationConfig
from rsp_lab.models.segmenter import Segmenter, resize_logits
from tests.kit.networks import NAMES, SIZE, network, noise_image, rectangle

pytestmark = pytest.mark.usefixtures("one_thread")
HEADS: dict[str, TopDownConfig] = {
    "rsp4": presets.rsp4(),
    "rsp4_d": presets.rsp4_d(),
    "self2": presets.self2(),
    "rsp4 unnormalised": presets.rsp4(RelationConfig(normalisation="none")),
}
PIXEL = PixelTarget(20, 31, "rider", "person")


def region() -> RegionTarget:
    return RegionTarget(rectangle(slice(5, 19), slice(40, 101)), "road", plain_logit=True)


class Answers:
    """The model's own head on the picture's pyramid with relation weights replaced, all other weights as given."""

    def __init__(self, model: Segmenter) -> None:
        self.head = model.head
        with torch.no_grad():
            x = (noise_image().to(model.head.classifier.weight) - model.mean) / model.std
            self.pyramid = model.pyramid(x.contiguous(memory_format=torch.channels_last))

    def __call__(self, weights: dict[str, Tensor], target: Target) -> float:
        edits: dict[str, Callable[[Tensor, object], Tensor]] = {
            f"{step}.weights": (lambda _, __, value=value: value) for step, value in weights.items()
        }
        with torch.no_grad(), hooks(self.head, edits):
            logits = resize_logits(self.head(self.pyramid), SIZE)[0]
        mean = (logits.double() * target.weights(SIZE)).sum((1, 2))
        return float(mean @ target.direction(NAMES))


def equal_weights(weights: Tensor, dilation: int) -> Tensor:
    """Written out in loops."""
    _, k, _, height, width = weights.shape
    result = torch.zeros_like(weights)
    for y in range(height):
        for x in range(width):
            inside = [
                (v, u)
                for v in range(k)
                for u in range(k)
                if 0 <= y + (v - k // 2) * dilation < height and 0 <= x + (u - k // 2) * dilation < width
            ]
            for v, u in inside:
                result[0, v, u, y, x] = 1 / len(inside)
    return result


@pytest.mark.parametrize("steps", [None, "first"])
@pytest.mark.parametrize("name", HEADS)
def test_gain_is_what_equal_weights_change_in_the_model(name: str, steps: str | None) -> None:
    model = network(HEADS[name], selective=True)
    frozen, answer = FrozenHead.of(model, noise_image()), Answers(model)
    chosen = frozen.steps if steps is None else frozen.steps[:1]
    dilation = model.head.steps[-2].fusion.config.window.dilation
    uniform = {step: equal_weights(frozen.weights[step], dilation) for step in chosen}

    gain = selection_gain(model, noise_image(), PIXEL, steps=None if steps is None else chosen)

    assert gain.steps == chosen
    assert gain.learnt.total == pytest.approx(answer({}, PIXEL), abs=1e-11)
    assert gain.uniform.total == pytest.approx(answer({**frozen.weights, **uniform}, PIXEL), abs=1e-11)
    assert sum(gain.sums.values()) + gain.bias == pytest.approx(gain.total, abs=1e-10)
    # A dilated window on a map of 2 x 3 cells sees its own position alone.
    assert abs(gain.total) > 1e-6 or all(torch.allclose(uniform[s], frozen.weights[s]) for s in chosen)
    # No step lies above the levels below the lowest one that was replaced.
    untouched = [x for x in frozen.levels if x <= min(int(step[-1]) for step in chosen)]
    assert all(float(gain.maps[x].abs().max()) == 0 for x in untouched)
    torch.testing.assert_close(float(gain.on_image().sum()), sum(gain.sums.values()), rtol=0, atol=1e-10)
    if "unnormalised" not in name:
        assert abs(gain.bias) < 1e-12


@pytest.mark.parametrize("target", [PIXEL, region()], ids=["pixel", "region"])
@pytest.mark.parametrize("name", HEADS)
def test_rejection_is_what_passing_all_down_changes_in_the_model(name: str, target: Target) -> None:
    model = network(HEADS[name], selective=True)
    frozen, answer = FrozenHead.of(model, noise_image()), Answers(model)

    found = rejection_map(model, noise_image(), target)
    before = answer({}, target)

    assert found.residual <= found.tolerance == 1e-10
    assert tuple(s.step for s in found.steps) == frozen.steps
    for step in found.steps:
        centre = torch.zeros_like(frozen.weights[step.step])
        half = centre.shape[1] // 2
        centre[:, half, half] = 1
        change = answer({**frozen.weights, step.step: centre}, target) - before
        assert step.total == pytest.approx(change, abs=1e-11)
        # A dilated window on a map of 2 x 3 cells sees its own position alone.
        assert abs(change) > 1e-6 or torch.allclose(centre, frozen.weights[step.step])
        assert step.refused + step.added == pytest.approx(step.total, abs=1e-12)
        assert step.refused >= 0 >= step.added
        assert float(found.on_image(step.step).sum()) == pytest.approx(step.total, abs=1e-11)


def test_a_cell_is_what_replacing_its_weights_alone_changes() -> None:
    model = network(HEADS["rsp4"], selective=True)
    frozen, answer = FrozenHead.of(model, noise_image()), Answers(model)
    values = rejection_map(frozen, frozen.image, region())["step54"].values
    before = answer({}, region())

    for y, x in torch.cartesian_prod(*map(torch.arange, values.shape)).tolist()[::4]:
        weights = frozen.weights["step54"].clone()
        weights[..., y, x] = 0
        weights[:, 3, 3, y, x] = 1
        change = answer({**frozen.weights, "step54": weights}, region()) - before
        assert float(values[y, x]) == pytest.approx(change, abs=1e-11)


def test_density_reads_as_logits_at_the_place() -> None:
    found = rejection_map(
        network(HEADS["rsp4"], selective=True), noise_image(), whole_image(SIZE, "road", plain_logit=True)
    )

    for step in found.steps:
        assert float(step.density.mean()) == pytest.approx(step.total, abs=1e-12)


def test_single_precision_and_summaries() -> None:
    frozen = FrozenHead.of(network(HEADS["rsp4"], dtype=torch.float32, selective=True), noise_image())
    gain, rejection = (
        selection_gain(frozen, frozen.image, PIXEL, steps=["step43", "step65"]),
        rejection_map(frozen, frozen.image, PIXEL),
    )

    assert gain.steps == ("step65", "step43")
    assert selection_gain(frozen, frozen.image, PIXEL, steps="step43").steps == ("step43",)
    assert max(gain.learnt.residual, gain.uniform.residual, rejection.residual) <= 1e-5
    summary = json.loads(json.dumps(gain.to_dict()))
    assert summary["total_learnt"] - summary["total_uniform"] == pytest.approx(summary["total"], abs=2e-6)
    assert json.loads(json.dumps(rejection.to_dict()))["steps"]["step54"]["cells"] == [5, 9]


def test_wrong_requests() -> None:
    for head in (presets.baseline_q67(), presets.context2(), presets.semantic_fpn()):
        with pytest.raises(ValueError, match="take a model with RSP steps"):
            selection_gain(network(head), noise_image(), PIXEL)
        with pytest.raises(ValueError, match="take a model with RSP steps"):
            rejection_map(network(head), noise_image(), PIXEL)
    frozen = FrozenHead.of(network(presets.rsp2()), noise_image())
    with pytest.raises(ValueError, match="it has step54, step43"):
        selection_gain(frozen, frozen.image, PIXEL, steps=("step32",))
    with pytest.raises(ValueError, match="steps is empty"):
        selection_gain(frozen, frozen.image, PIXEL, steps=())
    with pytest.raises(KeyError, match="no relation step 'step76'"):
        rejection_map(frozen, frozen.image, PIXEL)["step76"]
