"""Training speed of our loop beside a plain one in the manner of torchvision's references/segmentation/train.py."""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection
from statistics import median
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from rsp_lab.data.sample import Sample
from rsp_lab.data.scenes import dataset
from rsp_lab.data.scenes.dataset import SceneSplit
from rsp_lab.data.transforms import AugmentConfig
from rsp_lab.interruption import signals_wait
from trainers.bench.sides import SIDES, Side
from trainers.config.recipes import study
from trainers.config.run import LossConfig, RunConfig, SceneSampling
from trainers.training.preflight import check_machine

IMAGES = 64
WARM_UP = 2
"""Updates at the start of each turn that are not timed: processes that load data start, caches fill."""
Turn = tuple[int, float]
"""Images of the timed updates, and the seconds they took."""


def bench_config(**machine: Any) -> RunConfig:
    """The tiny RSP-4 on small scenes with scaling and colours; no crop is drawn twice, scenes are sampled plainly and
    all pixels weigh the same, as the reference knows nothing else."""
    config = replace(study("rsp4")(), scenes=SceneSampling(), loss=LossConfig())
    augment = AugmentConfig(config.augment.largest, scale=(0.5, 2.0), colour=True, max_class_share=1.0)
    return replace(config, augment=augment, **machine)


def bench_samples() -> list[Sample]:
    """The first :data:`IMAGES` small scenes, drawn beforehand: drawing is not what is measured."""
    scenes = SceneSplit("train", dataset.SMALL)
    return [scenes[index] for index in tqdm(range(IMAGES), desc="scenes", disable=not sys.stderr.isatty())]


def bench(samples: Sequence[Sample], config: RunConfig, rounds: int, updates: int) -> dict[str, Any]:
    """Images per second of both loops, data loading included, on the same samples held in memory.

    Each loop has a process of its own, so that what one sets up, such as its allocator, does not serve the other. The
    loops take turns of ``updates`` timed updates, and go first in turn, so that a slow spell of the machine meets both;
    nothing is loaded for a loop outside its turn. A loop's figure is the median of its rounds. ``ratio`` is the median
    of ``round_ratios``, ours over the reference's within each round, and ``ratio_quartiles`` say how far the rounds
    differ.
    """
    if min(rounds, updates) < 1:
        raise ValueError(f"--rounds and --updates must be at least 1, got {rounds} and {updates}.")
    config = replace(config, steps=rounds * (WARM_UP + updates))
    check_machine(config)
    turns: dict[str, list[Turn]] = {name: [] for name in SIDES}
    bar = tqdm(total=len(SIDES) * rounds, desc="turns", disable=not sys.stderr.isatty())
    with bar, ExitStack() as stack:
        sides = {name: stack.enter_context(_process(name, samples, config)) for name in SIDES}
        for number in range(1, rounds + 1):
            for name in sorted(sides, reverse=number % 2 == 0):
                turns[name].append(_ask(sides[name], updates))
                bar.update()
            latest = ", ".join(f"{name} {_speed(taken[-1]):.2f}" for name, taken in turns.items())
            tqdm.write(f"round {number}/{rounds}: {latest} images/s", file=sys.stderr)
    speeds = {name: [_speed(taken) for taken in all_taken] for name, all_taken in turns.items()}
    ratios = [a / b for a, b in zip(*speeds.values(), strict=True)]
    work = {"model": config.name, "data": config.data, "batch": config.batch_size, "crop": list(config.augment.largest)}
    run = {
        "device": str(config.torch_device),
        "workers": config.workers,
        "updates": rounds * updates,
        "images": {name: sum(images for images, _ in taken) for name, taken in turns.items()},
    }
    figures = {
        **{f"{name}_images_per_s": round(median(speed), 3) for name, speed in speeds.items()},
        "ratio": round(median(ratios), 3),
        "ratio_quartiles": [round(float(bound), 3) for bound in np.quantile(ratios, (0.25, 0.75))],
        "round_ratios": [round(ratio, 3) for ratio in ratios],
    }
    return work | run | figures


def turn(side: Side, updates: int, device: torch.device) -> Turn:
    """``updates`` updates, after :data:`WARM_UP` others that are not timed."""
    batches, images, began = iter(side.batches()), 0, 0.0
    for number in range(WARM_UP + updates):
        if number == WARM_UP:
            images, began = 0, _now(device)
        batch = next(batches)
        side.update(batch)
        images += len(batch[0])
    return images, _now(device) - began


def _speed(taken: Turn) -> float:
    """Images per second."""
    return taken[0] / taken[1]


@contextmanager
def _process(name: str, samples: Sequence[Sample], config: RunConfig) -> Iterator[Connection]:
    """A process that holds one loop, and the line to it."""
    here, there = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(there, name, samples, config))
    with signals_wait():
        process.start()
    there.close()
    try:
        yield here
        here.close()
        process.join(timeout=5)
    finally:
        process.kill()
        process.join()


def _serve(line: Connection, name: str, samples: Sequence[Sample], config: RunConfig) -> None:
    """Does one turn for every number of updates that comes down the line, until it is closed."""
    check_machine(config)
    side = SIDES[name](samples, config)
    try:
        while True:
            line.send(turn(side, line.recv(), config.torch_device))
    except (EOFError, BrokenPipeError):
        return


def _ask(line: Connection, updates: int) -> Turn:
    """One turn of the loop at the other end of a line.

    Raises:
        RuntimeError: if its process has ended.
    """
    try:
        line.send(updates)
        taken: Turn = line.recv()
    except (EOFError, BrokenPipeError, ConnectionResetError) as error:
        raise RuntimeError("a loop of the bench ended on an error, which stands above.") from error
    return taken


def _now(device: torch.device) -> float:
    """Seconds, once the device has done what it was given."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
    return time.perf_counter()
