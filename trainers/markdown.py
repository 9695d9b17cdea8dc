"""Tables of Markdown pages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table; numbers are right-aligned from the second column on."""
    lines = [list(titles), ["---", *("---:" for _ in titles[1:])], *map(list, rows)]
    return [f"| {' | '.join(line)} |" for line in lines]


def percent(value: float | None) -> str:
    """A share in percent, or a dash."""
    return "-" if value is None or math.isnan(value) else f"{100 * value:.1f}"


def spread(values: Sequence[float], *, signed: bool = False) -> str:
    """Shares as percent: median (least to greatest), or the one value alone."""
    form = "+.1f" if signed else ".1f"
    shown = [format(100 * value, form) for value in (median(values), min(values), max(values))]
    return shown[0] if len(values) == 1 else f"{shown[0]} ({shown[1]} to {shown[2]})"
