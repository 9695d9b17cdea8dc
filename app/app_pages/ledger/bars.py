"""Bars of ledgers: the levels adding up to the margin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from app.app_pages.ledger.readings import Panel, Panels
from app.charts.bar_rows import Bar, Row
from app.charts.legend import chip, legend_html
from app.charts.on_image import ink
from rsp_lab.palette import LEVEL_COLOURS
from rsp_lab.text import signed

_BIAS = "#8A8A88"


def level_colour(level: int) -> str:
    """A level below those that relations take from is grey."""
    return LEVEL_COLOURS.get(level, _BIAS)


def sum_ends(panels: Panels, *, summed: bool) -> tuple[float, float]:
    """Ends of the one axis on which all three panels' bars run; see :func:`sum_rows`."""
    reached = [0.0]
    for panel in panels:
        values = [value for _, value, _ in _parts(panel, {})]
        reached += [*np.cumsum(values).tolist(), panel.total] if summed else values
    low, high = min(reached), max(reached)
    room = 0.06 * (high - low) or 1.0
    return low - room, high + room


def _parts(panel: Panel, words: Mapping[int, str]) -> list[tuple[str, float, str]]:
    found = [(words.get(x, f"level {x}"), v, level_colour(x)) for x, v in sorted(panel.sums.items(), reverse=True)]
    return found if panel.bias is None else [*found, ("bias", panel.bias, _BIAS)]


def sum_rows(panel: Panel, words: Mapping[int, str], total: str) -> tuple[Row, ...]:
    """Each part begins where the one above it ended, and the last bar, ``total``, is the whole; without one, from 0."""
    rows, start = [], 0.0
    for name, value, shade in _parts(panel, words):
        bar = Bar(start, value, shade, f"{name}: {signed(value, 4)} logits")
        start = start + value if total else 0.0
        rows.append(Row(name, (bar,), tidy(value), reached=start if total else None))
    if total:
        whole = Bar(0.0, panel.total, ink(), f"{total}: {signed(panel.total, 4)} logits")
        rows.append(Row(total, (whole,), tidy(panel.total), strong=True))
    return tuple(rows)


def tidy(value: float) -> str:
    """A signed number of logits in a column of such: three digits, none beyond the third decimal."""
    return signed(round(value, 3))


def level_legend(levels: Sequence[int]) -> str:
    """The levels' colours."""
    return legend_html(chip(level_colour(level), f"level {level}") for level in levels)
