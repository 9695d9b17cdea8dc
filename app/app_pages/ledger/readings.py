"""What the page of ledgers reads from two captured passes: the decision, the gain of selecting, what was refused."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from torch import Tensor

from app.shell import analyses
from app.shell.selection import Selection
from rsp_lab.analysis.ledger.difference import ledger_difference, map_differences
from rsp_lab.analysis.ledger.ledger import ContextLedger
from rsp_lab.analysis.ledger.selection import SelectionGain
from rsp_lab.analysis.targets.target import Target
from rsp_lab.shapes import step_levels


class Reading(StrEnum):
    """What the page adds up."""

    DECISION = "decision"
    GAIN = "selection gain"
    REJECTION = "rejection"
    WHOLE = "whole image"


class Column(StrEnum):
    """The page's three columns."""

    LEFT = "left"
    RIGHT = "right"
    DIFFERENCE = "right minus left"


COLUMNS = tuple(Column)


@dataclass(frozen=True, eq=False)
class Panel:
    """One column of the page: a model, or the difference of the two.

    Attributes:
        name: of the model; of the difference what it is.
        maps: signed logits per cell, (v, u) by level, lowest first. A step stands under the level that it takes from.
        total: what the panel is about, in logits.
        bias: what no cell contributes; None where the parts are not a sum.
        ledger: of which the maps are, for splits; None for what is no ledger.
        residual: how far the parts are from the total, relative; of the difference the larger one of the two.
        missing: why there is nothing; then all else is empty.
    """

    side: Column
    name: str
    maps: dict[int, Tensor]
    total: float = 0.0
    bias: float | None = None
    ledger: ContextLedger | None = None
    residual: float = 0.0
    missing: str = ""

    @property
    def sums(self) -> dict[int, float]:
        """By level."""
        return {level: float(values.sum()) for level, values in self.maps.items()}


Panels = tuple[Panel, Panel, Panel]


def panels_of(selection: Selection, reading: Reading, target: Target) -> Panels:
    """Left, right, and right minus left.

    Raises:
        ValueError: for a target that does not fit, or a reading that neither model has.
        LedgerError: if something does not add up.
    """
    make = {Reading.GAIN: _gain_panel, Reading.REJECTION: _rejection_panel}.get(reading, _decision_panel)
    left, right = (make(selection, side, target) for side in range(2))
    if left.missing and right.missing:
        raise ValueError(
            "Neither model selects: both pass everything down. Choose a model with an RSP head above, e.g. scenes-rsp4 "
            f"or camvid-rsp4, or the reading “{Reading.DECISION}”."
        )
    return left, right, _difference(selection, left, right)


def _decision_panel(selection: Selection, side: int, target: Target) -> Panel:
    return _ledger_panel(selection, side, analyses.ledger(selection, side, target))


def _ledger_panel(selection: Selection, side: int, found: ContextLedger) -> Panel:
    return Panel(COLUMNS[side], selection.names[side], found.maps, found.total, found.bias, found, found.residual)


def _missing(selection: Selection, side: int) -> Panel:
    name, foreign = selection.names[side], selection.passes[side].held is not None
    why = "it has no top-down steps" if foreign else "it passes everything down and selects nothing"
    return Panel(COLUMNS[side], name, {}, missing=f"{name} has no relation: {why}.")


def _gain_panel(selection: Selection, side: int, target: Target) -> Panel:
    steps = selection.passes[side].steps
    if not steps:
        return _missing(selection, side)
    learnt, uniform = analyses.ledger(selection, side, target), analyses.uniform_ledger(selection, side, target)
    return _ledger_panel(selection, side, SelectionGain(steps, learnt, uniform).ledger)


def _rejection_panel(selection: Selection, side: int, target: Target) -> Panel:
    found = analyses.rejection(selection, side, target)
    if found is None:
        return _missing(selection, side)
    maps = {step_levels(step.step)[0]: step.values for step in reversed(found.steps)}
    total = sum(step.total for step in found.steps)
    return Panel(COLUMNS[side], selection.names[side], maps, total, residual=found.residual)


def _difference(selection: Selection, left: Panel, right: Panel) -> Panel:
    if left.missing or right.missing:
        lacking = left if left.missing else right
        missing = f"No difference: {lacking.name} has no relation."
        return Panel(Column.DIFFERENCE, Column.DIFFERENCE, {}, missing=missing)
    if left.ledger is None or right.ledger is None:
        size = selection.shown.size
        maps, residual = map_differences(right.maps, left.maps, size), max(left.residual, right.residual)
        return Panel(Column.DIFFERENCE, Column.DIFFERENCE, maps, right.total - left.total, residual=residual)
    apart = ledger_difference(right.ledger, left.ledger).ledger
    return Panel(Column.DIFFERENCE, Column.DIFFERENCE, apart.maps, apart.total, apart.bias, apart, apart.residual)


def strongest_level(panels: Panels) -> int:
    """The level that gives most in the direction of the right model's total, or of the left one's without a right."""
    panel = next(one for one in (panels[1], panels[0]) if not one.missing)
    sign = -1 if panel.total < 0 else 1
    return max(panel.sums, key=lambda level: sign * panel.sums[level])
