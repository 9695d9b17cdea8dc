"""What a model says about regions of drawn scenes, and which models are not asked."""

from __future__ import annotations

import pytest
import torch

from rsp_lab.analysis.scenes.answers import RegionAnswer, accuracy, region_answers, region_iou
from rsp_lab.data.scenes.scene import Scene, draw_scene_pair
from rsp_lab.models import weights
from rsp_lab.models.segmenter import Segmenter


@pytest.fixture(scope="module")
def model() -> Segmenter:
    return weights.load("scenes-rsp4-tiny")


@pytest.fixture(scope="module")
def scenes() -> tuple[Scene, Scene]:
    return draw_scene_pair(2_000_000, 64, 128, case="road-pavement")


def test_an_answer_is_that_of_the_logits_in_the_region(model: Segmenter, scenes: tuple[Scene, Scene]) -> None:
    for scene, found in zip(scenes, region_answers(model, scenes), strict=True):
        own = scene.ambiguities[0]
        with torch.no_grad():
            logits = model(scene.image[None] / 255)[0]
        labels = logits.argmax(0)[own.region]
        margins = (logits[own.class_id] - logits[own.alternative_id])[own.region]
        assert found.margin == pytest.approx(float(margins.mean()), abs=1e-5)
        assert found.pixels == int(own.region.sum())
        assert found.right == int((labels == own.class_id).sum())
        assert found.swapped == int((labels == own.alternative_id).sum())


def test_a_model_of_other_classes_has_no_answer(scenes: tuple[Scene, Scene]) -> None:
    """Its logits were read as those of Cityscapes' classes."""
    with pytest.raises(ValueError, match="does not know the classes of the drawn scenes"):
        region_answers(weights.load("camvid-rsp4-tiny"), scenes)


def test_a_model_in_training_mode_is_not_asked(scenes: tuple[Scene, Scene]) -> None:
    model = weights.load("scenes-rsp4-tiny").train()
    before = {name: value.clone() for name, value in model.state_dict().items()}

    with pytest.raises(ValueError, match="training mode"):
        region_answers(model, scenes)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_answers_are_in_full_precision_within_autocast(model: Segmenter, scenes: tuple[Scene, Scene]) -> None:
    expected = region_answers(model, scenes)

    with torch.autocast("cpu", torch.bfloat16):
        assert region_answers(model, scenes) == expected


def answer(reading: int, right: int, swapped: int, margin: float) -> RegionAnswer:
    return RegionAnswer("car-bus", 1, reading, 4, 10, right, swapped, margin)


def test_scores_of_answers_by_hand() -> None:
    found = [answer(0, 8, 1, 2.0), answer(1, 5, 3, -1.0), answer(1, 0, 0, 0.0)]

    # Right, wrong, and neither.
    assert accuracy(found) == pytest.approx(1.5 / 3)
    # Of reading 0: 8 of its 10 pixels and the 3 that the other reading calls so; of reading 1: 5 of 20 and 1.
    assert region_iou(found) == pytest.approx((8 / 13 + 5 / 21) / 2)
