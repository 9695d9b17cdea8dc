"""A model with Semantic FPN's head, taken apart as a network of any make: it has no top-down steps to follow."""

from __future__ import annotations

from collections.abc import Mapping
from weakref import WeakKeyDictionary

from jaxtyping import Float
from torch import Tensor, nn

from rsp_lab.models.heads import SemanticFPNConfig
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject


def stepless_as_subject(model: Segmenter | Subject) -> Segmenter | Subject:
    """A model of ours with Semantic FPN's head as a subject, cut at the pyramid's levels; any other one as it is.

    Each branch of that head brings a level of the pyramid to stride 4 by convolutions, so that its own Q maps no longer
    say from which cell of which level something comes; the levels P_x do. The subject shares the model's parameters,
    and subjects of one model have one network, by which frozen passes of one model are known.
    """
    if not isinstance(model, Segmenter) or not isinstance(model.config.head, SemanticFPNConfig):
        return model
    pyramid = model.config.pyramid
    subject = Subject(
        _network(model),
        model.class_names,
        tuple(f"pyramid[{level}]" for level in model.config.head.levels),
        mean=pyramid.mean,
        std=pyramid.std,
        name=model.name,
        normalisation="the model's configuration",
    )
    subject.label_table = model.label_table
    return subject


class _PyramidAndHead(nn.Module):
    def __init__(self, model: Segmenter) -> None:
        super().__init__()
        self.pyramid, self.head = model.pyramid, model.head

    def forward(self, image: Float[Tensor, "b 3 y x"]) -> Float[Tensor, "b class _ _"]:
        maps: Mapping[int, Tensor] = self.pyramid(image)
        return self.head(maps)


_NETWORKS: WeakKeyDictionary[Segmenter, _PyramidAndHead] = WeakKeyDictionary()


def _network(model: Segmenter) -> _PyramidAndHead:
    found = _NETWORKS.get(model)
    if found is None or found.pyramid is not model.pyramid or found.head is not model.head:
        found = _NETWORKS[model] = _PyramidAndHead(model)
    # Its parts have the model's own mode.
    found.training = model.training
    return found
