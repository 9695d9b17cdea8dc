"""Training batches as a pure function of (seed, step, index in the batch)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from torch.utils.data import DataLoader, Dataset, Sampler

from rsp_lab.data.labels import checked_labels
from rsp_lab.data.panoptic.pictures import Picture
from rsp_lab.data.sample import Sample, SampleSet
from rsp_lab.data.scenes.dataset import DrawnSamples
from rsp_lab.data.transforms import Crop, sample_rng
from rsp_lab.interruption import leave_signals_to_parent
from trainers.config.run import RunConfig
from trainers.training import distributed

Place = tuple[int, int]
"""A step and an index in that step's batch."""


class TrainingImages(Dataset[Crop | Picture]):
    """Augmented images by their place in the run: crops, or for panoptic networks whole ones.

    The run passes over the samples again and again without replacement; every pass has its own order. Batches may span
    two passes, so every update has a full batch. By option (:class:`~trainers.config.run.SceneSampling`) a batch holds
    both readings of its scenes, cut and flipped alike, and the cases take turns.

    Raises:
        ValueError: if such an option is set and the samples are no drawn scenes.
    """

    def __init__(self, samples: SampleSet, config: RunConfig) -> None:
        self.samples = samples
        self.config = config
        self.cases: tuple[str, ...] | None = None
        if config.scenes.pairs or config.scenes.even_cases:
            if not isinstance(samples, DrawnSamples):
                raise ValueError(
                    "scenes.pairs and scenes.even_cases are for drawn scenes: take --data scenes, or leave them off."
                )
            self.cases = samples.cases

    def sample(self, place: Place) -> Sample:
        """The sample from which the image of this place is made."""
        step, index = place
        together = 2 if self.config.scenes.pairs else 1
        turn, position = divmod(step * (self.config.batch_size // together) + index // together, len(self.samples))
        cases = self.cases if self.config.scenes.even_cases else None
        chosen = int(_order(self.config.seed, turn, len(self.samples), cases)[position])
        if self.config.scenes.pairs and isinstance(self.samples, DrawnSamples):
            return self.samples.reading(chosen, index % 2)
        return self.samples[chosen]

    def __getitem__(self, place: Place) -> Crop | Picture:
        """The augmented image of a place.

        Raises:
            ValueError: for a sample without a label, with ids that are none of the network's classes, or without a
                region where regions are weighted.
        """
        sample = self.sample(place)
        if sample.label is not None:
            checked_labels(sample.label, self.config.model.class_names, what=f"the labels of {sample.name}")
        if self.config.loss.region_weight != 1 and sample.region is None:
            raise ValueError(
                f"{sample.name} has no region, and loss.region_weight is of regions, which drawn scenes have: take "
                "--data scenes, or leave it at 1."
            )
        step, index = place
        # The readings of a pair share the random numbers of their crop.
        draw = index // 2 if self.config.scenes.pairs else index
        return self.config.augment.draw(sample, sample_rng(self.config.seed, step, draw))


class Places(Sampler[list[Place]]):
    """The places of every batch from step ``start`` on; under torchrun this process's share of each batch."""

    def __init__(self, config: RunConfig, start: int) -> None:
        self.config = config
        self.steps = range(start, config.steps)

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[list[Place]]:
        return (batch_places(self.config, step) for step in self.steps)


def batch_places(config: RunConfig, step: int) -> list[Place]:
    """This process's places of one update."""
    share = config.batch_size // distributed.size()
    first = distributed.rank() * share
    return [(0 if config.overfit_one_batch else step, index) for index in range(first, first + share)]


def batch_names(samples: SampleSet, config: RunConfig, step: int) -> list[str]:
    """The names of the samples in this process's share of one update."""
    images = TrainingImages(samples, config)
    return [images.sample(place).name for place in batch_places(config, step)]


def training_batches(samples: SampleSet, config: RunConfig, start: int) -> DataLoader[Any]:
    """Batches, :class:`~rsp_lab.data.transforms.Crop` or :class:`~rsp_lab.data.panoptic.pictures.Pictures`, of the
    updates ``start`` to ``config.steps - 1``.

    They do not depend on the number of workers, nor on where a run was interrupted; the shares of several processes
    are together the batch of one.
    """
    return DataLoader(
        TrainingImages(samples, config),
        batch_sampler=Places(config, start),
        collate_fn=config.augment.collate,
        num_workers=config.workers,
        worker_init_fn=leave_signals_to_parent,
        pin_memory=config.torch_device.type == "cuda",
    )


def reason(error: BaseException) -> str:
    """What an error says; of one that a loading process passed on, without that process's traceback."""
    text = str(error)
    if text.startswith("Caught ") and "Original Traceback" in text:
        return text.rstrip().splitlines()[-1].split(": ", 1)[-1]
    return text


@lru_cache(maxsize=4)
def _order(seed: int, turn: int, count: int, cases: tuple[str, ...] | None) -> np.ndarray:
    """A permutation of the samples; with ``cases``, one of each case after the other as far as they reach."""
    order = np.random.default_rng((seed, turn)).permutation(count)
    if cases is None:
        return order
    seen: dict[str, int] = {}
    rounds = []
    for index in order:
        rounds.append(seen.get(cases[index], 0))
        seen[cases[index]] = rounds[-1] + 1
    return order[np.argsort(rounds, kind="stable")]
