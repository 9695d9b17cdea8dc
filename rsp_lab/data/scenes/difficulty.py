"""How hard a planted case is made, beside the distance of its cue; nothing of it depends on the reading."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np

from rsp_lab.data.scenes.canvas import Canvas

MOST = 6
"""Of decoys and of figures."""
_POST = (118, 122, 120)


@dataclass(frozen=True)
class Difficulty:
    """Knobs of a planted case. The defaults change nothing.

    Attributes:
        decoys: things that look like the cue and are there in both readings, as many as fit, 0 to 6: parked bicycles,
            painted lines beside the strip (at most 4), vehicles of the same paint.
        decoy_gap: from the region's object to the nearest decoy, as a multiple of the usual gap, 0.4 to 2.
        figures: objects of the region's kind, 1 to 6, the planted one among them; the others have readings of their
            own, which have nothing to do with the region's. On road and pavement: people who stand in the way, up to
            seven for each.
        hidden: share of the cue's columns that stand behind posts, 0 to 0.8.
        region_share: how much of the region is left uncovered, on the side of the cue, 0.1 to 1: of a figure's and of
            the ground's rows, of a vehicle's columns.
    """

    decoys: int = 1
    decoy_gap: float = 1.0
    figures: int = 1
    hidden: float = 0.0
    region_share: float = 1.0

    def __post_init__(self) -> None:
        for name, least, most in (
            ("decoys", 0, MOST),
            ("decoy_gap", 0.4, 2.0),
            ("figures", 1, MOST),
            ("hidden", 0.0, 0.8),
            ("region_share", 0.1, 1.0),
        ):
            if not least <= getattr(self, name) <= most:
                raise ValueError(f"{name} must be from {least} to {most}, got {getattr(self, name)}.")

    def to_dict(self) -> dict[str, float]:
        """Plain JSON data."""
        return asdict(self)

    def describe(self) -> str:
        """The knobs that are not at their default, e.g. ``"decoys 3, hidden 0.5"``; ``"default"`` for none."""
        changed = [f"{name} {value:g}" for name, value in asdict(self).items() if value != getattr(DEFAULT, name)]
        return ", ".join(changed) or "default"


DEFAULT = Difficulty()


def hide_behind_posts(
    drawn: list[Canvas], marked: list[np.ndarray], region: np.ndarray, share: float, phase: float
) -> None:
    """Sets posts before the cue, at the same pixels of all readings, so that they say nothing about which one it is.

    Args:
        drawn: the readings, drawn into.
        marked: bool [y, x] each, the pixels that the cue's samples touch in that reading.
        region: bool [y, x], pixels that stay as they are.
        share: of the columns between the cue's ends that are behind a post.
        phase: where the first post stands, from 0 to 1 of the way from one post to the next.
    """
    cue = np.logical_or.reduce(marked)
    columns = np.flatnonzero(cue.any(axis=0))
    if not columns.size or not share:
        return
    period = max(8, round(0.08 * drawn[0].unit))
    wide = max(1, round(share * period))
    posts = np.zeros_like(cue)
    for left in range(columns[0] - math.floor(phase * period), columns[-1] + 1, period):
        here = slice(max(left, 0), max(left + wide, 0))
        rows = np.flatnonzero(cue[:, here].any(axis=1))
        if rows.size:
            posts[rows[0] : rows[-1] + 1, here] = True
    for canvas in drawn:
        canvas.fill(posts & ~region, canvas.tone(_POST, 8), canvas.part("fence"))
