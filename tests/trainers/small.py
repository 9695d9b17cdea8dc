"""A run that is over in a second: a network with whatever could break an exact resume, on noise of three classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rsp_lab.data.sample import Sample
from rsp_lab.data.transforms import AugmentConfig
from trainers.config.run import Optimiser, RunConfig
from trainers.training.checkpoint import BEST, Progress
from trainers.training.loop import SaveBest, train

CLASSES = ("a", "b", "c")


@dataclass(frozen=True)
class NetConfig:
    """In the place of a network's configuration."""

    width: int = 8
    class_names: tuple[str, ...] = CLASSES


class Net(nn.Module):
    """Convolution, a norm, dropout."""

    def __init__(self, norm: Callable[[int], nn.Module] = nn.BatchNorm2d, dropout: float = 0.1) -> None:
        super().__init__()
        layers = [nn.Conv2d(3, 8, 3, 2, 1), norm(8), nn.ReLU(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(8, len(CLASSES), 3, 1, 1))
        self.to(memory_format=torch.channels_last)

    def forward(self, image: Tensor) -> Tensor:
        return F.interpolate(self.layers(image), size=image.shape[-2:], mode="bilinear")


def config(**changes: Any) -> RunConfig:
    """Six updates of four crops."""
    plain = RunConfig(
        name="test",
        model=NetConfig(),  # type: ignore[arg-type]
        augment=AugmentConfig(crop=(32, 40)),
        optimiser=Optimiser(learning_rate=1e-2),
        steps=6,
        batch_size=4,
        eval_every=4,
        log_every=2,
        num_threads=1,
        workers=0,
    )
    return replace(plain, **changes)


def samples(count: int = 5) -> list[Sample]:
    """Noise, labelled by its strongest colour."""
    rng = np.random.default_rng(0)
    images = torch.from_numpy(rng.integers(0, 256, (count, 3, 64, 72), dtype=np.uint8))
    return [Sample(f"s{i}", image, image.argmax(0).to(torch.uint8)) for i, image in enumerate(images)]


def run(
    settings: RunConfig,
    folder: Path,
    net: Callable[[], nn.Module] = Net,
    save: SaveBest | None = None,
    data: list[Sample] | None = None,
) -> tuple[nn.Module, Progress]:
    """A training in a folder, from where it stopped if it did; validated on the first two samples."""
    torch.manual_seed(settings.seed)
    model, data = net(), samples() if data is None else data
    progress = train(settings, model, data, data[:2], folder, save or (lambda *_: (folder / BEST).touch()))
    return model, progress
