"""A model's head on captured Q maps: what an edit of relation weights changes, without running encoder and pyramid.

Edits of weights act above the Q maps, which therefore are those of the captured pass, bit for bit.
"""

from __future__ import annotations

import copy
from itertools import chain
from threading import Lock

from torch import Tensor, nn

from rsp_lab.analysis.passes.captured import CapturedPass
from rsp_lab.models.segmenter import Segmenter


class _Given(nn.Module):
    """Whatever image comes in, the same maps by level go out."""

    def __init__(self, maps: dict[int, Tensor]) -> None:
        super().__init__()
        self.maps = maps

    def forward(self, image: Tensor) -> dict[int, Tensor]:
        return self.maps


def held_model(looked: CapturedPass, lock: Lock) -> Segmenter:
    """A private copy of a captured pass's model that answers for that one image only; the model is left alone.

    Args:
        looked: of a top-down head.
        lock: of the model, held while it is copied, since hooks that hang on it would be copied too.
    """
    model = looked.model
    with lock:
        held = copy.copy(model)
        # The copy shares its tables of parts with the model until it gets its own.
        held._modules = dict(model._modules)
        held.head, held.logits = copy.deepcopy(model.head), copy.deepcopy(model.logits)
    levels = looked.frozen.levels
    held.pyramid = _Given({x: looked.record[f"q{x}"] for x in levels})  # type: ignore[assignment]
    held.head.transforms = nn.ModuleDict({f"q{x}": nn.Identity() for x in levels})
    return held


def private_copy(model: Segmenter, lock: Lock) -> Segmenter:
    """A copy with modules of its own and the model's own weights, which nobody waits for while it works.

    Args:
        model: that is shared; left alone.
        lock: of the model, held while it is copied, since hooks that hang on it would be copied too.
    """
    with lock:
        weights = {id(tensor): tensor for tensor in chain(model.parameters(), model.buffers())}
        return copy.deepcopy(model, weights)
