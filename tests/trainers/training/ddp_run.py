"""Short runs of networks without batch statistics, for one process or, under torchrun, for several."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from rsp_lab.data.sample import Sample
from rsp_lab.data.transforms import AugmentConfig
from rsp_lab.models import presets
from rsp_lab.models.pyramid import PyramidConfig
from rsp_lab.models.segmenter import SegmenterConfig
from rsp_lab.models.whole import build_model
from tests.trainers import small_panoptic
from tests.trainers.small import CLASSES, NetConfig
from trainers.config.run import Optimiser, RunConfig
from trainers.training import distributed
from trainers.training.loop import train

RSP4 = SegmenterConfig(
    PyramidConfig("tiny", channels=32, top=7, frozen_batch_norm=True),
    presets.top_down(top=7, at=(76, 65, 54, 43), channels=64),
    CLASSES,
)


def samples(count: int) -> list[Sample]:
    rng = np.random.default_rng(0)
    images = torch.from_numpy(rng.integers(0, 256, (count, 3, 48, 56), dtype=np.uint8))
    labels = images.argmax(1).to(torch.uint8)
    labels[0, :30] = 255  # shares of a batch differ in how much is labelled
    return [Sample(str(index), image, label) for index, (image, label) in enumerate(zip(images, labels, strict=True))]


def main(run: Path) -> None:
    config = RunConfig(
        name="ddp",
        model=NetConfig(),  # type: ignore[arg-type]
        augment=AugmentConfig(crop=(32, 40)),
        optimiser=Optimiser("sgd", learning_rate=0.1),
        steps=8,
        batch_size=4,
        eval_every=4,
        log_every=2,
        workers=0,
        accumulate=2,
        ema=0.9,
    )
    torch.manual_seed(0)
    layers = (nn.Conv2d(3, 8, 3, 2, 1), nn.GroupNorm(2, 8), nn.ReLU(), nn.Conv2d(8, len(CLASSES), 3, 1, 1))
    model = nn.Sequential(*layers, nn.Upsample(scale_factor=2, mode="bilinear"))
    with distributed.joined("cpu"):
        train(config, model, samples(6), samples(3), run / "semantic", lambda *_: None)
        rsp4 = replace(config, name="rsp4", model=RSP4, steps=3, eval_every=3, accumulate=1, ema=None)
        torch.manual_seed(0)
        train(rsp4, build_model(RSP4), samples(6), samples(3), run / "rsp4", lambda *_: None)
        small_panoptic.run(small_panoptic.config(accumulate=1, steps=3), run / "panoptic", lambda *_: None)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
