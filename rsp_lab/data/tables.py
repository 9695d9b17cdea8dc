"""The class table that belongs to a model's classes, and labels told in a model's classes."""

from __future__ import annotations

from contextlib import suppress

import torch
from jaxtyping import UInt8
from torch import Tensor

from rsp_lab.data.folder import folder_root, folder_table
from rsp_lab.data.labels import IGNORE_INDEX, TABLES, UNNAMED, ClassTable, hue_circle
from rsp_lab.data.panoptic.categories import PANOPTIC_TABLES

_TABLES = {**TABLES, **{name: table.semantic for name, table in PANOPTIC_TABLES.items()}}


def table_for(classes: tuple[str, ...], name: str) -> ClassTable:
    """The table of a model's classes: of that name, of the folder in ``FOLDER_ROOT``, or with colours of our own.

    The classes of a panoptic model's semantic branch, things together and stuff, are those of a table as well.

    A table of our own does not say which ids label files hold: they cannot be read by it.

    Args:
        classes: of the model; a table with others is not taken.
        name: of the table, as the model knows it; empty for that of ours whose classes these are, if there is one.
    """
    if not name:
        name = next((known for known, table in _TABLES.items() if table.classes == classes), name)
    if name in _TABLES and _TABLES[name].classes == classes:
        return _TABLES[name]
    with suppress(ValueError):  # no such folder, or not a proper one: its commands say so
        table = folder_table(folder_root())
        if table.classes == classes:
            return table
    return ClassTable(UNNAMED, classes, hue_circle(len(classes)))


def labels_in(classes: tuple[str, ...], label: UInt8[Tensor, "y x"], table: ClassTable) -> UInt8[Tensor, "y x"] | None:
    """A label map in a model's classes; None where it does not say what they ask.

    The semantic branch of a panoptic model calls all things one class: labels that tell its things apart say that too.

    Args:
        classes: of the model, in the order of its logits.
        label: train ids of ``table``, 255 where nothing is known.
        table: the classes of the labels.
    """
    if table.classes == classes:
        return label
    for panoptic in PANOPTIC_TABLES.values():
        places = {category.name: panoptic.semantic_class(category.id) for category in panoptic.categories}
        if panoptic.semantic.classes == classes and places.keys() >= set(table.classes):
            told = torch.full((256,), IGNORE_INDEX, dtype=torch.uint8)
            told[: len(table.classes)] = torch.tensor([places[name] for name in table.classes])
            return told[label.long()]
    return None
