"""Bars of ledgers: the levels adding up to the margin."""

from __future__ import annotations

from collections.abc import Mapping

from app.app_pages.ledger.readings import Panel, Panels
from app.charts.bar_rows import Row
from app.charts.legend import chip, legend_html
from app.charts.level_rows import level_colour, level_ends, level_parts, level_rows


def sum_ends(panels: Panels, *, summed: bool) -> tuple[float, float]:
    """Ends of the one axis on which all three panels' bars run; see :func:`sum_rows`."""
    return level_ends(((level_parts(panel.sums, panel.bias), panel.total) for panel in panels), summed=summed)


def sum_rows(panel: Panel, words: Mapping[int, str], total: str) -> tuple[Row, ...]:
    """Each part begins where the one above it ended, and the last bar, ``total``, is the whole; without one, from 0.

    Args:
        words: what the levels of all panels are called, each of which has a row; a panel without it has a dash there.
    """
    return level_rows(level_parts(panel.sums, panel.bias, words), panel.total, total)


def level_legend(words: Mapping[int, str]) -> str:
    """The levels' colours, coarse to fine."""
    return legend_html(chip(level_colour(level), words[level]) for level in sorted(words, reverse=True))
