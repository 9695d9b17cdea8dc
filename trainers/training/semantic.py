"""Semantic segmentation: a class for each pixel."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from rsp_lab.data.sample import SampleSet
from rsp_lab.data.transforms import Crop
from trainers.training.evaluate import Evaluation, evaluate
from trainers.training.inference import full_size
from trainers.training.losses import TOTAL, Criterion


@dataclass(frozen=True, eq=False)
class SemanticTask:
    """A network from images [b, 3, y, x] to logits [b, class, v, u], kept by its mIoU.

    Logits of another size than the image's are resized to it.

    Attributes:
        classes: names, in the order of the logits.
        criterion: what is minimised.
    """

    classes: tuple[str, ...]
    criterion: Criterion

    def prepared(self, batch: Crop) -> Crop:
        return batch

    def network(self, model: nn.Module) -> nn.Module:
        return model

    def weight(self, batch: Crop) -> Tensor:
        return self.criterion.weight(batch.label, batch.region)

    def inputs(self, part: Crop) -> tuple[Tensor]:
        return (part.image,)

    def losses(self, answer: Tensor, part: Crop, weight: Tensor) -> dict[str, Tensor]:
        logits = full_size(answer, part.image)
        return {TOTAL: self.criterion.total(logits, part.label, part.region) / weight}

    def evaluate(self, model: nn.Module, samples: SampleSet) -> Evaluation:
        return evaluate(model, samples, self.classes)
