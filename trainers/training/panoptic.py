"""Panoptic segmentation: a class for each pixel, and things told apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from rsp_lab.data.panoptic.pictures import Pictures
from rsp_lab.data.panoptic.samples import PanopticSamples
from rsp_lab.data.sample import SampleSet
from rsp_lab.models.panoptic.segmenter import PanopticSegmenter
from trainers.training import distributed
from trainers.training.losses import TOTAL, Criterion
from trainers.training.panoptic_scores import PanopticEvaluation, evaluate_panoptic

REGIONS = ("rpn_objectness", "rpn_box")
"""Losses of the proposed regions."""
INSTANCES = ("box_class", "box", "mask")
"""Lc, Lb and Lm of the paper."""
SEMANTIC = "semantic"
"""Ls of the paper."""


@dataclass(frozen=True, eq=False)
class PanopticTask:
    """A :class:`~rsp_lab.models.panoptic.segmenter.PanopticSegmenter`, kept by its PQ.

    What is minimised is the paper's loss with the regions' own: ``loss.instances`` (lambda_i) times Lc + Lb + Lm, plus
    both losses of the proposed regions, plus ``loss.semantic`` (lambda_s) times Ls. Ls is a mean over the labelled
    pixels of the whole batch; each of the others is a mean over what is sampled in an image, then over the images of
    the whole batch, so that parts and processes add up to it.

    Attributes:
        images: in a whole batch.
        criterion: the semantic loss, and the weights of all.
    """

    images: int
    criterion: Criterion

    def prepared(self, batch: Pictures) -> Pictures:
        """The share padded as the whole batch is: norms see the padding."""
        height, width = batch.label.shape[1:]
        rows, columns = distributed.largest((height, width), batch.label.device)
        return batch.padded((rows, columns))

    def network(self, model: nn.Module) -> nn.Module:
        assert isinstance(model, PanopticSegmenter)
        return ImageLosses(model)

    def weight(self, batch: Pictures) -> Tensor:
        return self.criterion.weight(batch.label)

    def inputs(self, part: Pictures) -> tuple[Any, ...]:
        return part.image, part.instances, part.seeds

    def losses(self, answer: tuple[Tensor, dict[str, Tensor]], part: Pictures, weight: Tensor) -> dict[str, Tensor]:
        logits, found = answer
        semantic = self.criterion.total(logits, part.label) / weight
        parts = {name: losses.sum() / self.images for name, losses in found.items()}
        regions, instances = (sum(parts[name] for name in names) for names in (REGIONS, INSTANCES))
        weights = self.criterion.config
        total = weights.instances * instances + regions + weights.semantic * semantic
        return {TOTAL: total, SEMANTIC: semantic, **parts}

    def evaluate(self, model: nn.Module, samples: SampleSet) -> PanopticEvaluation:
        assert isinstance(model, PanopticSegmenter)
        assert isinstance(samples, PanopticSamples)
        return evaluate_panoptic(model, samples)


class ImageLosses(nn.Module):
    """A panoptic network in training: what its losses are made of, in one call, so that processes exchange gradients.

    Args:
        model: whose parameters it shares.
    """

    def __init__(self, model: PanopticSegmenter) -> None:
        super().__init__()
        self.model = model

    def forward(self, *batch: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """See :meth:`~rsp_lab.models.panoptic.segmenter.PanopticSegmenter.image_losses`."""
        return self.model.image_losses(*batch)
