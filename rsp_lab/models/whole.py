"""The two kinds of whole models of ours: one that tells classes apart, and one that tells things apart as well."""

from __future__ import annotations

from typing import TypeAlias, overload

from rsp_lab.models.panoptic.config import PanopticConfig
from rsp_lab.models.panoptic.segmenter import PanopticSegmenter
from rsp_lab.models.segmenter import Segmenter, SegmenterConfig

WholeConfig: TypeAlias = SegmenterConfig | PanopticConfig
"""Everything needed to build a model; ``config.semantic`` is that of its semantic branch."""
WholeModel: TypeAlias = Segmenter | PanopticSegmenter
"""A model that weights files hold; ``model.semantic`` is its semantic branch."""


@overload
def build_model(config: SegmenterConfig, *, pretrained: bool = False, name: str = "") -> Segmenter: ...
@overload
def build_model(config: PanopticConfig, *, pretrained: bool = False, name: str = "") -> PanopticSegmenter: ...
@overload
def build_model(config: WholeConfig, *, pretrained: bool = False, name: str = "") -> WholeModel: ...
def build_model(config: WholeConfig, *, pretrained: bool = False, name: str = "") -> WholeModel:
    """The model that a configuration describes, with random weights.

    Args:
        config: of either kind.
        pretrained, name: see :class:`~rsp_lab.models.segmenter.Segmenter`.
    """
    if isinstance(config, PanopticConfig):
        return PanopticSegmenter(config, pretrained=pretrained, name=name)
    return Segmenter(config, pretrained=pretrained, name=name)
