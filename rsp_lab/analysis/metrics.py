"""Scores of predictions, all from one confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Int64, Integer
from torch import Tensor

from rsp_lab.data.labels import IGNORE_INDEX, checked_labels


def confusion_matrix(
    prediction: Integer[Tensor, "*pixels"], truth: Integer[Tensor, "*pixels"], classes: int
) -> Int64[Tensor, "truth prediction"]:
    """Pixel counts by true class (row) and predicted class (column), without the ignored pixels.

    Raises:
        ValueError: if the two differ in shape, if a label is neither a train id nor
            :data:`~rsp_lab.data.labels.IGNORE_INDEX`, or if a prediction is no class.
    """
    truth, prediction = checked_labels(truth, classes), checked_labels(prediction, None)
    if truth.shape != prediction.shape:
        raise ValueError(
            f"the labels are {tuple(truth.shape)}, the prediction {tuple(prediction.shape)}: they must be of one size."
        )
    counted = truth != IGNORE_INDEX
    truth, prediction = truth[counted], prediction[counted]
    if ((prediction < 0) | (prediction >= classes)).any():
        raise ValueError(f"the prediction holds other numbers than those of the classes, 0 to {classes - 1}.")
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
