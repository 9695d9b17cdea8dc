"""Configurations that have a name in the paper, as functions that return a frozen config.

Heads speak of steps by their digits, as the paper does: 54 is the step from level 5 to level 4. The step 32 is always
a sum.
"""

from __future__ import annotations

from collections.abc import Collection

from rsp_lab.models.fusion import AverageConfig, FusionConfig, SumConfig
from rsp_lab.models.heads import HeadConfig, SemanticFPNConfig, TopDownConfig
from rsp_lab.models.pyramid import PyramidConfig
from rsp_lab.models.relation import RelationConfig
from rsp_lab.models.segmenter import SegmenterConfig
from rsp_lab.models.timm_encoder import timm_normalisation
from rsp_lab.shapes import Window

_DILATED = RelationConfig(window=Window(3, 3))


def top_down(
    *,
    top: int,
    at: Collection[int] = (),
    fusion: FusionConfig | None = None,
    channels: int = 128,
) -> TopDownConfig:
    """A head that sums everywhere but at the steps ``at``, where ``fusion`` (default: RSP with k = 7, d = 2) acts.

    Args:
        top: highest level, 5 or 7.
        at: steps by their digits, e.g. ``(54, 43)``.

    Raises:
        ValueError: if ``at`` names a step the head does not have.
    """
    steps = tuple(11 * high - 1 for high in range(top, 2, -1))
    unknown = set(at) - set(steps[:-1])
    if unknown:
        raise ValueError(f"no step {sorted(unknown)} below level {top}; steps that can be fused: {steps[:-1]}.")
    chosen = fusion or RelationConfig()
    return TopDownConfig(tuple(chosen if step in at else SumConfig() for step in steps), channels=channels)


def baseline() -> TopDownConfig:
    """Tables I and IV: Q_2..Q_5, summed."""
    return top_down(top=5)


def baseline_q67() -> TopDownConfig:
    """Table VI, "+ Q6, Q7": Q_2..Q_7, summed. The baseline of RSP-4."""
    return top_down(top=7)


def rsp2(relation: RelationConfig | None = None, *, at: Collection[int] = (54, 43)) -> TopDownConfig:
    """RSP-2 (Fig. 2 a); ``at=(54,)`` or ``(43,)`` for the single-module rows of Table IV, ``relation`` for Table V."""
    return top_down(top=5, at=at, fusion=relation)


def rsp4(relation: RelationConfig | None = None, *, at: Collection[int] = (76, 65, 54, 43)) -> TopDownConfig:
    """RSP-4 (Fig. 2 b); fewer steps in ``at`` for the rows of Table VI."""
    return top_down(top=7, at=at, fusion=relation)


def rsp2_d() -> TopDownConfig:
    """RSP-2-D: kernel 3, dilation 3."""
    return rsp2(_DILATED)


def rsp4_d() -> TopDownConfig:
    """RSP-4-D: kernel 3, dilation 3."""
    return rsp4(_DILATED)


def self2() -> TopDownConfig:
    """Table IV, "+ SELF x2": query, key and value all from the high-level map."""
    return top_down(top=5, at=(54, 43), fusion=RelationConfig(query_from="high"))


def context2() -> TopDownConfig:
    """Table IV, "+ CONTEXT x2": the plain average over the window."""
    return top_down(top=5, at=(54, 43), fusion=AverageConfig())


def semantic_fpn() -> SemanticFPNConfig:
    """The Semantic FPN head [12] that Tables I and III compare with."""
    return SemanticFPNConfig()


def resnet_fpn(
    encoder: str,
    head: HeadConfig,
    class_names: tuple[str, ...],
    label_table: str = "",
    *,
    frozen_batch_norm: bool = True,
) -> SegmenterConfig:
    """A head on a ResNet-FPN with 256 channels, as in the paper; the pyramid has the levels the head reads."""
    pyramid = PyramidConfig(encoder, top=7 if head.levels[-1] > 5 else 5, frozen_batch_norm=frozen_batch_norm)
    return SegmenterConfig(pyramid, head, class_names, label_table)


def timm_fpn(
    encoder: str,
    head: HeadConfig,
    class_names: tuple[str, ...],
    label_table: str = "",
    *,
    channels: int = 128,
    frozen_batch_norm: bool = False,
) -> SegmenterConfig:
    """A head on an encoder of timm with timm's own normalisation; the pyramid has the levels the head reads.

    Args:
        encoder: ``"timm/NAME"``.
        channels: of the pyramid.

    Raises:
        ValueError: if timm knows no such network.
        ImportError: if timm is not installed.
    """
    mean, std = timm_normalisation(encoder)
    top = 7 if head.levels[-1] > 5 else 5
    pyramid = PyramidConfig(encoder, channels, top, frozen_batch_norm=frozen_batch_norm, mean=mean, std=std)
    return SegmenterConfig(pyramid, head, class_names, label_table)


def tiny(head: TopDownConfig, class_names: tuple[str, ...], label_table: str = "") -> SegmenterConfig:
    """A head on the tiny encoder with a 128-channel pyramid, trainable on two CPU cores."""
    pyramid = PyramidConfig("tiny", channels=128, top=7 if head.levels[-1] > 5 else 5)
    return SegmenterConfig(pyramid, head, class_names, label_table)


def tiny_rsp4(class_names: tuple[str, ...], label_table: str = "") -> SegmenterConfig:
    """RSP-4 with 64 channels on the tiny encoder."""
    return tiny(top_down(top=7, at=(76, 65, 54, 43), channels=64), class_names, label_table)


def tiny_baseline(class_names: tuple[str, ...], label_table: str = "") -> SegmenterConfig:
    """The six-level sum baseline with 64 channels on the tiny encoder, the partner of :func:`tiny_rsp4`."""
    return tiny(top_down(top=7, channels=64), class_names, label_table)
