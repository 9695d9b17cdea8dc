"""Recipes: each is a function that returns a whole run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from rsp_lab.data.folder import folder_root, folder_table
from rsp_lab.data.labels import CAMVID, CITYSCAPES
from rsp_lab.data.scenes import dataset
from rsp_lab.data.transforms import AugmentConfig
from rsp_lab.models import presets
from rsp_lab.models.fusion import AverageConfig
from rsp_lab.models.heads import TopDownConfig
from rsp_lab.models.relation import RelationConfig
from rsp_lab.models.segmenter import SegmenterConfig
from trainers.config.run import LossConfig, OneCycle, Optimiser, RunConfig, SceneSampling

LITE0 = "timm/tf_efficientnet_lite0"


def camvid_tiny_rsp4() -> RunConfig:
    """A tiny network with the RSP-4 head, from scratch on CamVid."""
    return _camvid_tiny("camvid_tiny_rsp4", presets.tiny_rsp4(CAMVID.classes, CAMVID.name))


def camvid_tiny_baseline() -> RunConfig:
    """The same network with the sum baseline's head over the same six levels, on the same budget."""
    return _camvid_tiny("camvid_tiny_baseline", presets.tiny_baseline(CAMVID.classes, CAMVID.name))


def folder_tiny_rsp4() -> RunConfig:
    """A tiny network with the RSP-4 head, from scratch on a data set of your own (FOLDER_ROOT)."""
    table = folder_table(folder_root())
    return _folder_tiny("folder_tiny_rsp4", presets.tiny_rsp4(table.classes, table.name))


def folder_tiny_baseline() -> RunConfig:
    """The same network with the sum baseline's head over the same six levels, on the same budget (FOLDER_ROOT)."""
    table = folder_table(folder_root())
    return _folder_tiny("folder_tiny_baseline", presets.tiny_baseline(table.classes, table.name))


def _from_scratch(name: str, model: SegmenterConfig, augment: AugmentConfig, **changes: Any) -> RunConfig:
    """What all runs of the tiny network share; those of one data set differ in the head only."""
    return RunConfig(
        name=name,
        model=model,
        augment=augment,
        optimiser=Optimiser("adamw", learning_rate=1e-3, weight_decay=1e-4, clip_norm=5.0),
        schedule=OneCycle(),
        seed=0,
        **changes,
    )


def _camvid_tiny(name: str, model: SegmenterConfig) -> RunConfig:
    return _from_scratch(name, model, AugmentConfig(crop=(256, 320)), steps=1800, eval_every=600, batch_size=8)


def camvid_lite0_rsp4() -> RunConfig:
    """EfficientNet-lite0 from ImageNet with the RSP-4 head on CamVid; needs the extra ``encoders``."""
    return camvid_lite0("camvid_lite0_rsp4", presets.top_down(top=7, at=(76, 65, 54, 43), channels=64))


def camvid_lite0_baseline() -> RunConfig:
    """The same network with the sum baseline's head over the same six levels, on the same budget."""
    return camvid_lite0("camvid_lite0_baseline", presets.top_down(top=7, channels=64))


def camvid_lite0(name: str, head: TopDownConfig) -> RunConfig:
    """A head on EfficientNet-lite0 from ImageNet, on CamVid."""
    # Evaluated once, at the end: what is kept are the last weights, whatever they score.
    run = _from_scratch(
        name,
        presets.timm_fpn(LITE0, head, CAMVID.classes, CAMVID.name),
        AugmentConfig(crop=(256, 320)),
        steps=1000,
        eval_every=1000,
        batch_size=8,
        encoder_weights="package",
    )
    return replace(run, optimiser=replace(run.optimiser, encoder_rate=0.3))


def _folder_tiny(name: str, model: SegmenterConfig) -> RunConfig:
    augment = AugmentConfig(crop=(256, 256))
    return _from_scratch(name, model, augment, data="folder", steps=1800, eval_every=600, batch_size=8)


