"""Changes of relation weights: what to do to them, on which cells, at which steps.

Weights are (1, wy, wx, y, x). Whatever the operation, they stay exactly 0 off the map and, outside the cells that it
acts on, bit for bit what they were.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rsp_lab.analysis.ledger.footprint import footprint_shares
from rsp_lab.analysis.ledger.frozen import FrozenHead
from rsp_lab.models.relation import RelationConfig, relation_modules, required_relations
from rsp_lab.relations.window import window_mask
from rsp_lab.shapes import cell_under, check_pixel, step_levels
from rsp_lab.summary import Rows, Summarised

Where = tuple[int, int] | Tensor | None
"""A pixel (y, x): the cell it falls in; a bool mask (y, x) of the image's size: every cell that shares area with it;
None: the whole map."""
Steps = str | tuple[str, ...] | None
"""Name or names of relation steps, e.g. ``"step54"``; None means all."""


@dataclass(frozen=True, eq=False)
class RelationSite:
    """One relation step of one image, as an operation sees it.

    Attributes:
        frozen: the model's head on the image, with the weights as they were captured.
        step: e.g. ``"step54"``.
        cells: (y, x) of the low level, True where the operation acts.
    """

    frozen: FrozenHead
    step: str
    cells: Bool[Tensor, "y x"]

    @property
    def config(self) -> RelationConfig:
        return relation_modules(self.frozen.head)[self.step].config

    @property
    def inside(self) -> Bool[Tensor, "wy wx y x"]:
        """True where a window position lies on the map."""
        height, width = self.cells.shape
        return window_mask(height, width, self.config.window, self.cells.device)


@dataclass(frozen=True, eq=False)
class Operation(Summarised):
    """A change of relation weights; the subclasses say which.

    Attributes:
        where: the cells it acts on, see :data:`Where`.
        steps: see :data:`Steps`.
        name: what :meth:`describe` puts first.
    """

    where: Where = field(default=None, kw_only=True)
    steps: Steps = field(default=None, kw_only=True)
    name: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        if self.steps is not None and not self.steps:
            raise ValueError("steps is empty: name one or more, or leave it out for all.")
        if isinstance(self.where, Tensor) and (self.where.dtype != torch.bool or self.where.ndim != 2):
            raise ValueError(
                f"where must be a pixel (y, x) or a bool mask with the axes y x, got {self.where.dtype} of shape "
                f"{tuple(self.where.shape)}: compare labels with a class id, as in labels == 3."
            )
        if isinstance(self.where, Tensor) and not self.where.any():
            raise ValueError("where is a mask without a pixel: the operation would do nothing. Mark at least one.")

    def change(self, weights: Float[Tensor, "1 wy wx y x"], site: RelationSite) -> Float[Tensor, "1 wy wx y x"]:
        """New weights of every cell of the map; what lies outside ``site.cells`` is not used."""
        raise NotImplementedError

    def what(self) -> str:
        """The change in words."""
        raise NotImplementedError

    def describe(self) -> str:
        """E.g. ``"equal weights at step54, whole map"``; of a preset, its name and that nothing is retrained."""
        named = (self.steps,) if isinstance(self.steps, str) else self.steps
        at = "every relation step" if named is None else ", ".join(named)
        place = "whole map" if self.where is None else f"at pixel {self.where}"
        if isinstance(self.where, Tensor):
            place = f"on {int(self.where.sum())} pixels"
        text = f"{self.what()} at {at}, {place}"
        return f"{self.name} (no retraining): {text}" if self.name else text

    def _summary(self) -> tuple[str, Rows]:
        return f"{type(self).__name__}: {self.describe()}", ()

    def apply(self, frozen: FrozenHead, step: str, weights: Float[Tensor, "1 wy wx y x"]) -> Tensor:
        """Weights of one step after the operation; the same tensor where it does not act there."""
        if step not in self.acts_at(frozen):
            return weights
        height, width = weights.shape[-2:]
        cells = self.cells((height, width), frozen.image_size).to(weights.device)
        return torch.where(cells, self.change(weights, RelationSite(frozen, step, cells)), weights)

    def acts_at(self, frozen: FrozenHead) -> tuple[str, ...]:
        """Its steps, highest first.

        Raises:
            ValueError: if the head has no relation, or not at a step that is named.
        """
        required_relations(frozen.head)
        named = (self.steps,) if isinstance(self.steps, str) else self.steps
        for step in named or ():
            frozen.relation_weights(step)
        return tuple(step for step in frozen.steps if named is None or step in named)

    def pixels(self, size: tuple[int, int]) -> Bool[Tensor, "y x"]:
        """``where`` on an image of ``size`` (y, x).

        Raises:
            ValueError: for a pixel outside the image or a mask of another size.
        """
        if self.where is None:
            return torch.ones(size, dtype=torch.bool)
        if isinstance(self.where, Tensor):
            if tuple(self.where.shape) != size:
                raise ValueError(f"the mask is {tuple(self.where.shape)}, the image {size}: make it of that size.")
            return self.where.cpu()
        check_pixel(self.where, size)
        mask = torch.zeros(size, dtype=torch.bool)
        mask[self.where] = True
        return mask

    def cells(self, cells: tuple[int, int], size: tuple[int, int]) -> Bool[Tensor, "y x"]:
        """``where`` on a map of ``cells`` (y, x) of an image of ``size`` (y, x); raises as :meth:`pixels`."""
        pixels = self.pixels(size)
        if isinstance(self.where, tuple):
            touched = torch.zeros(cells, dtype=torch.bool)
            touched[cell_under(self.where, cells, size)] = True
            return touched
        rows, columns = (footprint_shares(n, of) for n, of in zip(cells, size, strict=True))
        return rows @ pixels.double() @ columns.T > 0


@dataclass(frozen=True, eq=False)
class ZeroNeighbours(Operation):
    """Weight 0 at some window positions.

    Attributes:
        positions: offsets (rows, columns) in window positions from the centre, e.g. ``((0, -1), (0, 1))``; or all of
            them, with or without the centre.
        renormalise: scale what is left of a cell to sum to 1. Without effect under the normalisation ``"none"``, where
            weights have no fixed sum.
    """

    positions: tuple[tuple[int, int], ...] | Literal["all", "all but centre"] = "all but centre"
    renormalise: bool = True

    def change(self, weights: Float[Tensor, "1 wy wx y x"], site: RelationSite) -> Float[Tensor, "1 wy wx y x"]:
        """Raises ValueError for a position outside the window, or where nothing is left to renormalise."""
        half = site.config.window.half
        gone = torch.zeros(weights.shape[1:3], dtype=torch.bool, device=weights.device)
        if isinstance(self.positions, str):
            gone[:] = True
            gone[half, half] = self.positions == "all"
        else:
            for row, column in self.positions:
                if max(abs(row), abs(column)) > half:
                    raise ValueError(
                        f"position ({row}, {column}) lies outside the window of {site.step}: offsets go from {-half} "
                        f"to {half} window positions."
                    )
                gone[row + half, column + half] = True
        kept = weights.masked_fill(gone[:, :, None, None], 0)
        if not self.renormalise or site.config.normalisation == "none":
            return kept
        total = kept.sum((1, 2), keepdim=True)
        empty = total == 0
        if count := int((empty[0, 0, 0] & site.cells).sum()):
            raise ValueError(
                f"{count} cells of {site.step} have no weight left to renormalise: keep more positions, or pass "
                "renormalise=False."
            )
        return kept / total.masked_fill(empty, 1)

    def what(self) -> str:
        which = self.positions if isinstance(self.positions, str) else f"{len(self.positions)} positions"
        return f"weight 0 on {which}{', renormalised' if self.renormalise else ''}"


@dataclass(frozen=True, eq=False)
class Uniform(Operation):
    """Equal weights on the window positions on the map; they sum to 1. ``Uniform("step54")`` acts at that step."""

    steps: Steps = None

    def change(self, weights: Float[Tensor, "1 wy wx y x"], site: RelationSite) -> Float[Tensor, "1 wy wx y x"]:
        return site.frozen.uniform_weights(site.step)

    def what(self) -> str:
        return "equal weights"


@dataclass(frozen=True, eq=False)
class Centre(Operation):
    """Weight 1 on each cell's own position. ``Centre("step54")`` acts at that step."""

    steps: Steps = None

    def change(self, weights: Float[Tensor, "1 wy wx y x"], site: RelationSite) -> Float[Tensor, "1 wy wx y x"]:
        return site.frozen.centre_weights(site.step)

    def what(self) -> str:
        return "all weight on the centre"


