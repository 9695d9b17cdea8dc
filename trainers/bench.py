"""Training speed of our loop beside a plain one in the manner of torchvision's references/segmentation/train.py."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, Protocol, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, Dataset, RandomSampler
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2.functional import to_pil_image
from tqdm import tqdm

from rsp_lab.data import planted
from rsp_lab.data.labels import IGNORE_INDEX
from rsp_lab.data.planted import PlantedScenes
from rsp_lab.data.sample import Sample
from rsp_lab.data.transforms import PADDING_RGB, AugmentConfig
from rsp_lab.models.segmenter import Segmenter
from trainers.batches import training_batches
from trainers.config import RunConfig
from trainers.guard import guarded
from trainers.learner import Learner
from trainers.loop import build_criterion, check_machine, update
from trainers.recipes import study

IMAGES = 64
WARM_UP = 2
"""Updates at the start of each turn that are not timed: processes that load data start, caches fill."""

Loader = Iterable[tuple[Tensor, Tensor]]


class Side(Protocol):
    """A training loop that can be taken up again, turn after turn."""

    def batches(self) -> Loader:
        """What is left of the run's batches; the processes that load them live as long as one pass over it."""

    def update(self, image: Tensor, label: Tensor) -> float:
        """One update; returns the loss before it."""


class Ours:
    """The loop of :func:`trainers.loop.train` without its log, its evaluations and its states."""

    def __init__(self, samples: Sequence[Sample], config: RunConfig) -> None:
        torch.manual_seed(config.seed)
        self.model = Segmenter(config.model)
        self.samples = cast("Dataset[Sample]", samples)  # a list has all that the loop asks of it
        self.config = config
        self.learner = Learner.build(self.model, config)
        self.criterion = build_criterion(config, self.samples)
        self.step = 0

    def batches(self) -> Loader:
        return training_batches(self.samples, self.config, self.step)

    def update(self, image: Tensor, label: Tensor) -> float:
        with guarded(Path("runs", self.config.name), self.samples, self.config, self.step, image, label):
            loss = update(self.learner, self.criterion, image, label, self.config, self.step)
        self.step += 1
        return loss


class Plain:
    """The reference: the same network, update rule, rates and clipping, by torch's defaults and none of our loop.

    Its augmentation has the ranges of ours and is torchvision's own; both leave out the normalisation, which the
    network does.
    """

    def __init__(self, samples: Sequence[Sample], config: RunConfig) -> None:
        torch.manual_seed(config.seed)
        self.model = Segmenter(config.model).to(config.device).train()
        self.config = config
        self.crops = PlainCrops(samples, config.augment)
        rule = config.optimiser
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), lr=rule.learning_rate, weight_decay=rule.weight_decay
        )
        self.schedule = LambdaLR(self.optimiser, lambda step: config.schedule.factor(step, config.steps))

    def batches(self) -> Loader:
        images = self.config.batch_size * (self.config.steps - self.schedule.last_epoch)
        return DataLoader(
            self.crops,
            self.config.batch_size,
            sampler=RandomSampler(self.crops, num_samples=images),
            num_workers=self.config.workers,
            pin_memory=self.config.device.startswith("cuda"),
        )

    def update(self, image: Tensor, label: Tensor) -> float:
        image, label = image.to(self.config.device), label.to(self.config.device)
        loss = F.cross_entropy(self.model(image), label, ignore_index=IGNORE_INDEX)
        self.optimiser.zero_grad()
        loss.backward()
        if self.config.optimiser.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.config.optimiser.clip_norm)
        self.optimiser.step()
        self.schedule.step()
        return loss.item()


