"""What a run would take on a CPU, said before it starts: a rough number with its rule."""

from __future__ import annotations

import time

import torch
from torch.nn import functional as F

from rsp_lab.bench.sides import threads
from rsp_lab.models.inspection.cost import system_cost
from rsp_lab.models.whole import build_model
from trainers.config.run import RunConfig
from trainers.training import distributed

_CHANNELS, _CELLS = 256, (64, 64)
_BACKWARD = 3
"""Multiply-adds of a forward and a backward pass over those of the forward pass: gradients of inputs and weights."""


def cpu_seconds(config: RunConfig, speed: float) -> float:
    """Seconds of all updates of a run by one process's share of each batch; evaluation and data are not counted.

    Args:
        speed: multiply-adds a second in training, see :func:`training_speed`.
    """
    images = config.steps * config.batch_size // distributed.size()
    return images * _BACKWARD * _forward(config) / speed


def training_speed(num_threads: int = 0) -> float:
    """Multiply-adds a second that a 3 x 3 convolution of 256 channels reaches here, forward and backward, just now."""
    rows, columns = _CELLS
    weight = torch.zeros(_CHANNELS, _CHANNELS, 3, 3, requires_grad=True)
    maps = torch.zeros(1, _CHANNELS, rows, columns, requires_grad=True)
    with threads(num_threads or None):
        for _ in range(2):  # the first pass makes what later ones find
            began = time.perf_counter()
            F.conv2d(maps, weight, padding=1).sum().backward()
            seconds = time.perf_counter() - began
    return _BACKWARD * weight.numel() * rows * columns / seconds


def cpu_notice(config: RunConfig, speed: float) -> str:
    """The same in words, with how to stop."""
    seconds, forward = cpu_seconds(config, speed), _forward(config)
    height, width = config.augment.largest
    return (
        f"there is no GPU here, and on this CPU the run would take about {_words(seconds)}: {config.steps:,} updates "
        f"of {config.batch_size} images of {height} x {width}, {_BACKWARD} x {forward / 1e9:.3g} x 10^9 multiply-adds "
        f"each, {speed / 1e9:.3g} x 10^9 a second, as a convolution reaches here now; a rough number. Ctrl-C stops it "
        "after an update, and the same command goes on from there. docs/cityscapes.md has the commands for GPUs"
    )


def _forward(config: RunConfig) -> int:
    """Multiply-adds of a forward pass of one image; of a panoptic network without its regions, which images decide."""
    return system_cost(lambda: build_model(config.model.semantic), config.augment.largest).multiply_adds


def _words(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{seconds:,.0f} seconds"
