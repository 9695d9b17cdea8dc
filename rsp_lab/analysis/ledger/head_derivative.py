"""The derivative of a target with respect to the Q maps of a head of ours, without its channels.

With the relation weights held, a step mixes cells by weights that all channels share, and channels by an f_v that all
cells share. So the derivative at each level is one vector over channels times one map over cells: the vector is carried
up through every f_v, the map through every window and resizing. That is what backward passes through all channels give,
for the price of one channel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from rsp_lab.models.fusion import AverageFusion, SumFusion, TopDownStep
from rsp_lab.models.heads import Head, SemanticFPNHead, TopDownHead
from rsp_lab.models.relation import RelationalSemanticsExtractor
from rsp_lab.relations.relate import propagate_back
from rsp_lab.shapes import resizing_shares


@dataclass(frozen=True, eq=False)
class HeadDerivative:
    """A target's derivative with respect to every Q map, (c, y, x) as a vector times a map.

    Attributes:
        vectors: over channels, (1, c) by level.
        cells: over cells, (y, x) by level.
    """

    vectors: dict[int, Tensor]
    cells: dict[int, Tensor]

    def whole(self) -> dict[int, Tensor]:
        """(1, c, y, x) by level."""
        return {x: vector[:, :, None, None] * self.cells[x] for x, vector in self.vectors.items()}

    def times(self, q: Mapping[int, Float[Tensor, "1 c _ _"]]) -> dict[int, Tensor]:
        """The derivative times maps of its levels, summed over channels; (y, x) by level."""
        return {x: self.cells[x] * F.conv2d(q[x], v[:, :, None, None])[0, 0] for x, v in self.vectors.items()}


def is_separable(head: Head) -> bool:
    """Whether derivatives of a head are a vector times a map: it is made of the parts of ours, its f_v and classifier
    are plain convolutions of 1 x 1, and nobody hangs on them."""
    if type(head) is TopDownHead:
        steps_are = all(type(step) is TopDownStep and _is_separable_fusion(step.fusion) for step in head.steps)
        return steps_are and _is_pointwise(head.classifier)
    return type(head) is SemanticFPNHead and _is_pointwise(head.classifier)


def _is_separable_fusion(fusion: nn.Module) -> bool:
    if type(fusion) is RelationalSemanticsExtractor:
        return _is_pointwise(fusion.f_v)
    return type(fusion) in (SumFusion, AverageFusion) and _is_unhooked(fusion)


def _is_pointwise(module: nn.Module) -> bool:
    plain = type(module) is nn.Conv2d and module.kernel_size == module.stride == (1, 1) and module.groups == 1
    return plain and module.padding == (0, 0) and _is_unhooked(module)


def _is_unhooked(module: nn.Module) -> bool:
    return not (module._forward_hooks or module._forward_pre_hooks)


def head_derivative(
    head: Head,
    weights: Mapping[str, Float[Tensor, "1 wy wx y x"]],
    sizes: Mapping[int, tuple[int, int]],
    direction: Float[Tensor, " class"],
    place: Float[Tensor, "v u"],
) -> HeadDerivative:
    """The derivative of ``sum over classes and cells of direction * place * logit``.

    Args:
        head: one that :func:`is_separable`.
        weights: relation weights by step, held.
        sizes: (y, x) of the Q maps by level.
        direction: weight of each class, in the head's dtype.
        place: weight of each cell of the logits, in the head's dtype.
    """
    vector = direction[None] @ _matrix(head.classifier)
    if isinstance(head, SemanticFPNHead):
        levels = head.config.levels
        return HeadDerivative(dict.fromkeys(levels, vector), dict.fromkeys(levels, place))
    lowest = head.config.levels[0]
    vectors, cells = {lowest: vector}, {lowest: place}
    for step in reversed(list(head.steps)):
        assert isinstance(step, TopDownStep)
        fusion, low, high = step.fusion, step.low, step.low + 1
        if isinstance(fusion, RelationalSemanticsExtractor):
            taken = propagate_back(weights[step.name], cells[low][None], fusion.config.window)[0]
            vectors[high] = vectors[low] @ _matrix(fusion.f_v)
        else:
            taken, vectors[high] = _back(fusion, cells[low]), vectors[low]
        rows, columns = (
            resizing_shares(coarse, fine, taken.dtype).to(taken.device)
            for coarse, fine in zip(sizes[high], sizes[low], strict=True)
        )
        cells[high] = rows @ taken @ columns.T
    return HeadDerivative(vectors, cells)


def _matrix(convolution: nn.Module) -> Float[Tensor, "out in"]:
    assert isinstance(convolution, nn.Conv2d)
    return convolution.weight.detach()[:, :, 0, 0]


def _back(fusion: nn.Module, derivative: Float[Tensor, "y x"]) -> Float[Tensor, "y x"]:
    """What a fusion that looks at the high level alone makes of a derivative on its way back."""
    with torch.enable_grad():
        values = torch.zeros_like(derivative)[None, None].requires_grad_()
        (found,) = torch.autograd.grad(fusion(values, values), values, derivative[None, None])
    return found[0, 0]