@dataclass(frozen=True, eq=False)
class Temperature(Operation):
    """Scores divided by t: below 1 sharpens the choice, above 1 flattens it, 1 changes nothing.

    Under softmax the logarithms of the weights serve as scores and the new weights sum to 1; what is 0 stays 0.
    Under the normalisation ``"none"`` weights are scores / k^2 and are divided themselves.
    """

    t: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (math.isfinite(self.t) and self.t > 0):
            raise ValueError(f"a temperature is positive and finite, got {self.t}: take Centre or Uniform for limits.")

    def change(self, weights: Float[Tensor, "1 wy wx y x"], site: RelationSite) -> Float[Tensor, "1 wy wx y x"]:
        """Raises ValueError for negative weights under softmax."""
        if self.t == 1:
            return weights
        if site.config.normalisation == "none":
            return weights / self.t
        if bool((weights < 0).any()):
            raise ValueError(f"{site.step} has negative weights, which are no softmax's: they have no temperature.")
        scaled = (weights.log() / self.t).flatten(1, 2).softmax(1).view_as(weights)
        return torch.where(weights.amax((1, 2), keepdim=True) > 0, scaled, weights)

    def what(self) -> str:
        return f"temperature {self.t:g}"


@dataclass(frozen=True, eq=False)
class Shuffle(Operation):
    """Each cell's weights permuted among its own window positions on the map, every cell by another draw.

    So a cell keeps how concentrated its weights are, and loses where they lie.

    Attributes:
        seed: of the draws; a cell's permutation depends on it and on the step, not on ``where``.
    """

    seed: int = 0

    def change(self, weights: Float[Tensor, "1 wy wx y x"], site: RelationSite) -> Float[Tensor, "1 wy wx y x"]:
        generator = torch.Generator().manual_seed(10 * self.seed + step_levels(site.step)[0])
        outside = ~site.inside.flatten(0, 1)
        keys = torch.rand(outside.shape, generator=generator).to(weights.device).masked_fill(outside, 2)
        # Both orders list the positions on the map first, so that they are matched with each other.
        drawn, natural = keys.argsort(0), outside.int().argsort(dim=0, stable=True)
        flat = weights.flatten(1, 2)[0]
        return torch.zeros_like(flat).scatter(0, natural, flat.gather(0, drawn)).view_as(weights)

    def what(self) -> str:
        return f"weights shuffled within each window (seed {self.seed})"