class PlainCrops(Dataset[tuple[Tensor, Tensor]]):
    """Images as Pillow opens them, and their augmented crops by torchvision's transforms."""

    def __init__(self, samples: Sequence[Sample], config: AugmentConfig) -> None:
        self.pairs = [(to_pil_image(sample.image), tv_tensors.Mask(sample.label)) for sample in samples]
        shorter = min(samples[0].size)
        least, greatest = (round(bound * shorter) for bound in config.scale)
        padding = {tv_tensors.Mask: IGNORE_INDEX, "others": PADDING_RGB}
        self.transform = v2.Compose(
            [
                v2.RandomResize(least, greatest + 1),
                v2.RandomCrop(config.crop, pad_if_needed=True, fill=padding),
                v2.RandomHorizontalFlip(config.flip),
                v2.PILToTensor(),
                v2.RandomPhotometricDistort() if config.colour else v2.Identity(),
                v2.ToDtype({torch.Tensor: torch.float32, tv_tensors.Mask: torch.int64}, scale=True),
                v2.ToPureTensor(),
            ]
        )

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image, label = self.transform(*self.pairs[index])
        return image, label


def bench_config(**machine: Any) -> RunConfig:
    """The tiny RSP-4 on small scenes with scaling and colours; no crop is drawn twice, as the reference knows none."""
    config = study("rsp4")()
    return replace(config, augment=replace(config.augment, scale=(0.5, 2.0), colour=True), **machine)


def bench_samples() -> list[Sample]:
    """The first :data:`IMAGES` small scenes, drawn beforehand: drawing is not what is measured."""
    scenes = PlantedScenes("train", planted.SMALL)
    return [scenes[index] for index in tqdm(range(IMAGES), desc="scenes", disable=not sys.stderr.isatty())]


def bench(samples: Sequence[Sample], config: RunConfig, rounds: int, updates: int) -> dict[str, Any]:
    """Images per second of both loops, data loading included, on the same samples held in memory.

    The loops take turns of ``updates`` timed updates, and go first in turn, so that a slow spell of the machine meets
    both; nothing is loaded for a loop outside its turn. A loop's figure is the median of its rounds. ``ratio`` is the
    median of ``round_ratios``, ours over the reference's within each round, and ``ratio_quartiles`` say how far the
    rounds differ.
    """
    if min(rounds, updates) < 1:
        raise ValueError(f"--rounds and --updates must be at least 1, got {rounds} and {updates}.")
    config = replace(config, steps=rounds * (WARM_UP + updates))
    check_machine(config)
    sides: dict[str, Side] = {"ours": Ours(samples, config), "reference": Plain(samples, config)}
    speeds: dict[str, list[float]] = {name: [] for name in sides}
    with tqdm(total=len(sides) * config.steps, desc="bench", disable=not sys.stderr.isatty()) as bar:
        for number in range(1, rounds + 1):
            for name in sorted(sides, reverse=number % 2 == 0):
                speeds[name].append(turn(sides[name], updates, config.device, bar.update))
            latest = ", ".join(f"{name} {speed[-1]:.2f}" for name, speed in speeds.items())
            tqdm.write(f"round {number}/{rounds}: {latest} images/s", file=sys.stderr)
    ratios = [a / b for a, b in zip(*speeds.values(), strict=True)]
    work = {"model": config.name, "data": config.data, "batch": config.batch_size, "crop": list(config.augment.crop)}
    run = {"device": config.device, "workers": config.workers, "updates": rounds * updates}
    figures = {
        **{f"{name}_images_per_s": round(median(speed), 3) for name, speed in speeds.items()},
        "ratio": round(median(ratios), 3),
        "ratio_quartiles": [round(float(bound), 3) for bound in np.quantile(ratios, (0.25, 0.75))],
        "round_ratios": [round(ratio, 3) for ratio in ratios],
    }
    return work | run | figures


def turn(side: Side, updates: int, device: str, done: Callable[[], Any] = lambda: None) -> float:
    """Images per second over ``updates`` updates, after :data:`WARM_UP` others."""
    batches, images, began = iter(side.batches()), 0, 0.0
    for number in range(WARM_UP + updates):
        if number == WARM_UP:
            images, began = 0, _now(device)
        image, label = next(batches)
        side.update(image, label)
        images += len(image)
        done()
    return images / (_now(device) - began)


def _now(device: str) -> float:
    """Seconds, once the device has done what it was given."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    return time.perf_counter()
