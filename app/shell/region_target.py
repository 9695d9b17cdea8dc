"""What the ledger is asked about: the selected pixel, or a region around it cut out of a label map."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import torch
from torch import Tensor

from app.shell.selection import Selection
from rsp_lab.analysis.targets.regions import class_border, class_zone, connected_region, flipped_region
from rsp_lab.analysis.targets.target import PixelTarget, Target
from rsp_lab.files import digest

PIXEL, REGION, ZONE, BORDER, FLIP = MODES = ("pixel", "connected region", "class zone", "border", "flipped region")
RIGHT, LEFT, TRUE = LABELS = ("right model", "left model", "true labels")
WITHIN = 8
MODE_HELP = (
    "A region’s logit is the mean over its pixels. Connected region: the pixels of one label that hang together with "
    "the selected one. Class zone: all pixels of the class. Border: those near the rival. Flipped region: the pixels "
    "around the selected one on which the two models part in the same way."
)
LABELS_HELP = "Whose label map cuts out regions and says what a contribution comes from."


@dataclass(frozen=True)
class Asked:
    """A target as it is chosen.

    Attributes:
        mode: one of :data:`MODES`.
        labels: one of :data:`LABELS`.
        within: of a border, in pixels.
    """

    mode: str = PIXEL
    labels: str = RIGHT
    within: int = WITHIN


def has_true_labels(selection: Selection) -> bool:
    """Whether the image has labels in the models' classes."""
    return selection.shown.sample.label is not None and selection.shown.table == selection.loaded[0].table.name


def label_map(selection: Selection, source: str) -> Tensor:
    """Train ids (y, x) of a model's prediction or of the image.

    Raises:
        ValueError: if the image has no labels in the models' classes.
    """
    if source != TRUE:
        return torch.from_numpy(selection.views[1 if source == RIGHT else 0].labels).long()
    label = selection.shown.sample.label
    if label is None:
        raise ValueError("This image has no labels: take those of a model, under “Labels of”.")
    if not has_true_labels(selection):
        raise ValueError(
            f"This image has labels of {selection.shown.table or 'other classes'}, the models those of "
            f"{selection.loaded[0].table.name}: take the labels of a model, under “Labels of”."
        )
    return label.long()


def target_of(selection: Selection, asked: Asked) -> Target:
    """The target that is asked about, with the selection's class and rival.

    Raises:
        ValueError: if there is no such region; the message says what to choose.
    """
    target = selection.target
    if asked.mode == PIXEL:
        return target
    name, rival = target.class_name or "", target.rival
    if asked.mode == FLIP:
        left, right = (view.labels for view in selection.views)
        try:
            return flipped_region(left, right, (target.y, target.x), selection.class_names, name, rival)
        except ValueError as problem:
            said = str(problem).partition(". ")[0]
            raise ValueError(
                f"{said[0].upper()}{said[1:]}. Choose a pixel on the page Flips, or the target “{PIXEL}”."
            ) from problem
    labels = label_map(selection, asked.labels)
    try:
        if asked.mode == REGION:
            return connected_region(labels, (target.y, target.x), name, rival)
        if asked.mode == ZONE:
            return class_zone(labels, name, selection.class_names, name, rival)
        if rival is None:
            raise ValueError("a border lies between two classes")
        return class_border(
            labels, name, rival, selection.class_names, within=asked.within, class_name=name, rival=rival
        )
    except ValueError as problem:
        said = str(problem).rstrip(".")
        raise ValueError(
            f"{said[0].upper()}{said[1:]}. Choose another class or rival above, the labels of another map, or the "
            f"target “{PIXEL}”."
        ) from problem


def target_key(target: Target) -> Hashable:
    """Tells targets on one image apart; two pixels of one region have one."""
    if isinstance(target, PixelTarget):
        return target
    return digest(target.mask), target.class_name, target.rival


def where(target: Target) -> str:
    """E.g. ``"At y 40, x 12"``, or ``"Over the pixels labelled car (210 px)"``."""
    if isinstance(target, PixelTarget):
        return f"At y {target.y}, x {target.x}"
    return f"Over {target.name} ({target.pixels:,} px)"


def margin_words(target: Target) -> str:
    """E.g. ``"rider over person"``."""
    return f"{target.class_name} over {target.rival}" if target.rival else str(target.class_name)
