"""The figure of why a segment is what it is, for every kind of place."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.text import Text

from rsp_lab.analysis.attribution.methods import GradientXInput
from rsp_lab.analysis.panoptic.merge import MergeRule
from rsp_lab.analysis.panoptic.places import Kind, places
from rsp_lab.analysis.panoptic.segmentation import PanopticPass, panoptic
from rsp_lab.analysis.panoptic.segments import SegmentStory, explain_segment
from rsp_lab.figures.results.segment_story import draw_segment_story, segment_story_caption
from rsp_lab.text import signed_fixed
from tests.kit import panoptic as kit
from tests.kit.figures import axes_of, words_of


@pytest.fixture(scope="module")
def seen() -> PanopticPass:
    image = torch.rand(3, *kit.SIZE, generator=torch.Generator().manual_seed(2))
    return panoptic(kit.panoptic_network(), image, MergeRule(score=0.28, overlap=0.5, stuff_area=200))


def told(seen: PanopticPass, kind: Kind) -> SegmentStory:
    place = next(place for place in places(seen.merged) if place.kind == kind)
    return explain_segment(seen, place.pixel, method=GradientXInput())


@pytest.mark.parametrize("kind", ["stuff", "thing", "void"])
def test_maps_and_bars_are_the_ledgers(seen: PanopticPass, kind: Kind) -> None:
    story = told(seen, kind)
    figure = draw_segment_story(seen.image, story)
    words = words_of(figure)

    for number, ledger in enumerate(story.ledgers):
        assert signed_fixed(ledger.total) in words
        for level, values in ledger.maps.items():
            _, shown = axes_of(figure, f"margin {number} level {level}").images
            np.testing.assert_array_equal(shown.get_array(), values.numpy())
            assert -shown.norm.vmin == shown.norm.vmax > 0
    assert ("attribution" in [axes.get_label() for axes in figure.axes]) == (kind == "thing")
    assert story.sentence().split(" ")[0] in " ".join(words)
    assert min(text.get_fontsize() for text in figure.findobj(Text) if text.get_text().strip()) >= 7
    caption = segment_story_caption(story, "x.png")
    assert story.sentence() in caption
    assert ("no ledger" in caption) == (kind == "thing")


def test_a_thing_on_the_border_is_shown_within_the_image(seen: PanopticPass) -> None:
    rows, columns = seen.image_size
    for place in places(seen.merged):
        if place.kind == "thing" and place.mask[:, 0].any():
            axes = axes_of(draw_segment_story(seen.image, told_at(seen, place.pixel)), "detail")
            assert axes.get_xlim()[0] >= -0.5
            assert max(axes.get_ylim()) <= rows - 0.5 + 1e-6
            assert axes.get_xlim()[1] <= columns - 0.5 + 1e-6
            return
    pytest.fail("this seed has a thing at the left border")


def told_at(seen: PanopticPass, pixel: tuple[int, int]) -> SegmentStory:
    return explain_segment(seen, pixel, method=GradientXInput())
