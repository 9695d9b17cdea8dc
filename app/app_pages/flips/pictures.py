"""Pictures of flips: all of them on the photograph, and a close look at each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import plotly.graph_objects as go
from PIL import Image
from scipy import ndimage
from torch import Tensor

from app.charts.legend import chip, legend_html
from app.charts.on_image import mark_pixel, paper, picture_figure, picture_uri
from app.shell.text import escape
from rsp_lab.analysis.comparison.disagreement import innermost
from rsp_lab.analysis.comparison.flips import FlipStory


class Verdict(StrEnum):
    """Which model is right on more of a flip's labelled pixels."""

    RIGHT = "right better"
    LEFT = "left better"
    NEITHER = "neither"
    UNKNOWN = "unknown"


# Okabe and Ito's, which differ under every kind of colour vision.
COLOURS = {Verdict.RIGHT: "#0072B2", Verdict.LEFT: "#E69F00", Verdict.NEITHER: "#7A7A78", Verdict.UNKNOWN: "#CC79A7"}
VERDICTS = {"better": Verdict.RIGHT, "worse": Verdict.LEFT, "neither": Verdict.NEITHER, None: Verdict.UNKNOWN}
_LEAST, _WIDE = 64, 240
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


def overview_figure(flips: Sequence[Flip], size: tuple[int, int], ground: str, pixel: tuple[int, int]) -> go.Figure:
    """Every flip in the colour of its verdict, with its number; a click selects a pixel."""
    picture = np.zeros((*size, 4), np.uint8)
    for flip in flips:
        mask = flip.story.mask.numpy()
        shade = COLOURS[flip.verdict]
        picture[mask] = (*(int(shade[i : i + 2], 16) for i in (1, 3, 5)), 165)
        picture[ndimage.binary_dilation(mask) & ~mask] = (255, 255, 255, 220)
    figure = picture_figure(size, ground, picture_uri(picture), width=760)
    figure.add_trace(
        go.Scatter(
            x=[flip.pixel[1] for flip in flips],
            y=[flip.pixel[0] for flip in flips],
            mode="text",
            text=[f"<b>{flip.number}</b>" for flip in flips],
            textfont={"size": 13, "color": "#FFFFFF", "shadow": "0 0 3px #000, 0 0 3px #000"},
            customdata=[
                [escape(f.story.left_class), escape(f.story.right_class), f.story.pixels, f.verdict] for f in flips
            ],
            hovertemplate=(
                "%{customdata[0]} on the left, %{customdata[1]} on the right<br>%{customdata[2]:,} px, "
                "%{customdata[3]}<extra></extra>"
            ),
        )
    )
    mark_pixel(figure, pixel)
    figure.update_layout(meta={"pick": list(size)}, hoverlabel_bgcolor=paper())
    return figure


def close_look(image: Tensor, flip: Flip) -> str:
    """The photograph around a flip with its edge, as an ``img`` element."""
    story = flip.story
    top, left, bottom, right = _window(story.box, (image.shape[-2], image.shape[-1]))
    picture = image[:, top:bottom, left:right].permute(1, 2, 0).numpy().copy()
    share = _WIDE / picture.shape[1]
    size = _WIDE, max(1, round(picture.shape[0] * share))
    large = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC)).copy()
    part = Image.fromarray(story.mask[top:bottom, left:right].numpy())
    mask = np.asarray(part.resize(size, Image.Resampling.NEAREST))
    rim = ndimage.binary_dilation(mask, iterations=3) & ~mask
    large[rim] = 0
    large[ndimage.binary_dilation(mask, iterations=2) & ~mask] = 255
    words = escape(f"flip {flip.number}: {story.left_class} on the left, {story.right_class} on the right")
    shade = COLOURS[flip.verdict]
    return (
        f'<img class="rsp-close" src="{picture_uri(large, "JPEG")}" alt="{words}" '
        f'style="max-width:{_WIDE}px;border-color:{shade}">'
    )


def _window(box: tuple[int, int, int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """(top, left, bottom, right) of a part of the image in the proportions 3 : 4 around a box, where it has them."""
    top, left, bottom, right = box
    height = max(_LEAST, (1 + _AROUND) * max(bottom - top, 0.75 * (right - left)))
    high, wide = min(round(height), size[0]), min(round(height / 0.75), size[1])
    first = min(max((top + bottom - high) // 2, 0), size[0] - high)
    second = min(max((left + right - wide) // 2, 0), size[1] - wide)
    return first, second, first + high, second + wide


def verdict_legend() -> str:
    """The verdicts' colours."""
    return legend_html(chip(COLOURS[verdict], verdict) for verdict in Verdict)
