"""Levels as rows: their numbers."""

from __future__ import annotations

from app.charts.level_rows import tidy


def test_a_number_is_rounded_once() -> None:
    assert (tidy(5.3149), tidy(0.01249), tidy(-0.00049)) == ("+5.31", "+0.012", "0")
