"""The score of a detection as a function of the image."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from rsp_lab.analysis.attribution.methods import FeatureAblation, GradientXInput, IntegratedGradients
from rsp_lab.analysis.panoptic.score import ScoreFunction, attribute_score, detected_score, log_odds
from rsp_lab.analysis.panoptic.segmentation import PanopticPass


@pytest.fixture(scope="module")
def seen(panoptic_pair: tuple[PanopticPass, PanopticPass]) -> PanopticPass:
    return panoptic_pair[0]


def test_log_odds_are_those_of_a_softmax() -> None:
    logits = torch.tensor([[1.0, 2.0, -0.5], [0.0, 0.0, 3.0]], dtype=torch.float64)
    p = logits.softmax(1)

    for place in range(3):
        assert torch.allclose(log_odds(logits, place), torch.log(p[:, place] / (1 - p[:, place])))


@pytest.mark.parametrize("rank", [1, 2, 30])
def test_the_region_of_a_detection_gives_its_score(seen: PanopticPass, rank: int) -> None:
    target = detected_score(seen, rank)
    function = ScoreFunction(seen.model, seen.image, target)

    assert torch.tensor(function.target_value).sigmoid() == pytest.approx(target.score, abs=1e-5)
    assert target.box == pytest.approx(seen.output.detections.boxes[rank - 1].tolist())
    assert function.passes == 1
    assert target.name in target.describe()


def test_integrated_gradients_of_a_score_add_up_to_its_change(seen: PanopticPass) -> None:
    found = attribute_score(seen, 1, IntegratedGradients(steps=32), reference="mean")

    assert found.residual is not None
    assert found.residual < 0.05
    assert found.values.shape == seen.image_size
    assert torch.tensor(found.target_value).sigmoid() == pytest.approx(seen.merged.instances[0].score, abs=1e-5)


def test_segments_are_taken_away_one_by_one(seen: PanopticPass) -> None:
    titles = {segment.id: seen.merged.title(segment.id) for segment in seen.merged.map.segments}
    found = attribute_score(seen, 1, FeatureAblation(seen.merged.map.ids, titles))
    most = found.regions[0]
    image = seen.image.clone()
    own = seen.merged.map.ids == most.number
    from rsp_lab.analysis.attribution.references import reference_image

    image[0, :, own] = reference_image(seen.image, "blur")[0, :, own]
    function = ScoreFunction(seen.model, seen.image, detected_score(seen, 1))
    with torch.no_grad():
        fall = function.target_value - float(function(image))

    assert most.effect == pytest.approx(fall, abs=1e-4)
    assert most.name == titles.get(most.number, f"region {most.number}")


def test_the_work_that_is_done_is_reported_and_the_model_stays_as_it_was(seen: PanopticPass) -> None:
    shares: list[float] = []
    attribute_score(seen, 1, GradientXInput(), report=shares.append)

    assert shares[-1] == 1
    assert all(parameter.grad is None for parameter in seen.model.parameters())


def test_a_detection_that_is_not_there_is_refused(seen: PanopticPass) -> None:
    with pytest.raises(ValueError, match="there is no detection 0"):
        detected_score(seen, 0)


def test_weights_that_changed_since_are_told(seen: PanopticPass) -> None:
    boxes = seen.output.detections.boxes.clone()
    boxes[0] += 3
    moved = replace(seen, output=replace(seen.output, detections=replace(seen.output.detections, boxes=boxes)))

    with pytest.raises(RuntimeError, match="its weights changed"):
        detected_score(moved, 1)
