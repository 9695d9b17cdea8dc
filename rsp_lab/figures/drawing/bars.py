"""Signed bars with their numbers beside them, one or two models in a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rsp_lab.figures.drawing.panels import bare, sides
from rsp_lab.figures.drawing.sheet import Sheet, line_height, text_width
from rsp_lab.figures.style import QUIET, SMALL
from rsp_lab.text import signed_column

_NUMBER = 0.5
"""Inches of a column of numbers."""
_ROW = 0.19
"""Least height of a row in inches."""


@dataclass(frozen=True)
class BarRow:
    """One row.

    Attributes:
        name: stands at its left.
        colour: of its bars.
        values: one of each model, left to right, None where it has none; further ones are printed and have no bar.
    """

    name: str
    colour: str
    values: list[float | None]


def draw_signed_bars(
    sheet: Sheet, rows: Sequence[BarRow], heads: Sequence[str], models: int, left: float, top: float, height: float
) -> float:
    """Rows of bars from a common 0; returns where they end, in inches from the top of the sheet.

    Bars of a left model are hollow, of a right one or of one alone filled.

    Args:
        heads: above each column of numbers; empty for none.
        models: 1 or 2.
        left, top: where names and heads begin, in inches; columns of numbers end at the sheet's right margin.
        height: of heads and bars together, at least.
    """
    margin = 0.08
    start = left + max(text_width(row.name, SMALL) for row in rows) + 0.08
    ends = [sheet.width - margin - _NUMBER * (len(heads) - 1 - i) for i in range(len(heads))]
    bottom = top + height
    for words, end in zip(heads, ends, strict=True):
        if words:
            sheet.text(end, top, words, size=SMALL, color=QUIET, ha="right")
    top += line_height(SMALL) * (len(heads) > 1)
    tall = max(bottom - top, _ROW * len(rows))
    axes = sheet.axes(start, top, sheet.width - margin - _NUMBER * len(heads) - start, tall, label="levels")
    # (model, place, width, filled) of a row's bars.
    bars = [(0, -0.19, 0.34, False), (1, 0.19, 0.34, True)] if models == 2 else [(0, 0.0, 0.5, True)]
    labels = sides(models)
    for number, row in enumerate(rows):
        middle = top + (number + 0.5) * tall / len(rows)
        sheet.text(left, middle, row.name, size=SMALL, va="center")
        for end, value in zip(ends, row.values, strict=True):
            words = "–" if value is None else signed_column(value)
            sheet.text(end, middle, words, size=SMALL, va="center", ha="right")
        for which, place, wide, filled in bars:
            value = row.values[which]
            if value is not None:
                (bar,) = axes.barh(number + place, value, wide, linewidth=0.8, edgecolor=row.colour)
                bar.set(facecolor=row.colour if filled else "none", gid=f"{row.name} {labels[which]}")
    axes.axvline(0, color=QUIET, linewidth=0.5)
    axes.set(ylim=(len(rows) - 0.5, -0.5), xmargin=0.04)
    bare(axes)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return top + tall
