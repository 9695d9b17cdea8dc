"""Changes of relation weights, and of attention weights: what is done to them."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from rsp_lab.analysis.ledger.frozen_head import FrozenHead
from rsp_lab.analysis.surgery.operation import Operation, RelationSite, Steps
from rsp_lab.attention.edits import attended, uniform_attention
from rsp_lab.attention.layers import AttentionLayer, without_keys
from rsp_lab.models.relation import relation_modules
from rsp_lab.shapes import checked_count, plain_mask, step_levels
from rsp_lab.text import in_short

_WORDS = ("all", "all but centre")
"""What stands for many positions at once."""


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

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "positions", _positions(self.positions))

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

    def change_attention(
        self, weights: Float[Tensor, "window head query key"], layer: AttentionLayer
    ) -> Float[Tensor, "window head query key"]:
        """Raises ValueError unless all of it goes: attention has no window with positions."""
        if self.positions == "all" and not self.renormalise:
            return torch.zeros_like(weights)
        return super().change_attention(weights, layer)

    def what(self) -> str:
        which = self.positions if isinstance(self.positions, str) else f"{len(self.positions)} positions"
        return f"weight 0 on {which}{', renormalised' if self.renormalise else ''}"


@dataclass(frozen=True, eq=False)
class Uniform(Operation):
    """Equal weights on the window positions on the map, of attention on the keys that are not masked; they sum to 1.

    ``Uniform("step54")`` acts at that step.
    """

    steps: Steps = None

    def change(self, weights: Float[Tensor, "1 wy wx y x"], site: RelationSite) -> Float[Tensor, "1 wy wx y x"]:
        return site.frozen.uniform_weights(site.step)

    def change_attention(
        self, weights: Float[Tensor, "window head query key"], layer: AttentionLayer
    ) -> Float[Tensor, "window head query key"]:
        return uniform_attention(weights)

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
        if not (isinstance(self.t, int | float) and math.isfinite(self.t) and self.t > 0):
            raise ValueError(
                f"a temperature is positive and finite, got {self.t!r}: take Centre or Uniform for limits."
            )

    def change(self, weights: Float[Tensor, "1 wy wx y x"], site: RelationSite) -> Float[Tensor, "1 wy wx y x"]:
        """Raises ValueError for negative weights under softmax."""
        if self.t == 1:
            return weights
        if site.config.normalisation == "none":
            return weights / self.t
        if bool((weights < 0).any()):
            raise ValueError(f"{site.step} has negative weights, which are no softmax's: they have no temperature.")
        scores = _below_highest(weights.log().flatten(1, 2), 1)
        scaled = (scores / self.t).softmax(1).view_as(weights)
        return torch.where(weights.amax((1, 2), keepdim=True) > 0, scaled, weights)

    def change_attention(
        self, weights: Float[Tensor, "window head query key"], layer: AttentionLayer
    ) -> Float[Tensor, "window head query key"]:
        if self.t == 1:
            return weights
        # A mask of -100 leaves weights that a high temperature would bring back.
        scores = weights.log().masked_fill(~attended(weights), -torch.inf)
        return (_below_highest(scores, -1) / self.t).softmax(-1)

    def what(self) -> str:
        return f"temperature {self.t:g}"


@dataclass(frozen=True, eq=False)
class Shuffle(Operation):
    """Each cell's weights permuted among its own window positions on the map, every cell by another draw.

    Of attention, those of each head and query among the keys that are not masked.

    So a cell keeps how concentrated its weights are, and loses where they lie.

    Attributes:
        seed: of the draws; a cell's permutation depends on it and on the step, not on ``where``.
    """

    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "seed", checked_count("seed", self.seed, 0, "0 is the default"))

    def change(self, weights: Float[Tensor, "1 wy wx y x"], site: RelationSite) -> Float[Tensor, "1 wy wx y x"]:
        generator = torch.Generator().manual_seed(10 * self.seed + step_levels(site.step)[0])
        outside = ~site.inside.flatten(0, 1)
        keys = torch.rand(outside.shape, generator=generator).to(weights.device).masked_fill(outside, 2)
        # Both orders list the positions on the map first, so that they are matched with each other.
        drawn, natural = keys.argsort(0), outside.int().argsort(dim=0, stable=True)
        flat = weights.flatten(1, 2)[0]
        return torch.zeros_like(flat).scatter(0, natural, flat.gather(0, drawn)).view_as(weights)

    def change_attention(
        self, weights: Float[Tensor, "window head query key"], layer: AttentionLayer
    ) -> Float[Tensor, "window head query key"]:
        generator = torch.Generator().manual_seed(10 * self.seed)
        masked = ~attended(weights)
        keys = torch.rand(weights.shape, generator=generator).to(weights.device).masked_fill(masked, 2)
        # Both orders list the keys that are not masked first, so that they are matched with each other.
        drawn, natural = keys.argsort(-1), masked.int().argsort(dim=-1, stable=True)
        return torch.zeros_like(weights).scatter(-1, natural, weights.gather(-1, drawn))

    def what(self) -> str:
        return f"weights shuffled within each window (seed {self.seed})"


@dataclass(frozen=True, eq=False)
class Transplant(Operation):
    """Weights of another image or another model.

    Attributes:
        source: a record with the taps ``step*.weights``, or weights by step such as :attr:`FrozenHead.weights`; of
            attention, weights by layer, each (window, head, query, key).
        index: of the image in the source's batch.
    """

    source: Mapping[str, Tensor]
    index: int = 0

    def change(self, weights: Float[Tensor, "1 wy wx y x"], site: RelationSite) -> Float[Tensor, "1 wy wx y x"]:
        """Raises ValueError for a step or an image that the source lacks, another size, or weights where this map has
        no cell."""
        whole = self.source.get(f"{site.step}.weights", self.source.get(site.step))
        if whole is None:
            known = ", ".join([name for name in self.source if name.endswith(".weights")] or self.source)
            raise ValueError(f"the source has no weights of {site.step}; it has {known}. Name its steps.")
        if not 0 <= self.index < len(whole):
            raise ValueError(f"index is {self.index}, but the source's batch has the images 0 to {len(whole) - 1}.")
        given = whole[self.index : self.index + 1].to(weights)
        if given.shape != weights.shape:
            raise ValueError(
                f"the source's weights of {site.step} have the shape {tuple(given.shape)}, expected "
                f"{tuple(weights.shape)}: take an image of the same size, and a model with the same window."
            )
        if bool((given.masked_fill(site.inside, 0) != 0).any()):
            raise ValueError(f"weights of {site.step} in the source reach off this map: it has another dilation.")
        return given

    def change_attention(
        self, weights: Float[Tensor, "window head query key"], layer: AttentionLayer
    ) -> Float[Tensor, "window head query key"]:
        """Raises ValueError for a layer that the source lacks, or weights of another shape."""
        if layer.layer not in self.source:
            raise ValueError(f"the source has no weights of {layer.layer}; it has {', '.join(self.source)}.")
        given = self.source[layer.layer].to(weights)
        if given.shape != weights.shape:
            raise ValueError(
                f"the source's weights of {layer.layer} have the shape {tuple(given.shape)}, expected "
                f"{tuple(weights.shape)}, window, head, query and key: take an image of the same size."
            )
        return given

    def what(self) -> str:
        return "weights of another record"


@dataclass(frozen=True, eq=False)
class ZeroKeys(Operation):
    """Weight 0 on the keys of attention that lie in a region, or on all. ``ZeroKeys(mask)``.

    Attributes:
        region: bool mask (y, x) of the image's size; None: every key, so that the layer passes nothing on.
        renormalise: scale what is left of a query's weights back to their sum; where nothing is left they are 0.
    """

    region: Tensor | None = None
    renormalise: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.region is not None:
            object.__setattr__(self, "region", plain_mask(self.region))

    def change(self, weights: Float[Tensor, "1 wy wx y x"], site: RelationSite) -> Float[Tensor, "1 wy wx y x"]:
        """Raises ValueError: it is of attention."""
        raise ValueError("ZeroKeys is an operation on attention: of relation weights take ZeroNeighbours.")

    def change_attention(
        self, weights: Float[Tensor, "window head query key"], layer: AttentionLayer
    ) -> Float[Tensor, "window head query key"]:
        """Raises ValueError for a region of another size, or in which no key lies."""
        if self.region is None:
            return torch.zeros_like(weights)
        return without_keys(weights, layer.keys_in(self.region).to(weights.device), rescale=self.renormalise)

    def what(self) -> str:
        if self.region is None:
            return "weight 0 on every key"
        kept = ", renormalised" if self.renormalise else ""
        return f"weight 0 on the keys in {int(self.region.sum())} pixels{kept}"


def _below_highest(scores: Tensor, axis: int) -> Tensor:
    """Scores minus their highest, which a softmax does not see: divided by a tiny temperature, one of them stays
    finite."""
    return scores - scores.amax(axis, keepdim=True)


def _positions(given: object) -> Any:
    """Positions as pairs of ints, or a word for them."""
    if isinstance(given, str) and given in _WORDS:
        return given
    try:
        if isinstance(given, str):
            raise TypeError
        return tuple((operator.index(row), operator.index(column)) for row, column in given)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        raise ValueError(
            f"positions is {in_short(given)}: give {' or '.join(map(repr, _WORDS))}, or offsets (rows, columns) from "
            "the centre, as in ((0, -1), (0, 1))."
        ) from None


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
