"""One captured pass answers what separate passes would, and costs no other one."""

from __future__ import annotations

import pytest
import torch

from rsp_lab.analysis.ledger.frozen_head import FrozenHead
from rsp_lab.analysis.ledger.ledger import context_ledger
from rsp_lab.analysis.ledger.levels import level_ledger
from rsp_lab.analysis.passes.captured import capture_pass
from rsp_lab.analysis.passes.residuals import context_residuals
from rsp_lab.analysis.relation_weights.gaze import gaze_steps
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.models.heads import TopDownConfig
from rsp_lab.models.presets import tiny_baseline, tiny_rsp4
from rsp_lab.models.relation import RelationConfig
from rsp_lab.models.segmenter import Segmenter, SegmenterConfig
from rsp_lab.shapes import Window
from tests.kit.networks import network

NAMES = ("road", "sky", "tree")


def build(config: SegmenterConfig) -> Segmenter:
    torch.manual_seed(3)
    return Segmenter(config).double().eval()


@pytest.fixture
def image() -> torch.Tensor:
    return torch.rand(1, 3, 92, 124, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("preset", [tiny_rsp4, tiny_baseline])
def test_everything_is_as_from_a_pass_of_its_own(preset, image):
    model, target = build(preset(NAMES)), PixelTarget(40, 50, "sky", "tree")
    looked = capture_pass(model, image)
    alone = FrozenHead.of(model, image)

    assert looked.frozen.image_digest == alone.image_digest
    assert torch.equal(looked.frozen.logits, alone.logits)
    ours, theirs = (
        context_ledger(looked.frozen, looked.image, target),
        context_ledger(alone, alone.image, target),
    )
    assert ours.total == theirs.total
    assert all(torch.equal(ours.maps[x], theirs.maps[x]) for x in theirs.levels)
    assert torch.equal(looked.level_ledger.contributions, level_ledger(model, image).contributions)
    if preset is tiny_baseline:
        assert looked.gaze == ()
        assert looked.step_gaze("step54") is None
        return
    for step, again in zip(looked.gaze, gaze_steps(model, image.double()), strict=True):
        assert looked.step_gaze(step.step) is step
        assert torch.equal(step.gaze, again.gaze)
        assert torch.equal(step.weights["content"], again.weights["content"])


@pytest.mark.parametrize("steps", [3, 1])
def test_a_relation_at_step_32_is_captured_too(steps, image):
    model = network(TopDownConfig((RelationConfig(Window(3)),) * steps), selective=True)
    looked, alone = capture_pass(model, image), FrozenHead.of(model, image)

    assert looked.frozen.steps == alone.steps == ("step54", "step43", "step32")[-steps:]
    assert all(torch.equal(weights, alone.weights[step]) for step, weights in looked.head.weights.items())
    assert [step.step for step in looked.gaze] == list(alone.steps)
    assert set(context_residuals(model, looked.record)) == set(alone.steps)
    assert torch.equal(looked.level_ledger.contributions, level_ledger(model, image).contributions)


def test_a_step_32_that_sums_is_left_out(image):
    assert not any(tap.startswith("step32") for tap in capture_pass(build(tiny_rsp4(NAMES)), image).record)


def test_nothing_runs_the_model_a_second_time(image, monkeypatch):
    model = build(tiny_rsp4(NAMES))
    looked = capture_pass(model, image)
    monkeypatch.setattr(model.pyramid, "forward", lambda *_: pytest.fail("the network ran again"))
    assert len(looked.gaze) == 4
    assert looked.frozen is looked.frozen
    assert looked.level_ledger.residual <= looked.level_ledger.tolerance


def test_in_inference_mode_gradients_still_exist(image):
    model = build(tiny_rsp4(NAMES))
    with torch.inference_mode():
        looked = capture_pass(model, image)
    assert context_ledger(looked.frozen, looked.image, PixelTarget(1, 2, "road", plain_logit=True)).residual < 1e-10


def test_a_captured_pass_stands_for_its_model_on_its_own_image_only(image):
    looked = capture_pass(build(tiny_rsp4(NAMES)), image)
    assert capture_pass(looked, image) is looked
    with pytest.raises(ValueError, match="of another image"):
        capture_pass(looked, 1 - image)


def test_a_model_in_training_is_refused(image):
    with pytest.raises(ValueError, match="eval"):
        capture_pass(build(tiny_rsp4(NAMES)).train(), image)
