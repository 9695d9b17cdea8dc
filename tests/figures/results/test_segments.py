"""Panoptic pictures of one and of two models, drawn from results alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.text import Text

from rsp_lab.analysis.panoptic.changes import compare_segments
from rsp_lab.analysis.panoptic.merge import MergeRule
from rsp_lab.analysis.panoptic.segmentation import PanopticPass, panoptic
from rsp_lab.figures.catalogue import draw_figure
from rsp_lab.figures.results.segments import draw_segments, segments_caption
from rsp_lab.models.panoptic.segmenter import PanopticSegmenter
from rsp_lab.models.presets import tiny_rsp4
from rsp_lab.models.segmenter import Segmenter
from tests.kit import panoptic as kit
from tests.kit.figures import axes_of, words_of

RULE = MergeRule(score=0.28, overlap=0.5, stuff_area=60)


@pytest.fixture(scope="module")
def models() -> tuple[PanopticSegmenter, PanopticSegmenter]:
    left, right = (kit.panoptic_network(seed=seed) for seed in (0, 1))
    left.name, right.name = "one", "other"
    return left, right


@pytest.fixture(scope="module")
def passes(models: tuple[PanopticSegmenter, PanopticSegmenter]) -> list[PanopticPass]:
    image = torch.rand(3, *kit.SIZE, generator=torch.Generator().manual_seed(2))
    return [panoptic(model, image, RULE) for model in models]


def least_text(figure: Figure) -> float:
    return min(text.get_fontsize() for text in figure.findobj(Text) if text.get_text().strip())


def test_two_models_stand_below_the_photograph_with_what_changed(passes: list[PanopticPass]) -> None:
    figure = draw_segments(passes[0].image, passes)
    words = " ".join(words_of(figure))
    compared = compare_segments(*passes)

    assert [axes.get_label() for axes in figure.axes] == ["image", "left", "right"]
    assert compared.changes.changes[0].sentence()[:20] in words
    assert least_text(figure) >= 7
    left, right = (axes_of(figure, side).get_position() for side in ("left", "right"))
    assert (left.y0, left.width) == pytest.approx((right.y0, right.width))
    caption = segments_caption(passes, "x.png")
    assert all(sentence in caption for sentence in compared.sentences())
    assert "Image: x.png, 128 x 64 pixels" in caption


def test_one_model_stands_beside_the_photograph(passes: list[PanopticPass]) -> None:
    figure = draw_segments(passes[0].image, passes[:1])

    assert [axes.get_label() for axes in figure.axes] == ["image", "model"]
    assert "left to right" not in " ".join(words_of(figure))


def test_an_image_without_any_segment_is_said_to_be_void(passes: list[PanopticPass]) -> None:
    empty = panoptic(passes[0].model, passes[0].image, MergeRule(score=1.0, stuff_area=10_000))
    figure = draw_segments(empty.image, [empty])

    assert "no segment at all: everything is void" in words_of(figure)
    assert compare_segments(empty, empty).changes.sentence().endswith("have the same segments, pixel for pixel.")
    draw_segments(empty.image, [empty, empty])


def test_the_catalogue_draws_it_of_panoptic_models_and_says_what_others_lack(
    models: tuple[PanopticSegmenter, PanopticSegmenter],
) -> None:
    image = torch.rand(3, *kit.SIZE)
    drawn = draw_figure(models, image, "segments", image_name="y.png")

    assert drawn.data["models"][0]["unaccounted"] == 0
    assert "y.png" in drawn.caption
    assert draw_figure(models[0], image, "predictions").figure
    with pytest.raises(ValueError, match="plain has no instance branch"):
        draw_figure(Segmenter(tiny_rsp4(("road", "sky"), ""), name="plain").eval(), image, "segments")


def test_names_are_those_of_the_pair(passes: list[PanopticPass]) -> None:
    twice = [passes[0], replace(passes[0])]

    assert {"one (left)", "one (right)"} <= set(words_of(draw_segments(passes[0].image, twice)))