def scenes_tiny_rsp4() -> RunConfig:
    """A tiny network with the RSP-4 head, from scratch on drawn scenes of 256 x 512."""
    return _scenes("scenes_tiny_rsp4", presets.tiny_rsp4(CITYSCAPES.classes, CITYSCAPES.name))


def scenes_tiny_baseline() -> RunConfig:
    """The same network with the sum baseline's head over the same six levels, on the same budget."""
    return _scenes("scenes_tiny_baseline", presets.tiny_baseline(CITYSCAPES.classes, CITYSCAPES.name))


def _drawn(size: tuple[int, int], scale: tuple[float, float] = (1.0, 1.0)) -> AugmentConfig:
    """Augmentation of drawn scenes, whose light and colours vary by themselves."""
    return AugmentConfig(crop=size, scale=scale, colour=False, max_class_share=1.0)


def _scenes(name: str, model: SegmenterConfig) -> RunConfig:
    return _from_scratch(
        name,
        model,
        _drawn(dataset.SIZE),
        data="scenes",
        steps=900,
        eval_every=900,
        batch_size=8,
        scenes=SceneSampling(pairs=True, even_cases=True),
        loss=LossConfig(region_weight=30.0),
    )


STUDY: dict[str, TopDownConfig] = {
    "baseline": presets.top_down(top=5, channels=64),
    "baseline_q67": presets.top_down(top=7, channels=64),
    "rsp2": presets.top_down(top=5, at=(54, 43), channels=64),
    "rsp4": presets.top_down(top=7, at=(76, 65, 54, 43), channels=64),
    "rsp4_none": presets.top_down(top=7, at=(76, 65, 54, 43), fusion=RelationConfig(normalisation="none"), channels=64),
    "rsp4_slow": presets.top_down(top=7, at=(76, 65, 54, 43), channels=64),
    "rsp4_fast": presets.top_down(top=7, at=(76, 65, 54, 43), channels=64),
    "self2": presets.top_down(top=5, at=(54, 43), fusion=RelationConfig(query_from="high"), channels=64),
    "context2": presets.top_down(top=5, at=(54, 43), fusion=AverageConfig(), channels=64),
}
"""The heads that the results pages compare on small scenes, in 64 channels."""
STUDY_HEADS = ("baseline", "baseline_q67", "rsp2", "rsp4", "self2", "context2")
"""Those of them that a study trains unless told otherwise: one for each claim of the paper."""
RELATION_RATES: dict[str, float] = {"rsp4_slow": 0.3, "rsp4_fast": 3.0}
"""Learning rate of the relation modules over that of all else, where it is not the same."""


def study(head: str) -> Callable[[], RunConfig]:
    """The recipe of one entry of :data:`STUDY`; they differ in the head, or by :data:`RELATION_RATES`, alone."""

    def recipe() -> RunConfig:
        model = presets.tiny(STUDY[head], CITYSCAPES.classes, CITYSCAPES.name)
        augment = _drawn(dataset.SMALL)
        run = _from_scratch(
            f"study_{head}",
            model,
            augment,
            data="small-scenes",
            steps=600,
            eval_every=600,
            batch_size=8,
            scenes=SceneSampling(pairs=True, even_cases=True),
            loss=LossConfig(region_weight=30.0),
        )
        rate = RELATION_RATES.get(head, 1.0)
        return replace(run, optimiser=replace(run.optimiser, relation_rate=rate))

    recipe.__name__ = f"study_{head}"
    recipe.__doc__ = f"Results page: {head} on small drawn scenes (128 x 256), tiny encoder, from scratch."
    return recipe


RECIPES: dict[str, Callable[[], RunConfig]] = {
    recipe.__name__: recipe
    for recipe in (
        camvid_tiny_rsp4,
        camvid_tiny_baseline,
        folder_tiny_rsp4,
        folder_tiny_baseline,
        camvid_lite0_rsp4,
        camvid_lite0_baseline,
        scenes_tiny_rsp4,
        scenes_tiny_baseline,
        *(study(head) for head in STUDY),
    )
}
