"""Class tables: names, colours and the map from raw label ids to train ids; and the one check of label maps."""

from __future__ import annotations

import colorsys
import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

Colour = tuple[int, int, int]

IGNORE_INDEX = 255
"""The train id of pixels that count in no loss and no score, in every table here."""


@dataclass(frozen=True)
class ClassTable:
    """The classes of a data set in the order of their train ids.

    Attributes:
        name: the table's name, a key of :data:`TABLES`.
        classes: class names; position is train id.
        palette: one RGB colour a class, 0 to 255.
        ignore_index: the train id of pixels that count in no loss and no score.
        raw_ids: pairs (raw id in the label files, train id); a raw id that is absent is an error in a label file.
    """

    name: str
    classes: tuple[str, ...]
    palette: tuple[Colour, ...]
    ignore_index: int = IGNORE_INDEX
    raw_ids: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        if not self.classes:
            raise ValueError(f"class table {self.name!r} has no classes; give at least one name.")
        repeated = sorted({c for c in self.classes if self.classes.count(c) > 1})
        if repeated:
            raise ValueError(f"class table {self.name!r} repeats {', '.join(repeated)}; class names must differ.")
        if len(self.palette) != len(self.classes):
            raise ValueError(
                f"class table {self.name!r} has {len(self.classes)} classes and {len(self.palette)} colours; "
                "give one RGB colour a class."
            )
        if any(len(colour) != 3 or not all(0 <= part <= 255 for part in colour) for colour in self.palette):
            raise ValueError(f"class table {self.name!r} has a colour that is not three numbers from 0 to 255.")
        if 0 <= self.ignore_index < len(self.classes):
            raise ValueError(
                f"class table {self.name!r}: ignore_index {self.ignore_index} is the train id of "
                f"{self.classes[self.ignore_index]!r}; use {IGNORE_INDEX}."
            )
        allowed = {*range(len(self.classes)), self.ignore_index}
        wrong = sorted({train for _, train in self.raw_ids} - allowed)
        if wrong:
            raise ValueError(f"class table {self.name!r}: raw_ids lead to {wrong}, which are not train ids.")

    def __len__(self) -> int:
        return len(self.classes)

    def index(self, name: str) -> int:
        """Train id of a class name.

        Raises:
            ValueError: if the table has no such class; the message lists the names and the closest one.
        """
        if name in self.classes:
            return self.classes.index(name)
        close = difflib.get_close_matches(name.lower(), self.classes, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"{name!r} is no class of {self.name!r}.{hint} Its classes: {', '.join(self.classes)}.")

    def raw_to_train(self) -> np.ndarray:
        """Look-up table int16 [256] from a raw id to its train id; -1 where the raw id is not declared."""
        table = np.full(256, -1, dtype=np.int16)
        for raw, train in self.raw_ids:
            if 0 <= raw < 256:
                table[raw] = train
        return table

    def train_to_raw(self) -> np.ndarray:
        """The raw id uint8 of each train id, in order; the first where several lead to one.

        Raises:
            ValueError: if a class has no raw id.
        """
        raw = {train: label_id for label_id, train in reversed(self.raw_ids)}
        missing = [name for train, name in enumerate(self.classes) if train not in raw]
        if missing:
            raise ValueError(f"class table {self.name!r} has no raw id for {', '.join(missing)}; add it to raw_ids.")
        return np.array([raw[train] for train in range(len(self))], dtype=np.uint8)


def checked_labels(
    labels: Tensor | np.ndarray,
    classes: Sequence[str] | int | None,
    size: tuple[int, int] | None = None,
    what: str = "the labels",
) -> Int64[Tensor, "..."]:
    """A label map as int64 on the CPU, after the check that every function makes which takes one from outside.

    Args:
        labels: integer train ids, :data:`IGNORE_INDEX` where nothing is known.
        classes: names or number of the classes; None allows any integers.
        size: rows and columns of the image; None allows any shape.
        what: what to call them in a message.

    Raises:
        ValueError: for floats, another size, ids that are no train ids, or more classes than label maps tell apart; the
            message says which.
    """
    if not isinstance(labels, Tensor | np.ndarray):
        # A picture among them: its pixels may be a palette's indices, or colours.
        raise ValueError(
            f"{what} are a {type(labels).__name__}: give a tensor or array of train ids; read_label reads label files."
        )
    kind = str(labels.dtype).removeprefix("torch.")
    if isinstance(labels, np.ndarray) and labels.dtype.kind in "iu":
        # A copy: an array may be read-only, mirrored by negative strides, or of another machine.
        labels = torch.from_numpy(labels.astype(np.int64, order="C"))
    if not isinstance(labels, Tensor) or kind == "bool" or labels.is_floating_point() or labels.is_complex():
        raise ValueError(f"{what} are {kind}: give integer train ids, {IGNORE_INDEX} where nothing is known.")
    ids = labels.detach().cpu()
    if size is not None and tuple(ids.shape) != tuple(size):
        raise ValueError(
            f"{what} are {tuple(ids.shape)}, the image {tuple(size)}: they must be of one size. Resize labels with "
            "nearest neighbour."
        )
    ids = ids.long()
    if classes is not None:
        count = classes if isinstance(classes, int) else len(classes)
        if count > IGNORE_INDEX:
            raise ValueError(
                f"a label map tells {IGNORE_INDEX} classes apart, since {IGNORE_INDEX} says that nothing is known; the "
                f"model has {count}: ask without labels."
            )
        wrong = ids[((ids < 0) | (ids >= count)) & (ids != IGNORE_INDEX)]
        if wrong.numel():
            raise ValueError(
                f"{what} hold the ids {id_list(wrong.unique().tolist())}; expected train ids 0 to {count - 1}, or "
                f"{IGNORE_INDEX} to ignore. Map a data set's label ids to train ids first, as read_label does."
            )
    return ids


