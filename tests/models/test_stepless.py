"""Semantic FPN as a network of any make: the same answers, its levels, and a ledger that adds up."""

from __future__ import annotations

import pytest
import torch

import rsp_lab as rl
from rsp_lab.analysis.passes.view import view_model
from rsp_lab.models.heads import SemanticFPNConfig
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.stepless import stepless_as_subject
from rsp_lab.models.subject import Subject
from tests.kit.heads import TOP_DOWN_HEADS
from tests.kit.networks import NAMES, network, noise_image


@pytest.fixture(scope="module")
def model() -> Segmenter:
    found = network(SemanticFPNConfig(), dtype=torch.float32, channels=64)
    found.name = "semantic fpn"
    return found


def test_it_answers_as_the_model_does(model: Segmenter) -> None:
    subject, image = stepless_as_subject(model), noise_image()

    assert isinstance(subject, Subject)
    assert (subject.name, subject.class_names) == ("semantic fpn", NAMES)
    assert torch.equal(subject(image), model.coarse_logits(image))
    assert {id(one) for one in subject.parameters()} == {id(one) for one in model.parameters()}


def test_its_levels_are_those_of_the_pyramid_and_its_ledger_is_exact(model: Segmenter) -> None:
    image = noise_image()
    subject = stepless_as_subject(model)
    found = rl.context_ledger(subject, image, rl.PixelTarget(20, 30, "road", "rider"))
    with torch.no_grad():
        logits = model(image)[0, :, 20, 30]

    assert found.residual < 1e-5
    assert found.total == pytest.approx(float(logits[0] - logits[1]), abs=1e-5)
    pyramid = model.pyramid_maps(image)
    assert {x: tuple(one.shape) for x, one in found.maps.items()} == {
        x: tuple(pyramid[x].shape[-2:]) for x in (2, 3, 4, 5)
    }


def test_it_is_viewed_and_compared_as_a_subject(model: Segmenter) -> None:
    image = noise_image()
    view = view_model(model, image)
    other = network(TOP_DOWN_HEADS["rsp4"], dtype=torch.float32)

    assert view.name == "semantic fpn"
    assert isinstance(view.looked.model, Subject)
    assert rl.check(stepless_as_subject(model), image).exact
    assert rl.compare(other, model, image).answers[1].label in NAMES


def test_any_other_model_is_left_as_it_is(model: Segmenter) -> None:
    subject = stepless_as_subject(model)
    for one in (network(TOP_DOWN_HEADS["rsp4"]), subject):
        assert stepless_as_subject(one) is one
