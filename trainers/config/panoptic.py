"""Panoptic runs: the rows of the paper's Table III on COCO, and small ones on drawn scenes."""

from __future__ import annotations

from collections.abc import Callable

from rsp_lab.data.panoptic.categories import COCO_PANOPTIC, STREET_PANOPTIC, PanopticTable
from rsp_lab.data.panoptic.pictures import ResizeConfig
from rsp_lab.data.scenes import dataset
from rsp_lab.models import presets
from rsp_lab.models.heads import HeadConfig
from rsp_lab.models.panoptic import presets as panoptic
from trainers.config.recipes import LITE0
from trainers.config.run import MultiStep, OneCycle, Optimiser, RunConfig

_Names = tuple[tuple[str, ...], tuple[str, ...], str]


def _names(table: PanopticTable) -> _Names:
    return tuple(c.name for c in table.things), tuple(c.name for c in table.stuff), table.name


def coco(name: str, head: HeadConfig) -> RunConfig:
    """A run of Table III by the schedule of detectron2 that fits its print best: 90 000 updates of 16 images."""
    return RunConfig(
        name=name,
        model=panoptic.panoptic(head, *_names(COCO_PANOPTIC)),
        data="coco",
        augment=ResizeConfig(),
        optimiser=Optimiser(
            "sgd", learning_rate=0.02, weight_decay=1e-4, momentum=0.9, clip_norm=None, norm_decay=False
        ),
        schedule=MultiStep(warm_steps=1000, start=0.001, milestones=(60_000, 80_000)),
        steps=90_000,
        batch_size=16,
        # Scored once, at the end, as the printed rows are: no weights are chosen by their score on val.
        eval_every=90_000,
        checkpoint_every=500,
        keep_every=10_000,
        workers=8,
        encoder_weights="library",
    )


def coco_panoptic_fpn_r50() -> RunConfig:
    """The paper's Table III: Panoptic FPN, resnet50 on COCO."""
    return coco("coco_panoptic_fpn_r50", presets.semantic_fpn())


def coco_rsp2d_r50() -> RunConfig:
    """The paper's Table III: RSP-2-D head, resnet50 on COCO."""
    return coco("coco_rsp2d_r50", presets.rsp2_d())


def coco_rsp4d_r50() -> RunConfig:
    """The paper's Table III: RSP-4-D head, resnet50 on COCO."""
    return coco("coco_rsp4d_r50", presets.rsp4_d())


def coco_baseline_r50() -> RunConfig:
    """Beside the paper's Table III: a sum over the six levels of RSP-4-D, resnet50 on COCO."""
    return coco("coco_baseline_r50", presets.baseline_q67())


def scenes_panoptic_rsp4d() -> RunConfig:
    """EfficientNet-lite0 from ImageNet with RSP-4-D and Mask R-CNN, on drawn scenes of 128 x 256.

    Needs the extras ``encoders`` and ``panoptic``.
    """
    return scenes("scenes_panoptic_rsp4d", presets.rsp4_d())


def scenes_panoptic_baseline() -> RunConfig:
    """The same network with the sum baseline's head over the same six levels, on the same budget."""
    return scenes("scenes_panoptic_baseline", presets.baseline_q67())


def scenes(name: str, head: HeadConfig) -> RunConfig:
    """A small panoptic run on drawn scenes, scored once, at its end: the last weights are kept, whatever they score."""
    return RunConfig(
        name=name,
        model=panoptic.small_panoptic(head, *_names(STREET_PANOPTIC), encoder=LITE0),
        data="small-panoptic-scenes",
        augment=ResizeConfig(short_side=(dataset.SMALL[0],) * 2, longest=dataset.SMALL[1]),
        optimiser=Optimiser("adamw", learning_rate=1e-3, weight_decay=1e-4, clip_norm=5.0, encoder_rate=0.3),
        schedule=OneCycle(),
        steps=1200,
        batch_size=4,
        eval_every=1200,
        encoder_weights="package",
    )


COCO_RECIPES: dict[str, Callable[[], RunConfig]] = {
    recipe.__name__: recipe for recipe in (coco_panoptic_fpn_r50, coco_rsp2d_r50, coco_rsp4d_r50, coco_baseline_r50)
}
SCENES_RECIPES: dict[str, Callable[[], RunConfig]] = {
    recipe.__name__: recipe for recipe in (scenes_panoptic_rsp4d, scenes_panoptic_baseline)
}
