"""Training batches as a pure function of (seed, step, index in the batch)."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from rsp_lab.data.sample import Sample
from rsp_lab.data.transforms import AugmentConfig, augment, sample_rng
from trainers.config import RunConfig

Place = tuple[int, int]
"""A step and an index in that step's batch."""


class Crops(Dataset[tuple[Tensor, Tensor]]):
    """Augmented crops by their place in the run.

    The run passes over the samples again and again without replacement; every pass has its own order. Batches may span
    two passes, so every update has a full batch.
    """

    def __init__(self, samples: Dataset[Sample], config: AugmentConfig, batch_size: int, seed: int) -> None:
        self.samples = samples
        self.config = config
        self.batch_size = batch_size
        self.seed = seed

    def __getitem__(self, place: Place) -> tuple[Tensor, Tensor]:
        step, index = place
        count = len(self.samples)  # type: ignore[arg-type]
        turn, position = divmod(step * self.batch_size + index, count)
        sample = self.samples[int(_order(self.seed, turn, count)[position])]
        return augment(sample, self.config, sample_rng(self.seed, step, index))


class Places(Sampler[list[Place]]):
    """The places of every batch from step ``start`` up to, not including, ``stop``."""

    def __init__(self, batch_size: int, start: int, stop: int) -> None:
        self.batch_size = batch_size
        self.steps = range(start, stop)

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[list[Place]]:
        for step in self.steps:
            yield [(step, index) for index in range(self.batch_size)]


def training_batches(samples: Dataset[Sample], config: RunConfig, start: int) -> DataLoader[tuple[Tensor, Tensor]]:
    """Batches (image [b, 3, y, x], label [b, y, x]) of the updates ``start`` to ``config.steps - 1``.

    They do not depend on the number of workers, nor on where a run was interrupted.
    """
    return DataLoader(
        Crops(samples, config.augment, config.batch_size, config.seed),
        batch_sampler=Places(config.batch_size, start, config.steps),
        num_workers=config.workers,
        worker_init_fn=_leave_signals_to_parent,
        pin_memory=config.device.startswith("cuda"),
    )


@lru_cache(maxsize=4)
def _order(seed: int, turn: int, count: int) -> np.ndarray:
    return np.random.default_rng((seed, turn)).permutation(count)


def _leave_signals_to_parent(_worker: int) -> None:
    # Ctrl-C and most schedulers signal every process of a run; the training process alone decides when workers end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
