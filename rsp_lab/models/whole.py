"""What a recipe trains and a weights file holds: models of ours of both kinds, and networks of other makes."""

from __future__ import annotations

from typing import TypeAlias, overload

from rsp_lab.models.foreign import ForeignConfig
from rsp_lab.models.functions import FunctionConfig
from rsp_lab.models.panoptic.config import PanopticConfig
from rsp_lab.models.panoptic.segmenter import PanopticSegmenter
from rsp_lab.models.segmenter import Segmenter, SegmenterConfig
from rsp_lab.models.subject import Subject

SemanticConfig: TypeAlias = SegmenterConfig | ForeignConfig | FunctionConfig
"""Everything needed to build a model that tells classes apart, of ours or of another make."""
SemanticModel: TypeAlias = Segmenter | Subject
"""A model that tells classes apart, of ours or of another make."""
WholeConfig: TypeAlias = SemanticConfig | PanopticConfig
"""Everything needed to build a model; ``config.semantic`` is that of its semantic branch."""
WholeModel: TypeAlias = SemanticModel | PanopticSegmenter
"""A model that weights files hold; ``model.semantic`` is its semantic branch."""


@overload
def build_model(config: SegmenterConfig, *, pretrained: bool = False, name: str = "") -> Segmenter: ...
@overload
def build_model(config: PanopticConfig, *, pretrained: bool = False, name: str = "") -> PanopticSegmenter: ...
@overload
def build_model(config: SemanticConfig, *, pretrained: bool = False, name: str = "") -> SemanticModel: ...
@overload
def build_model(config: WholeConfig, *, pretrained: bool = False, name: str = "") -> WholeModel: ...
def build_model(config: WholeConfig, *, pretrained: bool = False, name: str = "") -> WholeModel:
    """The model that a configuration describes, with random weights.

    Args:
        config: of any kind.
        pretrained, name: see :class:`~rsp_lab.models.segmenter.Segmenter`.
    """
    if isinstance(config, PanopticConfig):
        return PanopticSegmenter(config, pretrained=pretrained, name=name)
    if isinstance(config, SegmenterConfig):
        return Segmenter(config, pretrained=pretrained, name=name)
    return config.build(pretrained=pretrained, name=name)
