"""Configurations of panoptic models, as functions that return a frozen config.

Names of things and of stuff are arguments, in the order of their ids: those of COCO, or of any other table.

The cost columns of Table III fit an input of 1024 x 2048 and 19 classes, which are Cityscapes': 62.5, 53.1 and 53.4 G
for the three heads. With the 54 classes of COCO's semantic branch the same heads have 63.1, 53.7 and 53.9 G there, and
32.2, 27.4 and 27.5 G at 800 x 1333, the largest picture of COCO's schedule; parameters are 6.5, 5.1 and 7.8 MB all the
same. The instance branch is in none of these numbers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from rsp_lab.models import presets
from rsp_lab.models.heads import HeadConfig
from rsp_lab.models.panoptic.config import THINGS, InstanceConfig, PanopticConfig
from rsp_lab.models.timm_encoder import TIMM

RpnTop = Literal["pool", "p6"]

SMALL_SCENES = InstanceConfig(
    sizes=((8, 12), (16, 24), (32, 48), (64, 96), (128, 192)),
    ratios=(0.5, 1.0, 2.0, 3.0),
    canonical_scale=56,
    rpn_foreground=0.5,
    candidates=(300, 300),
    proposals=(300, 300),
    roi_samples=64,
    box_channels=256,
    mask_channels=64,
    mask_layers=2,
)
"""Mask R-CNN for pictures of 128 x 256 to 256 x 512, trainable on two CPU cores: 0.89 of the things of at least 16 px
in drawn scenes of 128 x 256 have an anchor with an IoU of a half, 0.31 with torchvision's anchors for photographs."""


def panoptic(
    head: HeadConfig,
    things: tuple[str, ...],
    stuff: tuple[str, ...],
    table: str = "",
    *,
    encoder: str = "resnet50",
    rpn_top: RpnTop = "pool",
) -> PanopticConfig:
    """A semantic head and Mask R-CNN on a ResNet-FPN with 256 channels, as in Table III."""
    semantic = presets.resnet_fpn(encoder, head, (THINGS, *stuff), table)
    return PanopticConfig(semantic, InstanceConfig(rpn_top=rpn_top), things)


def panoptic_fpn(things: tuple[str, ...], stuff: tuple[str, ...], table: str = "") -> PanopticConfig:
    """Table III, "Panoptic FPN [12]": the head of Semantic FPN."""
    return panoptic(presets.semantic_fpn(), things, stuff, table)


def panoptic_rsp2_d(things: tuple[str, ...], stuff: tuple[str, ...], table: str = "") -> PanopticConfig:
    """Table III, "RSP-2-D head"."""
    return panoptic(presets.rsp2_d(), things, stuff, table)


def panoptic_rsp4_d(things: tuple[str, ...], stuff: tuple[str, ...], table: str = "") -> PanopticConfig:
    """Table III, "RSP-4-D head"."""
    return panoptic(presets.rsp4_d(), things, stuff, table)


def panoptic_baseline(things: tuple[str, ...], stuff: tuple[str, ...], table: str = "") -> PanopticConfig:
    """The sum over the levels of RSP-4-D, which Table III lacks."""
    return panoptic(presets.baseline_q67(), things, stuff, table)


def small_panoptic(
    head: HeadConfig,
    things: tuple[str, ...],
    stuff: tuple[str, ...],
    table: str = "",
    *,
    encoder: str = "tiny",
    rpn_top: RpnTop = "pool",
) -> PanopticConfig:
    """A head of 64 channels and :data:`SMALL_SCENES` on a 64-channel pyramid, with any encoder."""
    head, names = replace(head, channels=64), (THINGS, *stuff)
    if encoder.startswith(TIMM):
        semantic = presets.timm_fpn(encoder, head, names, table, channels=64)
    else:
        semantic = presets.resnet_fpn(encoder, head, names, table, frozen_batch_norm=False)
        semantic = replace(semantic, pyramid=replace(semantic.pyramid, channels=64))
    return PanopticConfig(semantic, replace(SMALL_SCENES, rpn_top=rpn_top), things)


def tiny_panoptic_rsp4(things: tuple[str, ...], stuff: tuple[str, ...], table: str = "") -> PanopticConfig:
    """RSP-4 on the tiny encoder."""
    return small_panoptic(presets.rsp4(), things, stuff, table)


def tiny_panoptic_rsp4_d(things: tuple[str, ...], stuff: tuple[str, ...], table: str = "") -> PanopticConfig:
    """RSP-4-D on the tiny encoder."""
    return small_panoptic(presets.rsp4_d(), things, stuff, table)


def tiny_panoptic_baseline(things: tuple[str, ...], stuff: tuple[str, ...], table: str = "") -> PanopticConfig:
    """The six-level sum on the tiny encoder, the partner of the two RSP-4."""
    return small_panoptic(presets.baseline_q67(), things, stuff, table)


def tiny_panoptic_fpn(things: tuple[str, ...], stuff: tuple[str, ...], table: str = "") -> PanopticConfig:
    """The head of Semantic FPN on the tiny encoder."""
    return small_panoptic(presets.semantic_fpn(), things, stuff, table)
