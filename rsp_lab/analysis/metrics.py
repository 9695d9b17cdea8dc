"""Scores of predictions, all from one confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Int64, Integer
from torch import Tensor

from rsp_lab.data.labels import IGNORE_INDEX


def confusion_matrix(
    prediction: Integer[Tensor, "*pixels"], truth: Integer[Tensor, "*pixels"], classes: int
) -> Int64[Tensor, "truth prediction"]:
    """Pixel counts by true class (row) and predicted class (column), without the ignored pixels.

    Raises:
        ValueError: if a label is neither a train id nor :data:`~rsp_lab.data.labels.IGNORE_INDEX`.
    """
    counted = truth != IGNORE_INDEX
    truth, prediction = truth[counted].long(), prediction[counted].long()
    if truth.numel() and not 0 <= int(truth.min()) <= int(truth.max()) < classes:
        wrong = sorted(int(i) for i in truth.unique() if not 0 <= i < classes)
        raise ValueError(f"labels hold train ids {wrong}; expected 0 to {classes - 1}, or {IGNORE_INDEX} to ignore.")
    return torch.bincount(truth * classes + prediction, minlength=classes * classes).view(classes, classes)


def class_iou(confusion: Int64[Tensor, "truth prediction"]) -> tuple[float | None, ...]:
    """Intersection over union of each class; None for one that neither occurs nor is predicted."""
    hit = confusion.diagonal()
    union = confusion.sum(0) + confusion.sum(1) - hit
    return tuple(h / u if u else None for h, u in zip(hit.tolist(), union.tolist(), strict=True))


def mean_iou(iou: Sequence[float | None]) -> float | None:
    """Mean over the classes that have one; None if none has."""
    known = [value for value in iou if value is not None]
    return sum(known) / len(known) if known else None
