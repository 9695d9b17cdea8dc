"""What another picture does to both models: the other reading of a scene, and change ledgers."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from app.shell.heading import Heading
from app.shell.selection import Selection
from app.store.models import cached_pair
from app.store.results import results
from app.store.side_by_side import Report, side_by_side
from rsp_lab.analysis.ledger.change import ChangeLedger, FrozenPair
from rsp_lab.analysis.ledger.freeze import freeze
from rsp_lab.analysis.ledger.frozen_pass import FrozenPass
from rsp_lab.files import digest

Pair = tuple[ChangeLedger, ChangeLedger]


def other_reading(selection: Selection) -> Tensor:
    """The scene with the other cue, uint8 [3, y, x]."""
    scene = selection.shown.scene
    if scene is None:
        raise ValueError("Only a drawn scene has another reading: choose “Drawn scene” above, or paint over a part.")
    planted = scene.ambiguities[0]
    for distance in (None, planted.requested):  # as drawn, or as the reader asked for
        pair = cached_pair(planted.case, scene.seed, distance, selection.shown.size)
        if torch.equal(pair[scene.reading].sample.image, scene.image):
            return pair[1 - scene.reading].sample.image
    raise ValueError("This scene is not one that the workbench draws: choose another.")


def change_ledgers(selection: Selection, heading: Heading, picture: Tensor) -> Pair:
    """:func:`change_ledger` of both models at once."""

    def one(side: int, _: Report) -> ChangeLedger:
        return change_ledger(selection, side, picture)

    with heading.spinner(f"{selection.names[0]} and {selection.names[1]} look at the changed picture"):
        first, *second = side_by_side([partial(one, side) for side in selection.own_sides])
    return first, second[0] if second else first


def change_ledger(selection: Selection, side: int, picture: Tensor) -> ChangeLedger:
    """What another picture changes in one model's decision; kept."""
    changed, loaded = digest(picture), selection.loaded[side]

    def head() -> FrozenPass:
        with loaded.lock:
            return freeze(selection.passes[side].model, picture)

    def ledger() -> ChangeLedger:
        # A model that is loaded again is another object, and its passes do not go with those of the one before.
        kept = loaded.identity, id(selection.passes[side].model), changed, "changed head"
        after = results().get(kept, head)
        with loaded.lock:
            return FrozenPair(selection.passes[side].frozen, after).ledgers([selection.target])[0]

    return results().get(selection.key(("change", changed), side=side, target=selection.target), ledger)
