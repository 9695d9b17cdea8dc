"""A network on one image with everything held that is not affine: what is shared by all that is held so."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rsp_lab.analysis.ledger.explainable import TOLERANCES, image_digest
from rsp_lab.analysis.ledger.residual import check_residual
from rsp_lab.analysis.targets.target import Target, TargetT, cell_weights, resolved_target
from rsp_lab.relations.precision import full_precision
from rsp_lab.rgb import ImageLike, one_image
from rsp_lab.summary import Summarised

PassT = TypeVar("PassT", bound="FrozenPass")


class FrozenPass(Summarised, ABC):
    """A network on one image with everything held that is not affine, and what is shared by all that is held so.

    Attributes:
        class_names: in the order of the logits.
        image: RGB in [0, 1], in the network's dtype.
        q: the maps in which the answer is taken apart, by level, (1, c, y, x), of a normal forward pass.
        logits: (1, class, v, u), of the same pass.
        name: of the network.
    """

    class_names: tuple[str, ...]
    image: Tensor
    q: dict[int, Tensor]
    logits: Tensor
    name: str

    @property
    @abstractmethod
    def source(self) -> nn.Module:
        """The module that is held; two frozen passes of one network share it."""

    @property
    @abstractmethod
    def players(self) -> tuple[str, ...]:
        """What is held and can be held as on another image instead, by name; empty if nothing ever differs."""

    @property
    def strides(self) -> dict[int, int]:
        """Pixels from one cell to the next, by level, by which levels are named; none of a model of ours, whose levels
        are the paper's."""
        return {}

    @property
    def steps(self) -> tuple[str, ...]:
        """Steps with relation weights that are held, highest first; none of what is no head of ours."""
        return ()

    @abstractmethod
    def moved(self: PassT, other: PassT, players: Collection[str]) -> PassT:
        """The same pass, with some players held as in another pass of the network."""

    @property
    @abstractmethod
    def levels(self) -> tuple[int, ...]:
        """Lowest first."""

    @abstractmethod
    def forward(
        self, q: Mapping[int, Float[Tensor, "1 c _ _"]], *, classes: Sequence[int] | None = None
    ) -> Float[Tensor, "1 class v u"]:
        """Logits from maps by level; affine in them. Differentiable once.

        Args:
            q: of every level, each of the size it has in :attr:`q`.
            classes: only these places in the order of the logits; None gives all.

        Raises:
            ValueError: for missing, unknown or wrongly sized levels.
        """

    @abstractmethod
    def live(self, q: Mapping[int, Float[Tensor, "b c _ _"]]) -> Float[Tensor, "b class v u"]:
        """The network's own logits from maps by level, nothing held behind them; differentiable.

        Args:
            q: of every level, each of the size it has in :attr:`q`.
        """

    @property
    def refused(self) -> str:
        """Why no ledger of the pass adds up, in words; empty where they do, as of any head of ours."""
        return ""

    def check_image(self, image: ImageLike) -> None:
        """Raises ValueError unless the frozen head is of this image, in any kind that is accepted as one."""
        if image is self.image:
            return
        given = one_image(image)
        if given.shape != self.image.shape or image_digest(given) != self.image_digest:
            raise ValueError(
                "the frozen head is of another image: pass the one it was made of, frozen.image, or make a frozen head "
                "of this image."
            )

    @property
    def image_size(self) -> tuple[int, int]:
        """(y, x) in pixels."""
        return self.image.shape[-2], self.image.shape[-1]

    @cached_property
    def image_digest(self) -> str:
        """Tells images apart; the same in either precision."""
        return image_digest(self.image)

    @property
    def tolerance(self) -> float:
        return TOLERANCES[self.logits.dtype]

    @cached_property
    def bias_map(self) -> Float[Tensor, "1 class v u"]:
        """Answer to Q = 0. It depends on the place where a step's weights do not sum to 1 (no normalisation)."""
        with torch.no_grad():
            return self.forward({x: torch.zeros_like(q) for x, q in self.q.items()})

    def resolved(self, target: TargetT) -> TargetT:
        """The target with a class and rival that it leaves open filled in by the head's own logits.

        Raises:
            ValueError: as :func:`~rsp_lab.analysis.targets.target.resolved_target`.
        """
        return resolved_target(target, self.logits[0], self.image_size, self.class_names)

    def gradients(self, target: Target) -> dict[int, Tensor]:
        """Derivative of the target's functional at image size with respect to each Q map, (1, c, y, x) by level.

        ``T_x = Q_x + context``, so it is that with respect to the context taken at level x as well.

        Raises:
            ValueError: if the target does not fit the image or the classes.
        """
        return self.pulled_back(self.target_weights(target))

    def contributions(self, target: Target) -> dict[int, Tensor]:
        """The target's derivative times the maps, summed over channels: what each cell contributes; (v, u) by level,
        float64 on the CPU.

        Raises:
            ValueError: if the target does not fit the image or the classes.
        """
        gradients = self.gradients(target)
        with full_precision(self.logits.device):
            return {x: torch.einsum("bcyx,bcyx->yx", gradients[x], self.q[x]).double().cpu() for x in self.levels}

    def target_weights(self, target: Target) -> Float[Tensor, "1 class v u"]:
        """The target's functional at image size as weights of the coarse logits.

        Raises:
            ValueError: if the target does not fit the image or the classes.
        """
        direction, place = self._direction_and_place(target)
        return direction[None, :, None, None] * place

    def _direction_and_place(self, target: Target) -> tuple[Float[Tensor, " class"], Float[Tensor, "v u"]]:
        """The target as weights of classes and of cells of the logits."""
        cells = (self.logits.shape[-2], self.logits.shape[-1])
        place = cell_weights(target, self.image_size, cells, self.logits.dtype).to(self.logits)
        return target.direction(self.class_names).to(self.logits), place

    def check_sum(self, residual: float, what: str) -> None:
        """Raises LedgerError if parts of ``what`` leave a residual above :attr:`tolerance`."""
        check_residual(residual, self.tolerance, what)

    def prove(self) -> None:
        """Raises an error if the pass is not affine in its maps; a head of ours is by its structure."""

    def pulled_back(self, weights: Float[Tensor, "1 class v u"]) -> dict[int, Tensor]:
        """Derivative of ``(weights * logits).sum()`` with respect to each map, (1, c, y, x) by level."""
        leaves, logits = self._graph
        with full_precision(logits.device):
            found = torch.autograd.grad(logits, list(leaves.values()), weights, retain_graph=True)
        return dict(zip(leaves, found, strict=True))

    @property
    def recomputed_logits(self) -> Float[Tensor, "1 class v u"]:
        """The frozen head's own answer to its Q maps: :attr:`logits` up to rounding, unless weights were replaced."""
        return self._graph[1].detach()

    @cached_property
    def _graph(self) -> tuple[dict[int, Tensor], Tensor]:
        with full_precision(self.logits.device, grad=True):
            leaves = {x: q.detach().requires_grad_() for x, q in self.q.items()}
            return leaves, self.forward(leaves)

    def _check_maps(self, q: Mapping[int, Tensor]) -> None:
        if set(q) != set(self.levels):
            raise ValueError(
                f"the head reads the levels {list(self.levels)}, got {sorted(q)}: give each of them a map."
            )
        for x, held in self.q.items():
            if q[x].shape != held.shape:
                raise ValueError(
                    f"the map of level {x} has the shape {tuple(q[x].shape)}, expected {tuple(held.shape)} "
                    "as on the image whose weights are held."
                )
