"""Scores on a whole data set, from one confusion matrix."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Int64
from torch import Tensor, nn

from rsp_lab.analysis.metrics import class_iou, confusion_matrix, mean_iou
from rsp_lab.data.labels import checked_labels
from rsp_lab.data.sample import Sample, SampleSet
from rsp_lab.rgb import rgb_batch
from rsp_lab.text import percent, rounded
from trainers.training import distributed
from trainers.training.inference import Inference, predict


@dataclass(frozen=True)
class Evaluation:
    """Counts of a whole data set and the scores that follow from them.

    Attributes:
        classes: class names.
        confusion: pixels of true class (row) that were given a class (column); ignored pixels are not counted.
        images: how many images were counted.
    """

    classes: tuple[str, ...]
    confusion: Int64[Tensor, "truth prediction"]
    images: int

    @property
    def iou(self) -> tuple[float | None, ...]:
        """Intersection over union of each class; None for one that neither occurs nor is predicted."""
        return class_iou(self.confusion)

    @property
    def miou(self) -> float:
        """Mean of the classes' intersection over union, over those that have one; NaN if none has."""
        mean = mean_iou(self.iou)
        return float("nan") if mean is None else mean

    @property
    def pixel_accuracy(self) -> float:
        """Share of the labelled pixels that were given their true class; NaN if there are none."""
        total = int(self.confusion.sum())
        return int(self.confusion.diagonal().sum()) / total if total else float("nan")

    @property
    def score(self) -> float:
        """By which the best network is kept: the mIoU."""
        return self.miou

    def headline(self) -> str:
        """The mIoU in percent."""
        return f"mIoU {percent(rounded(self.miou), 2, unit=False)}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data, scores rounded to 6 digits; None for what has no score."""
        return {
            "images": self.images,
            "miou": rounded(self.miou),
            "pixel_accuracy": rounded(self.pixel_accuracy),
            "iou": rounded(dict(zip(self.classes, self.iou, strict=True))),
        }

    def table(self) -> str:
        """The scores as lines of text, in percent; a dash for what has no score."""
        width = max(len(name) for name in (*self.classes, "pixel accuracy"))
        rows = [*zip(self.classes, self.iou, strict=True), ("mIoU", self.miou), ("pixel accuracy", self.pixel_accuracy)]
        return "\n".join(f"{name:{width}}  {percent(value, 1, unit=False):>5}" for name, value in rows)


def evaluate(
    model: nn.Module,
    samples: SampleSet,
    classes: tuple[str, ...],
    inference: Inference | None = None,
) -> Evaluation:
    """Scores of the most likely class a pixel on whole images, one at a time.

    The model is in evaluation mode during the call and as before after it. The processes of a run share the images.

    Raises:
        ValueError: if a sample has no label or a label outside the classes.
    """
    device = next(model.parameters()).device
    counts = torch.zeros(len(classes) ** 2 + 1, dtype=torch.int64)
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            for sample in _share(samples):
                if sample.label is None:
                    raise ValueError(f"{sample.name}: has no label, and evaluation needs one.")
                image = rgb_batch(sample.image, device=device)
                prediction = predict(model, image, inference).cpu()
                label = checked_labels(sample.label, classes, what=f"the labels of {sample.name}")
                counts[:-1] += confusion_matrix(prediction, label, len(classes)).flatten()
                counts[-1] += 1
    finally:
        model.train(was_training)
    counts = distributed.total(counts.to(device)).cpu()
    return Evaluation(classes, counts[:-1].view(len(classes), len(classes)), int(counts[-1]))


def _share(samples: SampleSet) -> Iterable[Sample]:
    """This process's images."""
    return (samples[index] for index in range(distributed.rank(), len(samples), distributed.size()))
