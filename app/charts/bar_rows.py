"""Bars in rows as plain HTML: a chart of plotly costs the browser twenty times as long for the same few rectangles."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from app.charts.on_image import ink
from rsp_lab.text import significant

_ROW = 23
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

    grid = "".join(
        f'<i style="position:absolute;top:0;bottom:0;left:{at(tick)};width:1px;background:'
        f'{ink() if tick == 0 else "rgba(128,128,128,.2)"}"></i>'
        for tick in marks
    )
    body = "".join(_cells(row, grid, at, thick) for row in rows)
    labels = "".join(
        f'<span style="position:absolute;left:{at(tick)};transform:translateX(-50%)">{significant(tick, 6)}</span>'
        for tick in marks
    )
    axis = (
        '<span></span><div style="position:relative;height:38px;line-height:17px;opacity:.75;text-align:center">'
        f'{labels}<span style="position:absolute;inset:18px 0 0">{html.escape(unit)}</span></div><span></span>'
    )
    return (
        '<div class="rsp-bars" style="display:grid;grid-template-columns:max-content minmax(0,1fr) 17%;'
        f'padding-right:.6em;font-size:12px;line-height:{_ROW}px;font-variant-numeric:tabular-nums">{body}{axis}</div>'
    )


def _cells(row: Row, grid: str, at: Callable[[float], str], thick: float) -> str:
    top, tall = (1 - thick) / 2 * _ROW, thick * _ROW
    bars = "".join(
        f'<i title="{html.escape(bar.hover)}" style="position:absolute;top:{top:.1f}px;height:{tall:.1f}px;'
        f'left:{at(left)};width:calc({at(right)} - {at(left)});background:{bar.colour}"></i>'
        for bar, left, right in _spans(row)
    )
    line = ""
    if row.reached is not None:
        line = (
            f'<i style="position:absolute;z-index:1;left:{at(row.reached)};top:{top:.1f}px;height:{_ROW + tall:.1f}px;'
            f'border-left:1px dotted {ink()}"></i>'
        )
    text = html.escape(row.text)
    return (
        f'<span style="text-align:right;padding-right:.5em">{html.escape(row.name)}</span>'
        f'<div style="position:relative">{grid}{bars}{line}</div>'
        f'<span style="text-align:right">{f"<b>{text}</b>" if row.strong else text}</span>'
    )


def _spans(row: Row) -> Iterator[tuple[Bar, float, float]]:
    for bar in row.bars:
        yield bar, min(bar.start, bar.start + bar.value), max(bar.start, bar.start + bar.value)