def id_list(ids: Iterable[int], most: int = 8) -> str:
    """Ids in order, runs of three or more as their ends, e.g. ``"-1, 3 to 7, 77"``; at most ``most`` parts."""
    parts: list[list[int]] = []
    for number in sorted(set(ids)):
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    texts = [text for run in parts for text in (map(str, run) if len(run) < 3 else (f"{run[0]} to {run[-1]}",))]
    return ", ".join(texts[:most]) + (", ..." if len(texts) > most else "")


def colour(label_map: np.ndarray, table: ClassTable) -> np.ndarray:
    """Train ids [y, x] as an RGB picture uint8 [y, x, 3]; ignored pixels are black.

    Raises:
        ValueError: if the map holds what is no train id of the table.
    """
    colours = np.zeros((256, 3), dtype=np.uint8)
    colours[: len(table)] = table.palette
    return colours[checked_labels(label_map, table.classes).numpy()]


def hue_circle(count: int) -> tuple[Colour, ...]:
    """Colours that differ in hue alone, evenly spread."""
    hues = [colorsys.hsv_to_rgb(i / count, 0.6, 0.85) for i in range(count)]
    return tuple((round(255 * r), round(255 * g), round(255 * b)) for r, g, b in hues)


_CAMVID: tuple[tuple[str, Colour], ...] = (
    ("sky", (128, 128, 128)),
    ("building", (128, 0, 0)),
    ("pole", (192, 192, 128)),
    ("road", (128, 64, 128)),
    ("pavement", (60, 40, 222)),
    ("tree", (128, 128, 0)),
    ("sign symbol", (192, 128, 128)),
    ("fence", (64, 64, 128)),
    ("car", (64, 0, 128)),
    ("pedestrian", (64, 64, 0)),
    ("bicyclist", (0, 128, 192)),
)

_CITYSCAPES: tuple[tuple[str, Colour, int], ...] = (
    ("road", (128, 64, 128), 7),
    ("sidewalk", (244, 35, 232), 8),
    ("building", (70, 70, 70), 11),
    ("wall", (102, 102, 156), 12),
    ("fence", (190, 153, 153), 13),
    ("pole", (153, 153, 153), 17),
    ("traffic light", (250, 170, 30), 19),
    ("traffic sign", (220, 220, 0), 20),
    ("vegetation", (107, 142, 35), 21),
    ("terrain", (152, 251, 152), 22),
    ("sky", (70, 130, 180), 23),
    ("person", (220, 20, 60), 24),
    ("rider", (255, 0, 0), 25),
    ("car", (0, 0, 142), 26),
    ("truck", (0, 0, 70), 27),
    ("bus", (0, 60, 100), 28),
    ("train", (0, 80, 100), 31),
    ("motorcycle", (0, 0, 230), 32),
    ("bicycle", (119, 11, 32), 33),
)

CAMVID = ClassTable(
    name="camvid",
    classes=tuple(name for name, _ in _CAMVID),
    palette=tuple(rgb for _, rgb in _CAMVID),
    raw_ids=(*((i, i) for i in range(len(_CAMVID))), (len(_CAMVID), IGNORE_INDEX)),
)
"""CamVid in the 12-id version prepared for SegNet, with SegNet's colours; raw id 11 is unlabelled."""

_CITYSCAPES_TRAIN = {raw: train for train, (_, _, raw) in enumerate(_CITYSCAPES)}
CITYSCAPES = ClassTable(
    name="cityscapes",
    classes=tuple(name for name, _, _ in _CITYSCAPES),
    palette=tuple(rgb for _, rgb, _ in _CITYSCAPES),
    raw_ids=tuple((raw, _CITYSCAPES_TRAIN.get(raw, IGNORE_INDEX)) for raw in range(34)),
)
"""The 19 evaluated classes of Cityscapes; raw ids are those of ``*_labelIds.png`` (0 to 33)."""

CITYSCAPES_LABEL_IDS: tuple[int, ...] = tuple(CITYSCAPES.train_to_raw().tolist())
"""Cityscapes' raw label id of each train id, for writing label files and submissions."""

UNNAMED = "model"
"""The name of tables that no data set has: those of a model's own classes."""
TABLES: dict[str, ClassTable] = {table.name: table for table in (CAMVID, CITYSCAPES)}
