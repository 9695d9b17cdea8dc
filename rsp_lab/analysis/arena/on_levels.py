"""Does a map put its mass on the level by which the cue came? The change ledger between the two readings knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor

from rsp_lab.analysis.ledger.change import ChangeLedger

LEVEL_RULES = {
    "cue_level": (
        "share of the map's absolute mass on the level whose content brought most of the cue's swap, by the change "
        "ledger between the readings, over what a level gets if all have the same; mean over the readings"
    ),
    "level_overlap": (
        "overlap of two distributions over levels, sum of the lesser shares: how much the map changed with the swap, "
        "and how much content the change ledger books (both absolute, cell by cell); 1 is the same, 0 nothing in "
        "common; of maps that do not change, none"
    ),
}
"""By measure; of methods that tell levels apart."""


class OnLevels(Protocol):
    """A map of the cells of each level."""

    @property
    def cells(self) -> dict[int, Tensor]: ...


def level_shares(cells: Mapping[int, Tensor]) -> dict[int, float]:
    """Share of each level in the absolute mass of a map; empty for a map of zeros."""
    mass = {level: float(values.abs().sum()) for level, values in cells.items()}
    whole = sum(mass.values())
    return {level: value / whole for level, value in mass.items()} if whole > 0 else {}


def level_scores(first: OnLevels, second: OnLevels, change: ChangeLedger, *, signed: bool) -> dict[str, float]:
    """The measures of :data:`LEVEL_RULES` of one method.

    Args:
        first, second: its maps on the two readings, each for its own reading's class over the other's.
        change: from the first reading to the second, of the second's class over the first's.
        signed: whether the map changes sign when class and rival change places.
    """
    scores = {}
    here = [shares[change.leading_level] for shares in map(level_shares, (first.cells, second.cells)) if shares]
    if here:
        scores["cue_level"] = len(change.levels) * sum(here) / len(here)
    turn = -1 if signed else 1
    moved = level_shares({x: values - turn * first.cells[x] for x, values in second.cells.items()})
    known = level_shares(change.maps)
    if moved and known:
        scores["level_overlap"] = sum(min(moved[x], known[x]) for x in known)
    return scores
