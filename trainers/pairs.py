"""Differences between two kinds of runs, seed by seed, and what may be said of them."""

from __future__ import annotations

from collections.abc import Sequence

from trainers.markdown import spread


def gap_cell(gaps: Sequence[float]) -> str:
    """Differences of shares in percentage points: median (least to greatest), and how many are above 0."""
    return f"{spread(gaps, signed=True)}, {sum(gap > 0 for gap in gaps)} of {len(gaps)} up"


def verdict(first: str, second: str, measure: str, gaps: Sequence[float]) -> str:
    """A sentence where all seeds agree, or where they do not; ``gaps`` are first minus second."""
    seeds = f"each of the {len(gaps)} seeds" if len(gaps) > 1 else "the one seed there is"
    if all(gap > 0 for gap in gaps):
        return f"{measure}: {first} is above {second} in {seeds}."
    if all(gap < 0 for gap in gaps):
        return f"{measure}: {first} is **below** {second} in {seeds}."
    return f"{measure}: between {first} and {second} the seeds do not agree; this study does not tell them apart."
