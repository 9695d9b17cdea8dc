"""Pictures of flips: all of them on the photograph, and a close look at each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy import ndimage
from torch import Tensor

from app.charts.chart import Chart
from app.charts.close_look import Box, outlined_part, window_around
from app.charts.legend import chip, legend_html
from app.charts.on_image import mark_pixel, paper, picture_chart, picture_uri
from app.shell.text import escape
from rsp_lab.analysis.comparison.disagreement import innermost
from rsp_lab.analysis.comparison.flips import FlipStory


class Verdict(StrEnum):
    """Which model is correct on more of a flip's labelled pixels."""

    RIGHT = "right model better"
    LEFT = "left model better"
    NEITHER = "neither"
    UNKNOWN = "unknown"


# Okabe and Ito's, which differ under every kind of colour vision.
COLOURS = {Verdict.RIGHT: "#0072B2", Verdict.LEFT: "#E69F00", Verdict.NEITHER: "#7A7A78", Verdict.UNKNOWN: "#CC79A7"}
LETTERS = {Verdict.RIGHT: "R", Verdict.LEFT: "L", Verdict.NEITHER: "N", Verdict.UNKNOWN: "?"}
"""Beside a flip's number: they say the same without any colour."""
VERDICTS = {"better": Verdict.RIGHT, "worse": Verdict.LEFT, "neither": Verdict.NEITHER, None: Verdict.UNKNOWN}
_LEAST, _WIDE = 64, 240
_SIDE = 0.04
"""Share of the picture's width."""
# How much of the surroundings a close look shows, over the region's longer side.
_AROUND = 0.6


@dataclass(frozen=True, eq=False)
class Flip:
    """A story with its number, which is its place among the strongest.

    Attributes:
        pixel: (y, x), the innermost one.
    """

    number: int
    story: FlipStory
    pixel: tuple[int, int]

    @property
    def verdict(self) -> Verdict:
        """Of the story, in the page's words."""
        return VERDICTS[self.story.verdict]


def flips_of(stories: Sequence[FlipStory]) -> tuple[Flip, ...]:
    found = []
    for number, story in enumerate(stories, 1):
        top, left, bottom, right = story.box
        inside = story.mask[top:bottom, left:right].numpy()
        found.append(Flip(number, story, innermost(inside, top, left)))
    return tuple(found)


def overview_chart(flips: Sequence[Flip], size: tuple[int, int], ground: str, pixel: tuple[int, int]) -> Chart:
    """Every flip in the colour of its verdict, with its number and the verdict's letter; a click selects a pixel."""
    picture = np.zeros((*size, 4), np.uint8)
    for flip in flips:
        mask = flip.story.mask.numpy()
        shade = COLOURS[flip.verdict]
        picture[mask] = (*(int(shade[i : i + 2], 16) for i in (1, 3, 5)), 165)
        picture[ndimage.binary_dilation(mask) & ~mask] = (255, 255, 255, 220)
    chart = picture_chart(size, ground, picture_uri(picture), width=760)
    chart.add(
        {
            "type": "scatter",
            "x": [flip.pixel[1] for flip in flips],
            "y": [flip.pixel[0] for flip in flips],
            "mode": "text",
            "textposition": [_beside(flip.pixel[1], size[1]) for flip in flips],
            "text": [f"<b>{flip.number}{LETTERS[flip.verdict]}</b>" for flip in flips],
            "textfont": {"size": 13, "color": "#FFFFFF", "shadow": "0 0 3px #000, 0 0 3px #000"},
            "customdata": [
                [escape(f.story.left_class), escape(f.story.right_class), f.story.pixels, f.verdict] for f in flips
            ],
            "hovertemplate": (
                "%{customdata[0]} on the left, %{customdata[1]} on the right<br>%{customdata[2]:,} px, "
                "%{customdata[3]}<extra></extra>"
            ),
        }
    )
    mark_pixel(chart, pixel)
    chart.update(hoverlabel={"bgcolor": paper()})
    return chart


def _beside(x: int, columns: int) -> str:
    """Where a number stands by its pixel: on it, but at the picture's sides towards the middle, to be whole."""
    return "middle right" if x < _SIDE * columns else "middle left" if x > (1 - _SIDE) * columns else "middle center"


def close_look(image: Tensor, flip: Flip) -> str:
    """The photograph around a flip with its edge, as an ``img`` element."""
    story = flip.story
    large = outlined_part(image, {"#FFFFFF": story.mask.numpy()}, look_window(story, image), _WIDE)
    words = escape(f"flip {flip.number}: {story.left_class} on the left, {story.right_class} on the right")
    shade = COLOURS[flip.verdict]
    return (
        f'<img class="rsp-close" src="{picture_uri(large, "JPEG")}" alt="{words}" '
        f'style="max-width:{_WIDE}px;border-color:{shade}">'
    )


def look_window(story: FlipStory, image: Tensor) -> Box:
    """The part of an image (3, y, x) that a close look shows: (top, left, bottom, right) in pixels."""
    size = (image.shape[-2], image.shape[-1])
    return window_around(story.box, size, around=_AROUND, least=_LEAST, shape=0.75)


def verdict_legend() -> str:
    """The verdicts' colours and letters."""
    return legend_html(chip(COLOURS[verdict], f"{LETTERS[verdict]}: {verdict}") for verdict in Verdict)
