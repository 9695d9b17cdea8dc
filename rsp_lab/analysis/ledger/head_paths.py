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
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from rsp_lab.analysis.ledger.frozen import FrozenHead
from rsp_lab.models.fusion import TopDownStep
from rsp_lab.models.heads import SemanticFPNHead, TopDownHead
from rsp_lab.models.relation import relation_modules
from rsp_lab.relations.backward import without_autocast
from rsp_lab.relations.relate import propagate
from rsp_lab.shapes import Window, step_name


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
        return _transpose(partial(_resize, size=self.grid), self.cells, mass)


def paths(frozen: FrozenHead) -> tuple[Path, ...]:
    """The steps of a frozen head on its image, the lowest first.

    Raises:
        ValueError: for a head without top-down steps.
    """
    if isinstance(frozen.head, SemanticFPNHead):
        raise ValueError("a Semantic FPN head has no top-down steps, so no weights to follow: take another head.")
    with torch.no_grad(), without_autocast(frozen.logits.device):
        return tuple(reversed(_walk(frozen, frozen.head)))


def _walk(frozen: FrozenHead, head: TopDownHead) -> list[Path]:
    top, relations, found = frozen.q[frozen.levels[-1]], relation_modules(head), []
    steps = (step for step in head.steps if isinstance(step, TopDownStep))
    for low, step in zip(reversed(frozen.levels[:-1]), steps, strict=True):
        name, q = step_name(low + 1), frozen.q[low]
        value = _resize(top, (q.shape[-2], q.shape[-1]))
        if name in relations:
            value = relations[name].f_v(value)
            mix = partial(_gather, frozen.weights[name], window=relations[name].config.window)
        else:
            mix = partial(_passed, step.fusion)
        found.append(Path(low, (top.shape[-2], top.shape[-1]), value, mix))
        top = q + mix(value)
    return found


def live_logits(head: torch.nn.Module, q: dict[int, Float[Tensor, "b c _ _"]]) -> Float[Tensor, "b class v u"]:
    """Logits at stride 4 of the head itself, which works its weights out anew from these Q maps; differentiable once.

    Raises:
        ValueError: for a head of another kind.
    """
    if isinstance(head, SemanticFPNHead):
        return head.classifier(torch.stack([q[x] for x in head.config.levels]).sum(0))
    if not isinstance(head, TopDownHead):
        raise ValueError(f"a head of kind {type(head).__name__} does not begin at Q maps: take a top-down head.")
    levels = head.config.levels
    top = q[levels[-1]]
    for low, step in zip(reversed(levels[:-1]), head.steps, strict=True):
        top = step(q[low], top)
    return head.classifier(top)


def _gather(weights: Tensor, value: Tensor, *, window: Window) -> Tensor:
    return propagate(weights, value, window)


def _passed(fusion: torch.nn.Module, value: Tensor) -> Tensor:
    # The sum and the average do not look at the low level: any map of the same axes will do for it.
    return fusion(value, value)


def _resize(values: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(values, size=size, mode="bilinear", align_corners=False)


def _transpose(linear: Callable[[Tensor], Tensor], cells: tuple[int, int], mass: Tensor) -> Tensor:
    """The transposed linear map applied to ``mass``: the derivative of <mass, linear(v)> with respect to v."""
    with torch.inference_mode(False), torch.enable_grad(), without_autocast(mass.device):
        start = torch.zeros(1, 1, *cells, dtype=mass.dtype, device=mass.device, requires_grad=True)
        (found,) = torch.autograd.grad(linear(start), start, mass.clone()[None, None])
    return found[0, 0]
