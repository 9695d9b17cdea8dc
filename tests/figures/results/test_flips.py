"""Stories as rows: bars that add up, the region outlined where it is, and the words of the result."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rsp_lab.analysis.comparison.flips import FlipStories, flip_stories
from rsp_lab.figures.results.flips import close_up, draw_flips, flips_caption
from rsp_lab.models.presets import tiny_baseline, tiny_rsp4
from rsp_lab.models.segmenter import Segmenter

NAMES = ("road", "sky", "tree")


@pytest.fixture(scope="module")
def image():
    return torch.randint(0, 256, (3, 96, 160), generator=torch.Generator().manual_seed(2), dtype=torch.uint8)


@pytest.fixture(scope="module")
def found(image):
    models = []
    for number, preset in enumerate((tiny_baseline, tiny_rsp4)):
        torch.manual_seed(number)
        models.append(Segmenter(preset(NAMES), name="ab"[number]).eval())
    truth = torch.randint(0, 3, (96, 160), generator=torch.Generator().manual_seed(3))
    return flip_stories(*models, image, labels=truth, count=2)


def test_rows_add_up_to_the_logits(found):
    for story in found.stories:
        entries = story.leading_entries()
        assert sum(entry.left for entry in entries) == pytest.approx(story.left.total, abs=1e-4)
        assert sum(entry.right for entry in entries) == pytest.approx(story.right.total, abs=1e-4)


def test_bars_are_the_entries(found, image):
    figure = draw_flips(image, found)
    for number, story in enumerate(found.stories, 1):
        axes = next(a for a in figure.axes if a.get_label() == f"entries {number}")
        drawn = {patch.get_gid(): patch.get_width() for patch in axes.patches}
        for entry in story.leading_entries():
            assert drawn[f"{entry.describe()} left"] == pytest.approx(entry.left)
            assert drawn[f"{entry.describe()} right"] == pytest.approx(entry.right)
        assert drawn["in all right"] == pytest.approx(story.right.total)
    texts = " ".join(text.get_text().replace("\n", " ") for text in figure.texts)
    assert all(story.sentence() in texts for story in found.stories)


def test_the_outline_encloses_the_region(found, image):
    figure, story = draw_flips(image, found), found.stories[0]
    axes = next(a for a in figure.axes if a.get_label() == "photo 1")
    line = next(c for c in axes.collections if c.get_gid() == "region")
    corners = np.concatenate([path.vertices for path in line.get_paths() if len(path.vertices)])
    top, left, bottom, right = story.box
    assert corners.min(0) == pytest.approx((left - 0.5, top - 0.5))
    assert corners.max(0) == pytest.approx((right - 0.5, bottom - 0.5))


def test_the_close_up_holds_the_region_and_stays_on_the_image(found):
    for story in found.stories:
        y0, x0, y1, x1 = close_up(story, (96, 160), 0.7)
        top, left, bottom, right = story.box
        assert y0 >= -0.5
        assert y1 <= 95.5
        assert y0 <= top - 0.5
        assert y1 >= bottom - 0.5
        assert (y1 - y0) / (x1 - x0) == pytest.approx(0.7)
        assert x0 <= left - 0.5 or x1 - x0 < right - left


def test_no_story_is_no_picture(image):
    with pytest.raises(ValueError, match="no flip"):
        draw_flips(image, FlipStories(("a", "b"), (), 0, "true labels"))


def test_the_caption_tells_each_story_and_how_they_are_ranked(found):
    caption = flips_caption(found, "street.png")

    assert all(f"{number}: {story.sentence()}" in caption for number, story in enumerate(found.stories, 1))
    assert "ranked by pixels times the mean of both models' margins" in caption
    assert caption.endswith("Image: street.png, 160 x 96 pixels (width x height).")
