"""Edits of relation weights by the name they are chosen by, and what becomes of one model's answer under an edit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

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


class Place(StrEnum):
    """The cells that an edit acts on."""

    WHOLE = "whole image"
    REGION = "region at the pixel"
    PIXEL = "pixel"


class EditName(StrEnum):
    """What is done to the weights: presets, which have the names of ablations, and operations."""

    AS_SUM = "as the sum baseline (no retraining)"
    AS_CONTEXT = "as +CONTEXT (no retraining)"
    WITHOUT_SELECTION = "without selection (no retraining)"
    WITHOUT_CONTEXT = "without context (no retraining)"
    WITHOUT_PLACEMENT = "without placement (no retraining)"
    ZERO = "zero at some positions"
    EQUAL = "equal weights"
    CENTRE = "all weight on the centre"
    TEMPERATURE = "temperature"
    SHUFFLE = "shuffle within each window"
    TRANSPLANT = "transplant from the other model"


PRESETS: dict[EditName, Callable[[Steps], Operation]] = {
    EditName.AS_SUM: as_sum,
    EditName.AS_CONTEXT: as_context,
    EditName.WITHOUT_SELECTION: without_selection,
    EditName.WITHOUT_CONTEXT: without_context,
    EditName.WITHOUT_PLACEMENT: without_placement,
}


class Positions(StrEnum):
    """Positions of a window."""

    NEIGHBOURS = "all but centre"
    RING = "outer ring"
    UPPER = "upper half"
    LOWER = "lower half"
    LEFT = "left half"
    RIGHT = "right half"
    ALL = "all"


_INSIDE: dict[Positions, Callable[[int, int, int], bool]] = {
    Positions.RING: lambda y, x, half: max(abs(y), abs(x)) == half,
    Positions.UPPER: lambda y, x, half: y < 0,
    Positions.LOWER: lambda y, x, half: y > 0,
    Positions.LEFT: lambda y, x, half: x < 0,
    Positions.RIGHT: lambda y, x, half: x > 0,
}


@dataclass(frozen=True)
class Edit:
    """What is asked for, hashable, so that results are kept under it.

    Attributes:
        side: 0 is the left model, 1 the right one.
        steps: e.g. ``("step54",)``; at least one.
        positions, renormalise, temperature, seed: of the operations that have them.
    """

    side: int
    name: EditName
    steps: Steps
    place: Place
    positions: Positions = Positions.NEIGHBOURS
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


def place_of(selection: Selection, place: Place) -> Where:
    """The cells that an edit acts on."""
    pixel = selection.result.pixel
    match place:
        case Place.WHOLE:
            return None
        case Place.REGION:
            return connected_region(selection.views[1].labels.astype(np.int64), pixel).mask
        case Place.PIXEL:
            return pixel


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
    steps = edit.steps
    match edit.name:
        case EditName.ZERO:
            return _zero(selection, edit, where)
        case EditName.EQUAL:
            return Uniform(steps=steps, where=where)
        case EditName.CENTRE:
            return Centre(steps=steps, where=where)
        case EditName.TEMPERATURE:
            return Temperature(edit.temperature, steps=steps, where=where)
        case EditName.SHUFFLE:
            return Shuffle(edit.seed, steps=steps, where=where)
        case EditName.TRANSPLANT:
            return Transplant(selection.passes[1 - edit.side].frozen.weights, steps=steps, where=where)
        case preset:
            return replace(PRESETS[preset](steps), where=where)


def _zero(selection: Selection, edit: Edit, where: Where) -> Operation:
    whole = ZeroNeighbours(renormalise=edit.renormalise, steps=edit.steps, where=where)
    if edit.positions == Positions.NEIGHBOURS:
        return whole
    if edit.positions == Positions.ALL:
        return replace(whole, positions="all")
    half = relation_modules(selection.passes[edit.side].frozen.head)[edit.steps[0]].config.window.half
    return replace(whole, positions=offsets_of(edit.positions, half))


def offsets_of(positions: Positions, half: int) -> tuple[tuple[int, int], ...]:
    """(y, x) in cells from the centre of a window that reaches ``half`` cells each way."""
    window = range(-half, half + 1)
    return tuple((y, x) for y in window for x in window if _INSIDE[positions](y, x, half))


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
