"""A panoptic run that is over in seconds: a network without batch statistics on a few of the smallest drawn scenes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import torch

from rsp_lab.data.panoptic.categories import STREET_PANOPTIC
from rsp_lab.data.panoptic.pictures import ResizeConfig
from rsp_lab.data.panoptic.street_scenes import PanopticScenes
from rsp_lab.data.scenes.scene import LEAST
from rsp_lab.models.fusion import SumConfig
from rsp_lab.models.heads import TopDownConfig
from rsp_lab.models.panoptic.config import THINGS, InstanceConfig, PanopticConfig
from rsp_lab.models.panoptic.segmenter import PanopticSegmenter
from rsp_lab.models.pyramid import PyramidConfig
from rsp_lab.models.segmenter import SegmenterConfig
from trainers.config.run import Optimiser, RunConfig
from trainers.training.checkpoint import BEST, Progress
from trainers.training.loop import SaveBest, train

_TABLE = STREET_PANOPTIC
MODEL = PanopticConfig(
    SegmenterConfig(
        PyramidConfig("tiny", channels=32, top=5, frozen_batch_norm=True),
        TopDownConfig((SumConfig(),) * 3, channels=64),
        (THINGS, *(c.name for c in _TABLE.stuff)),
        _TABLE.name,
    ),
    InstanceConfig(
        sizes=((8,), (16,), (32,), (64,), (128,)),
        canonical_scale=56,
        rpn_foreground=0.5,
        candidates=(40, 40),
        proposals=(40, 20),
        rpn_samples=64,
        roi_samples=16,
        box_channels=16,
        mask_channels=8,
        mask_layers=1,
        detections=10,
    ),
    tuple(c.name for c in _TABLE.things),
)


class FewScenes(PanopticScenes):
    """The first scenes of a split, at their smallest size."""

    def __init__(self, split: str, count: int) -> None:
        super().__init__(split, LEAST, cache=True)
        self.count = count

    def __len__(self) -> int:
        return self.count


@cache
def few(split: str, count: int) -> FewScenes:
    """Drawn once for all tests of a process."""
    return FewScenes(split, count)


def config(**changes: Any) -> RunConfig:
    """Four updates of two scenes, of two sizes."""
    plain = RunConfig(
        name="test",
        model=MODEL,
        data="small-panoptic-scenes",
        augment=ResizeConfig(short_side=(48, 64), step=16, longest=128, multiple=32),
        optimiser=Optimiser("sgd", learning_rate=0.05, clip_norm=None),
        steps=4,
        batch_size=2,
        eval_every=4,
        log_every=2,
        num_threads=1,
        workers=0,
    )
    return replace(plain, **changes)


def run(
    settings: RunConfig, folder: Path, save: SaveBest | None = None, net: Callable[[], PanopticSegmenter] | None = None
) -> tuple[PanopticSegmenter, Progress]:
    """A training in a folder, from where it stopped if it did."""
    torch.manual_seed(settings.seed)
    model = net() if net else PanopticSegmenter(MODEL)
    kept = save or (lambda *_: (folder / BEST).touch())
    return model, train(settings, model, few("train", 4), few("val", 2), folder, kept)
