"""Edits of the attention of a network of another make: by operation, layer and head."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import streamlit as st

from app.app_pages.surgery.edits import Place
from app.shell.choices import choose, choose_number, select
from app.shell.heading import Heading
from app.shell.selection import Selection
from app.store.private_models import private_copy
from app.store.results import results
from rsp_lab.analysis.ledger.freeze import freeze
from rsp_lab.analysis.ledger.held_attention import NotHeldError
from rsp_lab.analysis.surgery.account import SurgeryRuns, run_surgery
from rsp_lab.analysis.surgery.operate import SurgeryResult, operate
from rsp_lab.analysis.surgery.operation import Operation, Where
from rsp_lab.analysis.surgery.operations import Shuffle, Temperature, Uniform, ZeroKeys
from rsp_lab.attention.record import record_attention
from rsp_lab.frozen.rules import FrozenError
from rsp_lab.models.subject import Subject

ALL_LAYERS, ALL_HEADS = "all layers", "all heads"


class AttentionEditName(StrEnum):
    """What is done to the weights."""

    EQUAL = "equal weights"
    ZERO = "weight 0 on every key"
    TEMPERATURE = "temperature"
    SHUFFLE = "shuffle among the keys"


@dataclass(frozen=True)
class Layer:
    """One attention of a network.

    Attributes:
        name: its path.
        words: what the page calls it.
        heads: how many it has.
    """

    name: str
    words: str
    heads: int


@dataclass(frozen=True)
class AttentionEdit:
    """What is asked for, hashable, so that results are kept under it.

    Attributes:
        side: 0 is the left model, 1 the right one.
        layer: None for all.
        head: None for all.
        temperature, seed: of the operations that have them.
    """

    side: int
    name: AttentionEditName
    layer: Layer | None
    head: int | None
    place: Place
    temperature: float = 1.0
    seed: int = 0

    @property
    def does(self) -> str:
        """What the edited network does then."""
        return {
            AttentionEditName.EQUAL: "weighs all keys equally",
            AttentionEditName.ZERO: "gives every key weight 0",
            AttentionEditName.TEMPERATURE: f"attends at temperature {self.temperature:g}",
            AttentionEditName.SHUFFLE: "attends with weights shuffled among the keys",
        }[self.name]

    @property
    def at(self) -> str:
        """Where in the network."""
        head = "" if self.head is None else f", head {self.head}"
        return f"in {ALL_LAYERS if self.layer is None else self.layer.words}{head}"


def layers_of(selection: Selection, side: int) -> tuple[Layer, ...]:
    """Attentions of one side, in the order of the network; none of a model of ours, or where none is seen."""

    def work() -> tuple[Layer, ...]:
        subject = _copied(selection, side)
        if subject is None:
            return ()
        try:
            record = record_attention(subject, selection.passes[side].image)
        except ValueError:
            return ()
        words = record.words()
        return tuple(Layer(name, words[name], record[name].heads) for name in record)

    return results().get(selection.key("attentions", side=side), work)


def choose_attention(selection: Selection, heading: Heading, side: int) -> AttentionEdit:
    """The controls beside the choice of the model."""
    layers = layers_of(selection, side)
    first, second, third, fourth = st.columns([1.7, 1.9, 1, 1.75], vertical_alignment="bottom")
    name = select(heading, first, "Operation", "surgery_attention", tuple(AttentionEditName))
    words = {layer.name: layer.words for layer in layers}
    # The last layer is what the answer rests on most directly, as in the explorer.
    options = (*[layer.name for layer in reversed(layers)], ALL_LAYERS)
    chosen = select(heading, second, "Layer", "surgery_layer", options, words=words)
    layer = next((one for one in layers if one.name == chosen), None)
    heads = min(one.heads for one in layers) if layer is None else layer.heads
    numbers = [f"head {number}" for number in range(heads)] if heads > 1 else []
    head = select(heading, third, "Head", "surgery_head", (ALL_HEADS, *numbers))
    place = choose(heading, fourth, "Where", "surgery_where", tuple(Place))
    edit = AttentionEdit(side, name, layer, numbers.index(head) if head in numbers else None, place)
    return _detailed(heading, edit)


def _detailed(heading: Heading, edit: AttentionEdit) -> AttentionEdit:
    """The same with the fields of the operations that have any."""
    if edit.name not in (AttentionEditName.TEMPERATURE, AttentionEditName.SHUFFLE):
        return edit
    place = st.columns([1.7, 4.65])[0]
    if edit.name == AttentionEditName.SHUFFLE:
        return replace(edit, seed=choose_number(heading, place, "Seed", "surgery_seed", (0, 9999), 0))
    label = "Temperature: below 1 sharpens, above 1 flattens"
    temperature = choose_number(heading, place, label, "surgery_temperature", (0.05, 20.0), 2.0, step=0.05)
    return replace(edit, temperature=temperature)


def operation_of(edit: AttentionEdit, where: Where) -> Operation:
    """The operation that an edit names."""
    steps = None if edit.layer is None else (edit.layer.name,)
    heads = None if edit.head is None else (edit.head,)
    match edit.name:
        case AttentionEditName.EQUAL:
            return Uniform(steps=steps, heads=heads, where=where)
        case AttentionEditName.ZERO:
            return ZeroKeys(steps=steps, heads=heads, where=where)
        case AttentionEditName.TEMPERATURE:
            return Temperature(edit.temperature, steps=steps, heads=heads, where=where)
        case AttentionEditName.SHUFFLE:
            return Shuffle(edit.seed, steps=steps, heads=heads, where=where)


def run(
    selection: Selection, edit: AttentionEdit, operation: Operation
) -> tuple[SurgeryResult, SurgeryRuns | None, str]:
    """The edited network live; live and with all gates held, where its layers are held by themselves; else why not.

    Raises:
        ValueError: where the operation does not fit the layer; the message says what to do.
    """
    loaded, subject = selection.loaded[edit.side], _copied(selection, edit.side)
    assert subject is not None
    frozen, label = freeze(subject, selection.passes[edit.side].image), selection.shown.labels_for(loaded)
    try:
        runs = run_surgery(frozen, frozen.image, operation, label=label)
    except (NotHeldError, FrozenError) as problem:
        return operate(frozen, frozen.image, operation, label=label), None, str(problem)
    return runs.live, runs, ""


def _copied(selection: Selection, side: int) -> Subject | None:
    """Edits and records hang on the network that runs: on a copy, since the model is shared."""
    model = selection.passes[side].model
    return private_copy(model, selection.loaded[side].lock) if isinstance(model, Subject) else None
