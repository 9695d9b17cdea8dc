"""The top-down path walked backwards: from cells of a level to the cells of the level above that they draw on.

What a head passes down is linear once its relation weights are given: ``context_x = M_x U_x V T_{x+1}`` with the window
sum M_x, the resizing U_x, and the value map V. Here weights are carried back by the transposes of M_x and U_x alone, so
that what is found depends on the weights and not on what they are weights of.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from rsp_lab.analysis.ledger.frozen_head import FrozenHead
from rsp_lab.models.fusion import TopDownStep, resize
from rsp_lab.models.heads import SemanticFPNHead
from rsp_lab.relations.precision import full_precision


@dataclass(frozen=True, eq=False)
class Path:
    """One step of a frozen head, from level ``low + 1`` down to level ``low``.

    Attributes:
        low: the level that takes.
        cells: (y, x) of T_{low + 1}, before it is resized.
        value: what there is to take, (1, c, y, x) on the grid of ``low``: f_v of the resized T_{low + 1}, or
            that itself.
        mix: what each cell of ``low`` takes of a map (1, c, y, x) on its own grid; linear.
    """

    low: int
    cells: tuple[int, int]
    value: Float[Tensor, "1 c y x"]
    mix: Callable[[Tensor], Tensor]

    @property
    def grid(self) -> tuple[int, int]:
        """(y, x) of level ``low``."""
        return self.value.shape[-2], self.value.shape[-1]

    def taken(self, mass: Float[Tensor, "y x"]) -> Float[Tensor, "y x"]:
        """Where on its own grid the mass of the cells of ``low`` comes from: the transpose of :attr:`mix`."""
        return _transpose(self.mix, self.grid, mass)

    def raised(self, mass: Float[Tensor, "y x"]) -> Float[Tensor, "v u"]:
        """Mass on the grid of ``low`` given back to the cells of level ``low + 1``: the transpose of the resizing."""
        return _transpose(partial(resize, size=self.grid), self.cells, mass)


def paths(frozen: FrozenHead) -> tuple[Path, ...]:
    """The steps of a frozen head on its image, the lowest first.

    Raises:
        ValueError: for a head without top-down steps.
    """
    if isinstance(frozen.head, SemanticFPNHead):
        raise ValueError("a Semantic FPN head has no top-down steps, so no weights to follow: take another head.")
    found: list[Path] = []

    def context(step: TopDownStep, low: Tensor, high: Tensor) -> Tensor:
        above = frozen.q[step.low + 1]
        path = Path(step.low, (above.shape[-2], above.shape[-1]), frozen.value(step, high), frozen.mix(step))
        found.append(path)
        return path.mix(path.value)

    with full_precision(frozen.logits.device):
        frozen.head.aggregate(frozen.q, context)
    return tuple(reversed(found))


def _transpose(linear: Callable[[Tensor], Tensor], cells: tuple[int, int], mass: Tensor) -> Tensor:
    """The transposed linear map applied to ``mass``: the derivative of <mass, linear(v)> with respect to v."""
    with full_precision(mass.device, grad=True):
        start = torch.zeros(1, 1, *cells, dtype=mass.dtype, device=mass.device, requires_grad=True)
        (found,) = torch.autograd.grad(linear(start), start, mass.clone()[None, None])
    return found[0, 0]
