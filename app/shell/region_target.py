"""What the ledger is asked about: the selected pixel, or a region around it cut out of a label map."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor

from app.shell.selection import Selection
from rsp_lab.analysis.ledger.ledger import UNLABELLED
from rsp_lab.analysis.targets.regions import class_border, class_zone, connected_region, flipped_region
from rsp_lab.analysis.targets.target import PixelTarget, Target


class Mode(StrEnum):
    """Which pixels a decision is about."""

    PIXEL = "pixel"
    REGION = "connected region"
    ZONE = "class zone"
    BORDER = "border"
    FLIP = "flipped region"


class Labels(StrEnum):
    """Whose label map cuts out regions."""

    RIGHT = "right model"
    LEFT = "left model"
    TRUE = "true labels"


WITHIN = 8
MODE_HELP = (
    "A region’s logit is the mean over its pixels. Connected region: the pixels of one label that hang together with "
    "the selected one. Class zone: all pixels of the class. Border: those near the rival. Flipped region: the pixels "
    "around the selected one on which the two models part in the same way."
)
LABELS_HELP = "Whose label map cuts out regions and says what a contribution comes from."


@dataclass(frozen=True)
class TargetChoice:
    """A target as it is chosen.

    Attributes:
        within: width of a border, in pixels.
    """

    mode: Mode = Mode.PIXEL
    labels: Labels = Labels.RIGHT
    within: int = WITHIN


def has_true_labels(selection: Selection) -> bool:
    """Whether the image has labels in the models' classes."""
    return selection.shown.labels_for(selection.loaded[0]) is not None


def known_labels(selection: Selection) -> Labels:
    """The true labels where the image has them, else the right model's."""
    return Labels.TRUE if has_true_labels(selection) else Labels.RIGHT


def cells_words(selection: Selection, source: Labels, class_name: str) -> str:
    """Cells over a class, and by whose labels, e.g. ``"cells labelled fence"``."""
    if class_name == UNLABELLED:
        return "cells without a label"
    if source == Labels.TRUE:
        return f"cells labelled {class_name}"
    return f"cells that {selection.names[1 if source == Labels.RIGHT else 0]} labels {class_name}"


def label_map(selection: Selection, source: Labels) -> Tensor:
    """Train ids (y, x) of a model's prediction or of the image.

    Raises:
        ValueError: if the image has no labels in the models' classes.
    """
    if source != Labels.TRUE:
        return torch.from_numpy(selection.views[1 if source == Labels.RIGHT else 0].labels).long()
    label, table = selection.shown.labels_for(selection.loaded[0]), selection.shown.table
    if label is not None:
        return label.long()
    if table is None:
        raise ValueError("This image has no labels: take those of a model, under “Labels of”.")
    raise ValueError(
        f"This image has labels of {table.name}, the models those of {selection.loaded[0].table.name}: take the "
        "labels of a model, under “Labels of”."
    )


def target_of(selection: Selection, choice: TargetChoice) -> Target:
    """The target that is chosen, with the selection's class and rival.

    Raises:
        ValueError: if there is no such region; the message says what to choose.
    """
    target = selection.target
    if choice.mode == Mode.PIXEL:
        return target
    name, rival = target.class_name or "", target.rival
    if choice.mode == Mode.FLIP:
        left, right = (view.labels for view in selection.views)
        try:
            return flipped_region(left, right, (target.y, target.x), selection.class_names, name, rival)
        except ValueError as problem:
            raise ValueError(
                f"{_capital(str(problem).partition('. ')[0])}. Choose a pixel on the page Flips, or the target "
                f"“{Mode.PIXEL}”."
            ) from problem
    labels = label_map(selection, choice.labels)
    try:
        if choice.mode == Mode.REGION:
            return connected_region(labels, (target.y, target.x), name, rival)
        if choice.mode == Mode.ZONE:
            return class_zone(labels, name, selection.class_names, name, rival)
        if rival is None:
            raise ValueError("a border lies between two classes")
        return class_border(
            labels, name, rival, selection.class_names, within=choice.within, class_name=name, rival=rival
        )
    except ValueError as problem:
        raise ValueError(
            f"{_capital(str(problem).rstrip('.'))}. Choose another class or rival above, the labels of another map, or "
            f"the target “{Mode.PIXEL}”."
        ) from problem


def _capital(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"


def where(target: Target) -> str:
    """E.g. ``"At y 40, x 12"``, or ``"Over the pixels labelled car (210 px)"``."""
    if isinstance(target, PixelTarget):
        return f"At y {target.y}, x {target.x}"
    return f"Over {target.name} ({target.pixels:,} px)"


def margin_words(target: Target) -> str:
    """E.g. ``"rider over person"``."""
    return f"{target.class_name} over {target.rival}" if target.rival else str(target.class_name)
