"""What is minimised: sums over pixels, so that parts of a batch and processes add up to the mean over the whole."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn import functional as F

from rsp_lab.data.labels import IGNORE_INDEX, checked_labels
from rsp_lab.data.sample import Sample
from trainers.config.run import LossConfig

TOTAL = "loss"
"""Among the losses of an update: what is minimised. The others are its parts, where it has several."""


@dataclass(frozen=True, eq=False)
class Criterion:
    """A loss as a sum over pixels, and the weight by which the sum of a whole batch is divided.

    Attributes:
        config: which loss.
        class_weights: one per class, or None for 1.
    """

    config: LossConfig
    class_weights: Float[Tensor, " class"] | None = None

    def weight(self, label: Int64[Tensor, "b y x"], region: Bool[Tensor, "b y x"] | None = None) -> Float[Tensor, ""]:
        """Sum of the weights of the labelled pixels: the class's, times ``region_weight`` within a region."""
        labelled = label != IGNORE_INDEX
        factor = self._region_factor(region)
        if self.class_weights is None:
            return labelled.sum().float() if factor is None else factor[labelled].sum()
        weights = self.class_weights.to(label.device)[label[labelled]]
        return weights.sum() if factor is None else (weights * factor[labelled]).sum()

    def _region_factor(self, region: Bool[Tensor, "b y x"] | None) -> Float[Tensor, "b y x"] | None:
        if region is None or self.config.region_weight == 1:
            return None
        return torch.where(region, self.config.region_weight, 1.0)

    def total(
        self,
        logits: Float[Tensor, "b class y x"],
        label: Int64[Tensor, "b y x"],
        region: Bool[Tensor, "b y x"] | None = None,
    ) -> Float[Tensor, ""]:
        """Cross entropy in float32 at least, summed over the labelled pixels by weight (:meth:`weight`).

        Under ohem the mean over the hard pixels times this label's whole weight: hard pixels are chosen within each
        part of a batch, and a part counts by its labelled pixels.
        """
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        weights = None if self.class_weights is None else self.class_weights.to(logits)
        factor = self._region_factor(region)
        if factor is not None:
            losses = F.cross_entropy(logits, label, weights, ignore_index=IGNORE_INDEX, reduction="none")
            return (losses * factor).sum()
        if self.config.kind == "cross_entropy":
            return F.cross_entropy(logits, label, weights, ignore_index=IGNORE_INDEX, reduction="sum")
        losses = F.cross_entropy(logits, label, ignore_index=IGNORE_INDEX, reduction="none")[label != IGNORE_INDEX]
        if not losses.numel():
            return logits.sum() * 0
        shares = torch.ones_like(losses) if weights is None else weights[label[label != IGNORE_INDEX]]
        hard = losses.detach() > -torch.tensor(self.config.ohem_threshold, device=losses.device).log()
        least = max(1, round(self.config.ohem_least * losses.numel()))
        if int(hard.sum()) < least:
            hard = torch.zeros_like(hard).index_fill_(0, losses.detach().topk(least).indices, True)
        return (losses * shares)[hard].sum() / shares[hard].sum() * self.weight(label)


def class_weights(samples: Iterable[Sample], classes: int) -> Float[Tensor, " class"]:
    """Median class frequency over each class's own; 1 for a class that never occurs."""
    counts = torch.zeros(classes, dtype=torch.float64)
    for sample in samples:
        if sample.label is not None:
            label = checked_labels(sample.label, classes, what=f"the labels of {sample.name}")
            counts += torch.bincount(label[label != IGNORE_INDEX], minlength=classes)
    present = counts > 0
    if not present.any():
        raise ValueError("--loss.balanced: no training label has a class. Check the data (check-data).")
    weights = torch.where(present, counts[present].median() / counts.clamp(min=1), torch.ones_like(counts))
    return weights.float()
