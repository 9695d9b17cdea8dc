"""Differences between two kinds of runs, seed by seed, and what may be said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rsp_lab.intervals import Estimate


def gap_cell(gaps: Sequence[float]) -> str:
    """Differences of shares in percentage points: mean with its 95 % interval, and how many are above 0."""
    found = Estimate.of([100 * gap for gap in gaps])
    return f"{found.words(1, difference=True)}, {sum(gap > 0 for gap in gaps)} of {len(gaps)} up"


def verdict(first: str, second: str, gaps: Mapping[str, Sequence[float]]) -> str:
    """One sentence on all measures; ``gaps`` are first minus second, one a seed, by the measure's name."""
    count = len(next(iter(gaps.values())))
    above = [name for name, values in gaps.items() if all(value > 0 for value in values)]
    below = [name for name, values in gaps.items() if all(value < 0 for value in values)]
    mixed = [name for name in gaps if name not in (*above, *below)]
    each = "in each seed" if count > 1 else "in the one seed there is"
    untold = "not told apart, the seeds do not agree" if count > 1 else f"equal {each}"
    parts = [(above, f"above {each}"), (below, f"**below** {each}"), (mixed, untold)]
    said = "; ".join(f"{_listed(names)} {words}" for names, words in parts if names)
    return f"{first} against {second}, {count} seed{'s' if count > 1 else ''}: {said}."


def by_chance(seeds: int) -> str:
    """How much an agreement of all seeds is worth."""
    if seeds == 1:
        return "With one seed, a difference may be chance."
    return (
        f"Were there no difference, {seeds} seeds would still agree on the sign of a measure in {200 / 2**seeds:.3g} % "
        "of the cases."
    )


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
