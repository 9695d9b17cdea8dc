"""Edits of relation weights by the name they are chosen by, run on one of the two models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from torch import Tensor

from app.shell.selection import Selection
from app.store.private_models import private_copy
from rsp_lab.analysis.surgery.account import SurgeryRuns, run_surgery
from rsp_lab.analysis.surgery.operation import Operation, Where
from rsp_lab.analysis.surgery.operations import Centre, Shuffle, Temperature, Transplant, Uniform, ZeroNeighbours
from rsp_lab.analysis.surgery.presets import as_context, as_sum, without_context, without_placement, without_selection
from rsp_lab.analysis.targets.regions import connected_region
from rsp_lab.models.relation import relation_modules
from rsp_lab.shapes import steps_in_words

Steps = tuple[str, ...]


class Place(StrEnum):
    """The cells that an edit acts on."""

    WHOLE = "whole image"
    REGION = "region at the pixel"
    PIXEL = "pixel"

    @property
    def words(self) -> str:
        """Behind the words of an edit; empty for the whole image."""
        return {Place.REGION: " in the region at the pixel", Place.PIXEL: " at the pixel"}.get(self, "")


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


_POSITIONS = {Positions.NEIGHBOURS: "all positions but the centre", Positions.ALL: "every position"}
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

    @property
    def does(self) -> str:
        """What the edited model does then."""
        positions = _POSITIONS.get(self.positions, f"the {self.positions} of each window")
        return {
            EditName.AS_SUM: "takes each cell’s own position alone",
            EditName.AS_CONTEXT: "takes the plain average of each window",
            EditName.WITHOUT_SELECTION: "no longer selects",
            EditName.WITHOUT_CONTEXT: "takes no context",
            EditName.WITHOUT_PLACEMENT: "selects at random places",
            EditName.ZERO: f"gives weight 0 to {positions}",
            EditName.EQUAL: "weighs all positions equally",
            EditName.CENTRE: "puts all weight on the centre",
            EditName.TEMPERATURE: f"selects at temperature {self.temperature:g}",
            EditName.SHUFFLE: "selects shuffled places of each window",
            EditName.TRANSPLANT: "takes the other model’s weights",
        }[self.name]

    @property
    def at(self) -> str:
        """Where in the model."""
        return f"at {steps_in_words(self.steps)}"


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
            return Transplant(selection.passes[1 - edit.side].head.weights, steps=steps, where=where)
        case preset:
            return replace(PRESETS[preset](steps), where=where)


def _zero(selection: Selection, edit: Edit, where: Where) -> Operation:
    whole = ZeroNeighbours(renormalise=edit.renormalise, steps=edit.steps, where=where)
    if edit.positions == Positions.NEIGHBOURS:
        return whole
    if edit.positions == Positions.ALL:
        return replace(whole, positions="all")
    half = relation_modules(selection.passes[edit.side].head.head)[edit.steps[0]].config.window.half
    return replace(whole, positions=offsets_of(edit.positions, half))


def offsets_of(positions: Positions, half: int) -> tuple[tuple[int, int], ...]:
    """(y, x) in cells from the centre of a window that reaches ``half`` cells each way."""
    window = range(-half, half + 1)
    return tuple((y, x) for y in window for x in window if _INSIDE[positions](y, x, half))


def run(selection: Selection, edit: Edit, operation: Operation) -> SurgeryRuns:
    """Runs the head of the chosen model edited, once with the other steps reacting and once with them held.

    Raises:
        ValueError: where the operation does not fit the model; the message says what to do.
    """
    loaded, frozen = selection.loaded[edit.side], selection.passes[edit.side].head
    # Edits hang on the head that runs: on a copy, since the model is shared.
    head = replace(frozen, head=private_copy(frozen.head, loaded.lock))
    return run_surgery(head, head.image, operation, label=selection.shown.labels_for(loaded))