@dataclass(frozen=True, eq=False)
class Transplant(Operation):
    """Weights of another image or another model.

    Attributes:
        source: a record with the taps ``step*.weights``, or weights by step such as :attr:`FrozenHead.weights`.
        index: of the image in the source's batch.
    """

    source: Mapping[str, Tensor]
    index: int = 0

    def change(self, weights: Float[Tensor, "1 wy wx y x"], site: RelationSite) -> Float[Tensor, "1 wy wx y x"]:
        """Raises ValueError for a step that the source lacks, another size, or weights where this map has no cell."""
        whole = self.source.get(f"{site.step}.weights", self.source.get(site.step))
        if whole is None:
            known = ", ".join([name for name in self.source if name.endswith(".weights")] or self.source)
            raise ValueError(f"the source has no weights of {site.step}; it has {known}. Name its steps.")
        given = whole[self.index : self.index + 1].to(weights)
        if given.shape != weights.shape:
            raise ValueError(
                f"the source's weights of {site.step} have the shape {tuple(given.shape)}, expected "
                f"{tuple(weights.shape)}: take an image of the same size, and a model with the same window."
            )
        if bool((given.masked_fill(site.inside, 0) != 0).any()):
            raise ValueError(f"weights of {site.step} in the source reach off this map: it has another dilation.")
        return given

    def what(self) -> str:
        return "weights of another record"


def transplantable_steps(frozen: FrozenHead, donor: FrozenHead) -> tuple[str, ...]:
    """Steps at which the weights of ``donor`` fit into ``frozen``: the same window, and maps of the same size."""
    own, other = (relation_modules(head.head) for head in (frozen, donor))
    return tuple(
        step
        for step in frozen.steps
        if step in donor.steps
        and own[step].config.window == other[step].config.window
        and frozen.weights[step].shape == donor.weights[step].shape
    )
