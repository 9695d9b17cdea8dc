"""Recipes: each is a function that returns a whole run."""

from __future__ import annotations

from collections.abc import Callable

from rsp_lab.data.labels import CAMVID
from rsp_lab.data.transforms import AugmentConfig
from rsp_lab.models.presets import tiny_baseline, tiny_rsp4
from rsp_lab.models.segmenter import SegmenterConfig
from trainers.config import OneCycle, Optimiser, RunConfig


def camvid_tiny_rsp4() -> RunConfig:
    """A tiny network with the RSP-4 head, from scratch on CamVid."""
    return _camvid_tiny("camvid_tiny_rsp4", tiny_rsp4(CAMVID.classes, CAMVID.name))


def camvid_tiny_baseline() -> RunConfig:
    """The same network with the sum baseline's head over the same six levels, on the same budget."""
    return _camvid_tiny("camvid_tiny_baseline", tiny_baseline(CAMVID.classes, CAMVID.name))


def _camvid_tiny(name: str, model: SegmenterConfig) -> RunConfig:
    """What both share, so that the pair differs in the head only: budget, seed, data order and augmentation."""
    return RunConfig(
        name=name,
        model=model,
        augment=AugmentConfig(crop=(256, 320)),
        optimiser=Optimiser("adamw", learning_rate=1e-3, weight_decay=1e-4, clip_norm=5.0),
        schedule=OneCycle(),
        steps=1800,
        eval_every=600,
        batch_size=8,
        seed=0,
    )


RECIPES: dict[str, Callable[[], RunConfig]] = {
    recipe.__name__: recipe for recipe in (camvid_tiny_rsp4, camvid_tiny_baseline)
}
