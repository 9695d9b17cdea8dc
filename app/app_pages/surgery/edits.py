"""Edits of relation weights by the name they are chosen by, and what becomes of one model's answer under an edit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from app.shell.selection import Selection
from app.store.private_models import private_copy
from rsp_lab.analysis.ledger.difference import LedgerDifference, ledger_difference
from rsp_lab.analysis.ledger.frozen import FrozenHead
from rsp_lab.analysis.ledger.ledger import context_ledger
from rsp_lab.analysis.surgery.operate import SurgeryResult, edited_weights, operate
from rsp_lab.analysis.surgery.operations import (
    Centre,
    Operation,
    Shuffle,
    Temperature,
    Transplant,
    Uniform,
    Where,
    ZeroNeighbours,
)
from rsp_lab.analysis.surgery.presets import as_context, as_sum, without_context, without_placement, without_selection
from rsp_lab.analysis.targets.regions import connected_region
from rsp_lab.analysis.targets.target import PixelTarget, target_value
from rsp_lab.models.relation import relation_modules

Steps = tuple[str, ...]
WHOLE, REGION, PIXEL = PLACES = ("whole image", "region at the pixel", "pixel")
ZERO, EQUAL, CENTRE, TEMPERATURE, SHUFFLE, TRANSPLANT = OPERATIONS = (
    "zero at some positions",
    "equal weights",
    "all weight on the centre",
    "temperature",
    "shuffle within each window",
    "transplant from the other model",
)
_UNTRAINED = " (no retraining)"
PRESETS: dict[str, Callable[[Steps], Operation]] = {
    f"as the sum baseline{_UNTRAINED}": as_sum,
    f"as +CONTEXT{_UNTRAINED}": as_context,
    f"without selection{_UNTRAINED}": without_selection,
    f"without context{_UNTRAINED}": without_context,
    f"without placement{_UNTRAINED}": without_placement,
}
EDITS = (*PRESETS, *OPERATIONS)
POSITIONS = ("all but centre", "outer ring", "upper half", "lower half", "left half", "right half", "all")


@dataclass(frozen=True)
class Edit:
    """What is asked for, hashable, so that results are kept under it.

    Attributes:
        side: 0 is the left model, 1 the right one.
        name: one of :data:`EDITS`.
        steps: e.g. ``("step54",)``; at least one.
        place: one of :data:`PLACES`.
        positions, renormalise, temperature, seed: of the operations that have them.
    """

    side: int
    name: str
    steps: Steps
    place: str
    positions: str = POSITIONS[0]
    renormalise: bool = True
    temperature: float = 1.0
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Operated:
    """A model's answer under an edit, for any pixel, class and rival.

    Attributes:
        operation: as it was applied.
        live: the edited model, whose lower steps react.
        held: the same with the weights of all other steps held.
        weights: what the captured weights of the edited steps become.
    """

    operation: Operation
    live: SurgeryResult
    held: SurgeryResult
    weights: dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Account:
    """A margin before and after, in logits.

    Attributes:
        before, after: of class over rival at the pixel.
        held: change with the weights of all other steps held, from a pass of its own.
        predicted: the ledger's account of that change; ``predicted.total`` is the change.
        classes: logits of class and rival, before and after.
    """

    before: float
    after: float
    held: float
    predicted: LedgerDifference
    classes: dict[str, tuple[float, float]]

    @property
    def change(self) -> float:
        return self.after - self.before

    @property
    def reaction(self) -> float:
        """What the weights of the lower steps add by reacting to the edit."""
        return self.change - self.predicted.total


def fitting_steps(selection: Selection, side: int) -> Steps:
    """Steps at which the other model's weights have this model's window and size."""
    this, other = (relation_modules(selection.passes[i].frozen.head) for i in (side, 1 - side))
    weights = [selection.passes[i].frozen.weights for i in (side, 1 - side)]
    return tuple(
        step
        for step in this
        if step in other
        and this[step].config.window == other[step].config.window
        and weights[0][step].shape == weights[1][step].shape
    )


def place_of(selection: Selection, place: str) -> Where:
    """The cells that an edit acts on, by one of :data:`PLACES`."""
    pixel = selection.result.pixel
    if place == REGION:
        return connected_region(selection.views[1].labels.astype(np.int64), pixel).mask
    return pixel if place == PIXEL else None


def place_key(where: Where) -> object:
    """Tells places apart; two pixels of one region have one."""
    if isinstance(where, Tensor):
        return "region", int(where.flatten().int().argmax()), int(where.sum())
    return where


def operation_of(selection: Selection, edit: Edit, where: Where) -> Operation:
    """The operation that an edit names.

    Raises:
        ValueError: for a temperature that is none.
    """
    if edit.name in PRESETS:
        return replace(PRESETS[edit.name](edit.steps), where=where)
    if edit.name == ZERO:
        half = relation_modules(selection.passes[edit.side].frozen.head)[edit.steps[0]].config.window.half
        gone = ZeroNeighbours(renormalise=edit.renormalise, steps=edit.steps, where=where)
        if edit.positions == "all":
            return replace(gone, positions="all")
        return gone if edit.positions == "all but centre" else replace(gone, positions=_positions(edit.positions, half))
    if edit.name == TEMPERATURE:
        return Temperature(edit.temperature, steps=edit.steps, where=where)
    if edit.name == SHUFFLE:
        return Shuffle(edit.seed, steps=edit.steps, where=where)
    if edit.name == TRANSPLANT:
        return Transplant(selection.passes[1 - edit.side].frozen.weights, steps=edit.steps, where=where)
    return (Uniform if edit.name == EQUAL else Centre)(steps=edit.steps, where=where)


def _positions(name: str, half: int) -> tuple[tuple[int, int], ...]:
    inside: dict[str, Callable[[int, int], bool]] = {
        "outer ring": lambda y, x: max(abs(y), abs(x)) == half,
        "upper half": lambda y, x: y < 0,
        "lower half": lambda y, x: y > 0,
        "left half": lambda y, x: x < 0,
        "right half": lambda y, x: x > 0,
    }
    window = range(-half, half + 1)
    return tuple((y, x) for y in window for x in window if inside[name](y, x))


def operated(selection: Selection, edit: Edit, operation: Operation) -> Operated:
    """Runs the head of the chosen model edited, once with the other steps reacting and once with them held.

    Raises:
        ValueError: where the operation does not fit the model; the message says what to do.
    """
    loaded, looked = selection.loaded[edit.side], selection.passes[edit.side]
    # Edits hang on the head that runs: on a copy, since the model is shared.
    head = replace(looked.frozen, head=private_copy(looked.frozen.head, loaded.lock))
    label = selection.shown.sample.label if selection.shown.table == loaded.table.name else None
    live, fixed = (
        operate(head, looked.image, operation, label=label, frozen_keys=frozen_keys) for frozen_keys in (False, True)
    )
    return Operated(operation, live, fixed, edited_weights(looked.frozen, operation))


def account_of(frozen: FrozenHead, found: Operated, target: PixelTarget) -> Account:
    """The change of a margin, live and as the ledger has it.

    Raises:
        LedgerError: if a ledger does not add up.
    """
    outcomes = found.live.before, found.live.after, found.held.after

    def values(asked: PixelTarget) -> list[float]:
        return [target_value(one.logits[0], asked, frozen.image_size, frozen.class_names) for one in outcomes]

    before, after, held = values(target)
    # A copy: what a ledger builds for its gradients is not kept with the result.
    edited = replace(frozen.with_weights(found.weights))
    predicted = ledger_difference(
        context_ledger(edited, edited.image, target), context_ledger(frozen, frozen.image, target)
    )
    classes = {}
    for name in filter(None, (target.class_name, target.rival)):
        first, second, _ = values(PixelTarget(target.y, target.x, name, plain_logit=True))
        classes[name] = (first, second)
    return Account(before, after, held - before, predicted, classes)


def label_shares(result: SurgeryResult) -> dict[int, tuple[float, float]]:
    """Share of the image of each class that occurs, before and after; by class id."""
    count = len(result.class_names)
    shares = [
        torch.bincount(one.labels.flatten().long(), minlength=count).double() / one.labels.numel()
        for one in (result.before, result.after)
    ]
    return {i: (float(shares[0][i]), float(shares[1][i])) for i in range(count) if shares[0][i] + shares[1][i] > 0}
