"""A merged segmentation on the photograph: stuff with light edges, instances in shades of their class, names inside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.patheffects import Normal, Stroke

from rsp_lab.analysis.panoptic.fates import InstanceFate
from rsp_lab.analysis.panoptic.merge import Merged
from rsp_lab.analysis.targets.room import roomiest
from rsp_lab.data.panoptic.categories import VOID
from rsp_lab.figures.drawing.outline import outline
from rsp_lab.figures.drawing.panels import show_picture
from rsp_lab.figures.drawing.sheet import text_width
from rsp_lab.figures.style import INK, SMALL, TINY
from rsp_lab.palette import VOID_COLOUR, instance_shade

_STUFF, _THINGS, _VOID = 0.55, 0.68, 0.8
"""Opacity of what is laid over the photograph."""
_TALL = 1.05
"""Height of a word in units of the type size."""
_LEAST_SIDE = 2.0
"""Pixels: a region that is thinner everywhere gets no number."""


@dataclass(frozen=True)
class Numbered:
    """A segment whose name has no room in the picture.

    Attributes:
        number: that stands in the picture instead, None where not even that has room.
        title: its name.
    """

    number: int | None
    title: str


def segment_colours(merged: Merged) -> dict[int, tuple[int, int, int]]:
    """RGB of each segment by its id, of void too; instances of a class get its shades in the order of their scores."""
    colours = {VOID: VOID_COLOUR}
    seen: Counter[int] = Counter()
    for segment in merged.map.segments:
        category = merged.table.by_id[segment.category_id]
        colours[segment.id] = category.colour
        if category.is_thing:
            colours[segment.id] = instance_shade(category.colour, seen[category.id])
            seen[category.id] += 1
    return colours


def painted(photo: np.ndarray, merged: Merged) -> np.ndarray:
    """The photograph (y, x, 3) in 8 bits with every segment's colour laid over it."""
    picture = photo.astype(np.float64)
    ids = merged.map.ids.numpy()
    for segment, colour in segment_colours(merged).items():
        inside = ids == segment
        opacity = _VOID if segment == VOID else _THINGS if is_thing(merged, segment) else _STUFF
        picture[inside] = (1 - opacity) * picture[inside] + opacity * np.array(colour)
    return picture.round().astype(np.uint8)


def is_thing(merged: Merged, segment: int) -> bool:
    """Whether a segment, which must be none of void, is an instance."""
    return isinstance(merged.fate(segment), InstanceFate)


def draw_segments_on(
    axes: Axes,
    photo: np.ndarray,
    merged: Merged,
    inches: tuple[float, float],
    known: Mapping[int, int] | None = None,
) -> dict[int, Numbered]:
    """The panoptic picture in axes; returns what could not be named in it, by segment.

    A name stands where all of it lies on its segment, so names never overlap; elsewhere a number does.

    Args:
        photo: (y, x, 3) in 8 bits.
        inches: height and width of the axes.
        known: numbers that segments have already, in a picture beside this one; others get those that follow.
    """
    size = merged.size
    show_picture(axes, painted(photo, merged), exact=True)
    _hatch(axes, merged)
    order = sorted(merged.map.segments, key=lambda segment: is_thing(merged, segment.id))
    for segment in order:
        mask = merged.map.ids == segment.id
        if is_thing(merged, segment.id):
            outline(axes, mask, "white", size, 0.6, casing=INK, gid=f"thing {segment.id}")
        else:
            outline(axes, mask, "#ffffffaa", size, 0.4, casing="#ffffff00", gid=f"stuff {segment.id}")
    return _name(axes, merged, inches, known or {})


def _hatch(axes: Axes, merged: Merged) -> None:
    void = (merged.map.ids == VOID).numpy().astype(float)
    if void.any() and min(void.shape) > 1:
        padded = np.pad(void, 1)
        grid = np.arange(-1, void.shape[1] + 1), np.arange(-1, void.shape[0] + 1)
        axes.contourf(*grid, padded, levels=[0.5, 2], colors="none", hatches=["//////"])


def _name(axes: Axes, merged: Merged, inches: tuple[float, float], known: Mapping[int, int]) -> dict[int, Numbered]:
    """Names where they have room, numbers where only those have, in the order of reading."""
    down, along = merged.size[0] / inches[0], merged.size[1] / inches[1]  # pixels an inch
    ids = merged.map.ids.numpy()
    taken: list[tuple[float, float, float, float]] = []
    waiting: list[tuple[float, float, int]] = []
    found: dict[int, Numbered] = {}
    for segment in (segment.id for segment in merged.map.segments):
        title = merged.title(segment)
        box = _TALL * SMALL / 72 * down, (text_width(title, SMALL) + 0.04) * along
        spot = roomiest(ids == segment, box)
        if spot is not None:
            _write(axes, spot, title, SMALL)
            taken.append((*spot, *box))
            continue
        middle = roomiest(ids == segment, (_LEAST_SIDE, _LEAST_SIDE))
        if middle is None:
            found[segment] = Numbered(None, title)
        else:
            waiting.append((*middle, segment))
    following = max(known.values(), default=0)
    # Those with a number first, then columns from left to right.
    waiting.sort(key=lambda one: (one[2] not in known, round(one[1] / (0.25 * along)), one[0]))
    for y, x, segment in waiting:
        number = known.get(segment, following + 1)
        high, wide = _TALL * TINY / 72 * down, text_width(str(number), TINY) * along
        if any(abs(y - v) < (high + h) / 2 and abs(x - u) < (wide + w) / 2 for v, u, h, w in taken):
            found[segment] = Numbered(None, merged.title(segment))
            continue
        following = max(following, number)
        _write(axes, (y, x), str(number), TINY)
        taken.append((y, x, high, wide))
        found[segment] = Numbered(number, merged.title(segment))
    return found


def _write(axes: Axes, place: tuple[float, float], words: str, size: float) -> None:
    text = axes.text(
        place[1], place[0], words, fontsize=size, ha="center", va="center_baseline", color="white", zorder=6
    )
    text.set_path_effects([Stroke(linewidth=1.6, foreground=INK), Normal()])
    text.set_gid(f"name {words}")


def mark_region(axes: Axes, mask: torch.Tensor, *, colour: str = INK, width: float = 0.9) -> None:
    """The border of a region, dark in a light casing to be seen on everything."""
    outline(axes, mask, colour, (mask.shape[0], mask.shape[1]), width)
