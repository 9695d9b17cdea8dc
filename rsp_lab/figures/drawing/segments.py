"""A merged segmentation on the photograph: stuff with light edges, instances in shades of their class, names inside."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import Normal, Stroke

from rsp_lab.analysis.panoptic.merge import Merged
from rsp_lab.analysis.panoptic.names import PlacedName, placed_names
from rsp_lab.data.panoptic.categories import VOID
from rsp_lab.data.panoptic.painting import painted
from rsp_lab.figures.drawing.outline import outline
from rsp_lab.figures.drawing.panels import show_picture
from rsp_lab.figures.drawing.sheet import text_width
from rsp_lab.figures.style import INK, SMALL

_TALL = 1.05
"""Height of a word in units of the type size."""


def draw_segments_on(
    axes: Axes,
    photo: np.ndarray,
    merged: Merged,
    inches: tuple[float, float],
    known: Mapping[int, int] | None = None,
) -> tuple[PlacedName, ...]:
    """The panoptic picture in axes; returns where its names are, see :func:`placed_names`.

    Args:
        photo: (y, x, 3) in 8 bits.
        inches: height and width of the axes.
        known: numbers that segments have already, in a picture beside this one; others get those that follow.
    """
    show_picture(axes, painted(photo, merged.map, merged.table), exact=True)
    _hatch(axes, merged)
    things = {fate.segment for fate in merged.instances if fate.segment is not None}
    for segment in sorted((segment.id for segment in merged.map.segments), key=lambda number: number in things):
        mask = merged.map.ids == segment
        if segment in things:
            outline(axes, mask, "white", merged.size, 0.6, casing=INK, gid=f"thing {segment}")
        else:
            outline(axes, mask, "#ffffffaa", merged.size, 0.4, casing="#ffffff00", gid=f"stuff {segment}")
    down, along = merged.size[0] / inches[0], merged.size[1] / inches[1]  # pixels an inch
    placed = placed_names(
        merged,
        lambda words: (_TALL * SMALL / 72 * down, (text_width(words, SMALL) + 0.04) * along),
        lambda words: (_TALL * SMALL / 72 * down, text_width(words, SMALL) * along),
        known,
    )
    for one in placed:
        if one.centre is not None:
            _write(axes, one.centre, one.words, SMALL)
    return placed


def _hatch(axes: Axes, merged: Merged) -> None:
    void = (merged.map.ids == VOID).numpy().astype(float)
    if void.any():
        grid = np.arange(-1, void.shape[1] + 1), np.arange(-1, void.shape[0] + 1)
        axes.contourf(*grid, np.pad(void, 1), levels=[0.5, 2], colors="none", hatches=["//////"])


def _write(axes: Axes, place: tuple[float, float], words: str, size: float) -> None:
    text = axes.text(
        place[1], place[0], words, fontsize=size, ha="center", va="center_baseline", color="white", zorder=6
    )
    text.set_path_effects([Stroke(linewidth=1.6, foreground=INK), Normal()])
    text.set_gid(f"name {words}")
