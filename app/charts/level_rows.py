"""The levels of a decision as bars, each of which begins where the one above it ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from app.charts.bar_rows import Bar, Row
from app.charts.on_image import ink
from rsp_lab.palette import LEVEL_COLOURS
from rsp_lab.text import MISSING, signed

BIAS_COLOUR = "#8A8A88"
Part = tuple[str, float | None, str]
"""Name, value and colour; without a value, the row of a level that others have."""


def level_colour(level: int) -> str:
    """A level below those that relations take from is grey."""
    return LEVEL_COLOURS.get(level, BIAS_COLOUR)


def level_parts(
    sums: Mapping[int, float], bias: float | None, words: Mapping[int, str] | None = None
) -> tuple[Part, ...]:
    """The levels from coarse to fine, and the bias where there is one.

    Args:
        sums: by level.
        words: what levels are called; each has a part, whether it has a sum or not. Default: those of ``sums``.
    """
    named = {x: f"level {x}" for x in sums} if words is None else words
    parts = [(named[x], sums.get(x), level_colour(x)) for x in sorted(named, reverse=True)]
    return tuple(parts) if bias is None else (*parts, ("bias", bias, BIAS_COLOUR))


def level_rows(parts: Sequence[Part], total: float, title: str) -> tuple[Row, ...]:
    """Bars that add up to the last one, ``title``, which is the whole; without a title each begins at 0."""
    rows, start = [], 0.0
    for name, value, shade in parts:
        if value is None:
            rows.append(Row(name, (), MISSING, reached=start if title else None))
            continue
        bar = Bar(start, value, shade, f"{name}: {signed(value, 4)} logits")
        start = start + value if title else 0.0
        rows.append(Row(name, (bar,), tidy(value), reached=start if title else None))
    if title:
        whole = Bar(0.0, total, ink(), f"{title}: {signed(total, 4)} logits")
        rows.append(Row(title, (whole,), tidy(total), strong=True))
    return tuple(rows)


def level_ends(accounts: Iterable[tuple[Sequence[Part], float]], *, summed: bool = True) -> tuple[float, float]:
    """Ends of the one axis on which the bars of several accounts run, each its parts and their total."""
    reached = [0.0]
    for parts, total in accounts:
        values = [value for _, value, _ in parts if value is not None]
        reached += [*np.cumsum(values).tolist(), total] if summed else values
    low, high = min(reached), max(reached)
    room = 0.06 * (high - low) or 1.0
    return low - room, high + room


def tidy(value: float) -> str:
    """A signed number of logits in a column of such: three digits, none beyond the third decimal."""
    # Rounded once: twice, 5.3149 would be +5.32 here, and +5.31 where a sentence says it.
    return signed(value if abs(value) >= 1 else round(value, 3))
