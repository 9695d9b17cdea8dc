"""The context flow of a record, and a capture that proves itself."""

from __future__ import annotations

import pytest
import torch

from rsp_lab.analysis.passes.flow import context_flow
from rsp_lab.analysis.passes.residuals import context_residuals
from rsp_lab.capture.capture import run_with_capture
from rsp_lab.capture.hooks import hooks
from rsp_lab.models.presets import tiny_baseline, tiny_rsp4
from rsp_lab.models.relation import relation_modules
from rsp_lab.models.segmenter import Segmenter
from tests.kit.networks import noise_image

NAMES = ("road", "rider", "person")


@pytest.fixture(scope="module")
def rsp4() -> Segmenter:
    torch.manual_seed(3)
    return Segmenter(tiny_rsp4(NAMES)).eval()


@pytest.fixture(scope="module")
def image() -> torch.Tensor:
    return torch.rand(2, 3, 97, 131, generator=torch.Generator().manual_seed(4))


@torch.no_grad()
def test_flow_of_a_relation_model(rsp4: Segmenter, image: torch.Tensor) -> None:
    _, record = run_with_capture(rsp4, image, taps=["q*", "step*"])
    flow = context_flow(record, index=1)

    assert [(s.high, s.low) for s in flow] == [(7, 6), (6, 5), (5, 4), (4, 3), (3, 2)]
    step = flow[5, 4]
    assert step.name == "step54"
    torch.testing.assert_close(step.own, record["q4"][1], rtol=0, atol=2e-6)
    assert torch.equal(step.fused, record["step54.fused"][1])
    assert step.weights is not None
    assert step.weights.shape == (7, 7, *step.fused.shape[-2:])
    assert flow[3, 2].weights is None
    assert torch.equal(flow[3, 2].context, flow[3, 2].passed)
    assert flow.to_dict()["step54"] == {"cells": [7, 9], "channels": 64, "relation": True}
    assert flow.names == ("step76", "step65", "step54", "step43", "step32")
    assert flow["step54"] is flow.get("step54") is step
    assert flow.get("step87") is None
    for missing in ((7, 5), "step87"):
        with pytest.raises(KeyError, match=r"no step .*; captured steps: step76, step65"):
            flow[missing]


@torch.no_grad()
def test_flow_of_the_baseline_passes_everything_down(image: torch.Tensor) -> None:
    model = Segmenter(tiny_baseline(NAMES)).eval()
    _, record = run_with_capture(model, image, taps="step*")

    for step in context_flow(record):
        assert torch.equal(step.context, step.passed)


@torch.no_grad()
def test_a_record_without_steps_is_refused(rsp4: Segmenter, image: torch.Tensor) -> None:
    _, record = run_with_capture(rsp4, image, taps="q*")

    with pytest.raises(ValueError, match="capture a top-down model with taps='step"):
        context_flow(record)


@torch.no_grad()
def test_captured_context_is_what_query_key_and_value_give(rsp4: Segmenter, image: torch.Tensor) -> None:
    _, record = run_with_capture(rsp4.double(), image.double(), taps="step*")
    residuals = context_residuals(rsp4, record)
    rsp4.float()

    assert list(residuals) == ["step76", "step65", "step54", "step43"] == list(relation_modules(rsp4))
    assert max(residuals.values()) < 1e-12


@torch.no_grad()
def test_the_proof_fails_for_an_edited_run(rsp4: Segmenter, image: torch.Tensor) -> None:
    def uniform(weights: torch.Tensor, _: object) -> torch.Tensor:
        return torch.full_like(weights, 1 / 49)

    with hooks(rsp4, {"step54.weights": uniform}):
        _, record = run_with_capture(rsp4, image, taps="step*")
    residuals = context_residuals(rsp4, record)

    assert residuals["step54"] > 1e-2
    assert residuals["step76"] < 1e-5


@pytest.mark.usefixtures("unchecked")
def test_what_is_no_record_and_no_image_of_it(rsp4: Segmenter) -> None:
    _, record = run_with_capture(rsp4, noise_image(), taps="step*")
    for wrong, index, message in (
        (record, 5, "the record is of 1 images, got index 5: count from 0 to 0"),
        (rsp4, 0, r"got a Segmenter as the record: capture one, as in .* rl\.run_with_capture"),
    ):
        with pytest.raises(ValueError, match=message):
            context_flow(wrong, index)
