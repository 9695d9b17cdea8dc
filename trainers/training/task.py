"""What a run learns: the loop knows a batch, its losses and its scores by these words alone."""

from __future__ import annotations

from typing import Any, Protocol, Self

import torch
from torch import Tensor, nn

from rsp_lab.data.sample import SampleSet
from rsp_lab.models.panoptic.config import PanopticConfig
from trainers.config.run import RunConfig
from trainers.training.losses import Criterion, class_weights
from trainers.training.panoptic import PanopticTask
from trainers.training.semantic import SemanticTask


class Batch(Protocol):
    """What one update is made on, or this process's share of it."""

    @property
    def image(self) -> Tensor: ...

    @property
    def label(self) -> Tensor: ...

    def to(self, device: str | torch.device) -> Self:
        """The same on a device."""

    def parts(self, number: int) -> list[Self]:
        """The same in so many parts, which pass through the network one after the other."""


class Scores(Protocol):
    """How well a network does on a data set."""

    @property
    def score(self) -> float:
        """By which the best network is kept, the higher the better; NaN where there is none."""

    def headline(self) -> str:
        """The scores that a person who watches a run wants to see, in a few words."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""

    def table(self) -> str:
        """The scores as lines of text."""


class Task(Protocol):
    """What a run learns."""

    def prepared(self, batch: Any) -> Any:
        """This process's share of a batch as it is trained on, on its device."""

    def network(self, model: nn.Module) -> nn.Module:
        """What a part of a batch passes through: the model itself, or what computes its losses in one call."""

    def weight(self, batch: Any) -> Tensor:
        """What this process's share of a batch counts for; the sum over all processes goes into :meth:`losses`."""

    def inputs(self, part: Any) -> tuple[Any, ...]:
        """What :meth:`network` is called with."""

    def losses(self, answer: Any, part: Any, weight: Tensor) -> dict[str, Tensor]:
        """The losses of a part by name, the one that is minimised as ``"loss"``; parts add up to the batch's.

        Args:
            answer: of the network.
            part: of the batch.
            weight: of the whole batch, over all processes.
        """

    def evaluate(self, model: nn.Module, samples: SampleSet) -> Scores:
        """The scores of a network on a data set; the processes of a run share the images."""


def measure_of(config: RunConfig) -> str:
    """What the score is called by which a run's best network is kept."""
    return "PQ" if isinstance(config.model, PanopticConfig) else "mIoU"


def build_task(config: RunConfig, train_set: SampleSet) -> Task:
    """The task of a run; class weights are counted over the training labels."""
    weights = None
    if config.loss.balanced:
        samples = (train_set[index] for index in range(len(train_set)))
        weights = class_weights(samples, len(config.model.class_names))
    criterion = Criterion(config.loss, weights)
    if isinstance(config.model, PanopticConfig):
        return PanopticTask(config.batch_size, criterion)
    return SemanticTask(config.model.class_names, criterion)
