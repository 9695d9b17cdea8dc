"""Analyses of the selection that several readings share, each worked out once from the captured passes and kept."""

from __future__ import annotations

from typing import cast

from app.shell.selection import Selection
from app.store.results import results
from rsp_lab.analysis.ledger.ledger import ContextLedger, context_ledger
from rsp_lab.analysis.ledger.levels import LevelLedger
from rsp_lab.analysis.ledger.levels import level_ledger as level_ledger_of
from rsp_lab.analysis.ledger.selection import RejectionMap, rejection_map
from rsp_lab.analysis.surgery.knock_out import LevelKnockOuts, knock_out_levels
from rsp_lab.analysis.targets.target import Target


def ledger(selection: Selection, side: int, target: Target) -> ContextLedger:
    """Where one model's decision came from."""
    frozen = selection.passes[side].frozen
    key = selection.key("ledger", side=side, target=target)
    return results().get(key, lambda: context_ledger(frozen, frozen.image, target))


def uniform_ledger(selection: Selection, side: int, target: Target) -> ContextLedger:
    """The same of the head with equal weights on every window."""
    frozen = selection.passes[side].uniform
    key = selection.key("uniform ledger", side=side, target=target)
    return results().get(key, lambda: context_ledger(frozen, frozen.image, target))


def rejection(selection: Selection, side: int, target: Target) -> RejectionMap | None:
    """What one model refused of the context of a decision; None for a head without relations."""
    looked = selection.passes[side]
    if not looked.steps:
        return None
    key = selection.key("rejection", side=side, target=target)
    return results().get(key, lambda: rejection_map(looked.head, looked.image, target))


def level_ledger(selection: Selection, side: int) -> LevelLedger:
    """Each level's part in every logit of one model."""
    frozen = selection.passes[side].frozen
    return results().get(selection.key("level ledger", side=side), lambda: level_ledger_of(frozen, frozen.image))


def knock_outs(selection: Selection, side: int) -> LevelKnockOuts:
    """Each level of one model taken away alone.

    Raises:
        ValueError, FrozenError, LedgerError: as :func:`rsp_lab.analysis.surgery.knock_out.knock_out_levels`.
    """
    loaded, looked = selection.loaded[side], selection.passes[side]
    answers = selection.key("levels taken away, about any target", side=side)

    def work() -> LevelKnockOuts:
        frozen = looked.head if looked.held is None else looked.held
        # What the network answers without a level does not depend on the target.
        beside = cast("LevelKnockOuts | None", results().find(answers))
        with loaded.lock:
            found = knock_out_levels(frozen, looked.image, selection.target, beside=beside)
        results().put(answers, found)
        return found

    return results().get(selection.key("levels taken away", side=side, target=selection.target), work)
