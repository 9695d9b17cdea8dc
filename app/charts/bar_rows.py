"""Bars in rows as plain HTML: a chart of plotly costs the browser twenty times as long for the same few rectangles."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from app.shell.text import escape
from rsp_lab.palette import LEVEL_COLOURS
from rsp_lab.text import significant

_TICKS = 5


@dataclass(frozen=True)
class Bar:
    """A rectangle from ``start`` to ``start + value``, and what it says under the cursor."""

    start: float
    value: float
    colour: str
    hover: str


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        name: at the left.
        bars: beside or over each other.
        text: at the right.
        strong: whether the text stands out.
        reached: where a dotted line leads down to the row below; None without one.
    """

    name: str
    bars: tuple[Bar, ...]
    text: str
    strong: bool = False
    reached: float | None = None


def hatch_class(colour: str) -> str:
    """Of an element in a level's colour the class, after a space, that says the level by a hatch as well."""
    level = next((level for level, shade in LEVEL_COLOURS.items() if shade == colour), None)
    return "" if level is None else f" rsp-level-{level}"


def ticks(low: float, high: float) -> list[float]:
    """Round numbers of an axis, at most about five, multiples of one step of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(nice for nice in (1, 2, 5, 10) if nice >= rough / power * (1 - 1e-9))
    return [step * place for place in range(math.ceil(low / step), math.floor(high / step) + 1)]


def rows_html(rows: Sequence[Row], ends: tuple[float, float], unit: str, thick: float = 0.62) -> str:
    """Rows from top to bottom on one axis that runs between ``ends``; a bar is ``thick`` of its row."""
    low, high = ends
    marks = ticks(low, high)

    def at(value: float) -> str:
        return f"{100 * (value - low) / (high - low):.3f}%"

    grid = "".join(f'<i class="rsp-tick{"" if tick else " rsp-zero"}" style="left:{at(tick)}"></i>' for tick in marks)
    body = "".join(_cells(row, grid, at) for row in rows)
    labels = "".join(f'<span style="left:{at(tick)}">{significant(tick, 6)}</span>' for tick in marks)
    axis = f'<span></span><div class="rsp-axis">{labels}<b>{escape(unit)}</b></div><span></span>'
    return f'<div class="rsp-bars" style="--thick:{thick}">{body}{axis}</div>'


def _cells(row: Row, grid: str, at: Callable[[float], str]) -> str:
    bars = "".join(
        f'<i class="rsp-bar{hatch_class(bar.colour)}" title="{escape(bar.hover)}" '
        f'style="left:{at(left)};width:calc({at(right)} - {at(left)});background-color:{bar.colour}"></i>'
        for bar, left, right in _spans(row)
    )
    line = "" if row.reached is None else f'<i class="rsp-reached" style="left:{at(row.reached)}"></i>'
    text = escape(row.text)
    return (
        f'<span class="rsp-name">{escape(row.name)}</span><div>{grid}{bars}{line}</div>'
        f"<span>{f'<b>{text}</b>' if row.strong else text}</span>"
    )


def _spans(row: Row) -> Iterator[tuple[Bar, float, float]]:
    for bar in row.bars:
        yield bar, min(bar.start, bar.start + bar.value), max(bar.start, bar.start + bar.value)
