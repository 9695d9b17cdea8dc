"""A panoptic model on one image: what is merged is what its branches say."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from rsp_lab.analysis.panoptic.merge import MergeRule
from rsp_lab.analysis.panoptic.segmentation import PanopticPass, panoptic, table_of
from rsp_lab.models.panoptic.segmenter import PanopticSegmenter
from tests.kit import panoptic as kit

ALL = MergeRule(score=0.05, overlap=0.8, stuff_area=1)


@pytest.fixture(scope="module")
def model() -> PanopticSegmenter:
    return kit.panoptic_network()


@pytest.fixture(scope="module")
def image() -> Tensor:
    return torch.rand(3, 61, 98, generator=torch.Generator().manual_seed(2))


@pytest.fixture(scope="module")
def seen(model: PanopticSegmenter, image: Tensor) -> PanopticPass:
    return panoptic(model, image, ALL)


def test_what_is_merged_is_what_the_branches_say(model: PanopticSegmenter, image: Tensor, seen: PanopticPass) -> None:
    with torch.no_grad():
        alone = model(image)

    assert torch.equal(seen.merged.labels, model.semantic(image)[0].argmax(0))
    assert torch.equal(seen.output.detections.masks, alone.detections.masks)
    assert (seen.image_size, seen.merged.unaccounted) == ((61, 98), 0)
    assert [c.name for c in seen.merged.table.categories] == [*kit.THINGS, *kit.STUFF]
    assert seen.merged.map.segments
    assert model.name in repr(seen)


def test_the_frozen_head_is_that_of_the_semantic_branch(seen: PanopticPass) -> None:
    assert torch.allclose(seen.frozen.logits, seen.output.logits, atol=1e-5)


def test_a_frozen_head_that_is_there_already_is_taken_and_one_of_another_image_refused(
    model: PanopticSegmenter, image: Tensor, seen: PanopticPass
) -> None:
    assert panoptic(model, image, held=seen.frozen).frozen is seen.frozen
    with pytest.raises(ValueError, match="of another image"):
        panoptic(model, image / 2, held=seen.frozen)


def test_other_bounds_need_no_other_pass(model: PanopticSegmenter, image: Tensor, seen: PanopticPass) -> None:
    rule = MergeRule(score=0.28)
    again = seen.merged_by(rule)

    assert torch.equal(again.merged.map.ids, panoptic(model, image, rule).merged.map.ids)
    assert again.output is seen.output


def test_an_image_smaller_than_a_window_has_its_segments(model: PanopticSegmenter) -> None:
    seen = panoptic(model, torch.rand(3, 5, 7), ALL)

    assert seen.image_size == (5, 7)
    assert seen.merged.unaccounted == 0


def test_by_the_published_bounds_an_untrained_model_finds_no_thing(model: PanopticSegmenter, image: Tensor) -> None:
    merged = panoptic(model, image).merged

    assert merged.rule == MergeRule.for_size(61, 98)
    assert {fate.dropped for fate in merged.instances} == {"score"}


def test_a_model_in_training_mode_or_with_broken_weights_is_refused(image: Tensor) -> None:
    model = kit.panoptic_network()
    with pytest.raises(ValueError, match="training mode"):
        panoptic(model.train(), image)
    torch.nn.init.constant_(next(model.semantic.head.parameters()), float("nan"))
    with pytest.raises(ValueError, match="not finite"):
        panoptic(model.eval(), image)


def test_the_table_follows_the_names(model: PanopticSegmenter) -> None:
    table = table_of(model.config)

    assert (len(table.things), len(table.stuff)) == (3, 4)
