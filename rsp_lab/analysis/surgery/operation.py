"""Where a change of weights acts: on which cells, at which relation steps or layers of attention, in which heads.

Relation weights are (1, wy, wx, y, x), attention weights (window, head, query, key). Whatever the operation, relation
weights stay exactly 0 off the map; outside the cells and heads that it acts on all stay bit for bit what they were.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rsp_lab.analysis.ledger.footprint import footprint_shares
from rsp_lab.analysis.ledger.frozen_head import FrozenHead
from rsp_lab.attention.layers import AttentionLayer, AttentionRecord
from rsp_lab.models.relation import RelationConfig, relation_modules, required_relations
from rsp_lab.relations.window import window_mask
from rsp_lab.shapes import cell_under, checked_pixel, plain_mask, plain_pixel
from rsp_lab.summary import Rows, Summarised
from rsp_lab.text import in_short

Where = tuple[int, int] | Tensor | None
"""A pixel (y, x): the cell it falls in; a bool mask (y, x) of the image's size: every cell that shares area with it;
None: the whole map."""
Steps = str | tuple[str, ...] | None
"""Name or names of relation steps, e.g. ``"step54"``, or of a network of another make of its layers of attention, as
:func:`~rsp_lab.attention.record.record_attention` names them; None means all."""


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
    """A change of relation or attention weights; the subclasses say which.

    Attributes:
        where: the cells it acts on, see :data:`Where`; of attention, the cells that ask.
        steps: see :data:`Steps`.
        heads: of attention, the numbers of those that it acts on; None means all. A relation has one alone.
        name: what :meth:`describe` puts first.
    """

    where: Where = field(default=None, kw_only=True)
    steps: Steps = field(default=None, kw_only=True)
    heads: tuple[int, ...] | None = field(default=None, kw_only=True)
    name: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        if self.steps is not None:
            object.__setattr__(self, "steps", _step_names(self.steps))
        if self.heads is not None:
            object.__setattr__(self, "heads", _head_numbers(self.heads))
        if self.where is not None:
            plain = plain_mask if isinstance(self.where, Tensor | np.ndarray) else plain_pixel
            object.__setattr__(self, "where", plain(self.where))
        if isinstance(self.where, Tensor) and not self.where.any():
            raise ValueError("where is a mask without a pixel: the operation would do nothing. Mark at least one.")

    def change(self, weights: Float[Tensor, "1 wy wx y x"], site: RelationSite) -> Float[Tensor, "1 wy wx y x"]:
        """New weights of every cell of the map; what lies outside ``site.cells`` is not used."""
        raise NotImplementedError

    def change_attention(
        self, weights: Float[Tensor, "window head query key"], layer: AttentionLayer
    ) -> Float[Tensor, "window head query key"]:
        """New weights of every query and head of a layer.

        Raises:
            ValueError: for an operation that only relation weights have.
        """
        raise ValueError(
            f"{type(self).__name__} is an operation on the windows of relations, and attention has none: take Uniform, "
            "Temperature, Shuffle, Transplant or ZeroKeys."
        )

    def what(self) -> str:
        """The change in words."""
        raise NotImplementedError

    @property
    def named(self) -> tuple[str, ...] | None:
        """The steps or layers that are named; None for all."""
        return (self.steps,) if isinstance(self.steps, str) else self.steps

    def describe(self) -> str:
        """E.g. ``"equal weights at step54, whole map"``; of a preset, its name and that nothing is retrained."""
        at = "every step" if self.named is None else ", ".join(step or "the network" for step in self.named)
        if self.heads is not None:
            at += f", head{'s' if len(self.heads) > 1 else ''} {', '.join(map(str, self.heads))}"
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
            ValueError: if the head has no relation, or not at a step that is named; for numbers of heads.
        """
        required_relations(frozen.head)
        if self.heads is not None:
            raise ValueError("a relation has one head: leave heads out.")
        for step in self.named or ():
            frozen.relation_weights(step)
        return tuple(step for step in frozen.steps if self.named is None or step in self.named)

    def layers_in(self, record: AttentionRecord) -> tuple[str, ...]:
        """Its layers, in the order of the network.

        Raises:
            ValueError: if the network has no attention of a name, or a layer no head of a number.
        """
        for layer in self.named or ():
            if layer not in record.layers:
                raise ValueError(f"{layer!r} is no attention of this network: it has {', '.join(record)}.")
        found = tuple(layer for layer in record if self.named is None or layer in self.named)
        for layer in found:
            count = record[layer].heads
            if wrong := [head for head in self.heads or () if not 0 <= head < count]:
                raise ValueError(f"{layer} has the heads 0 to {count - 1}, got {wrong[0]}.")
        return found

    def apply_to_attention(
        self, layer: AttentionLayer, weights: Float[Tensor, "window head query key"]
    ) -> Float[Tensor, "window head query key"]:
        """Weights of one layer after the operation.

        Raises:
            ValueError: for what does not fit, as cells of a layer whose tokens lie on no one grid.
        """
        chosen = self.queries(layer)[:, None, :, None].to(weights.device)
        if self.heads is not None:
            numbers = torch.zeros(weights.shape[1], dtype=torch.bool, device=weights.device)
            numbers[list(self.heads)] = True
            chosen = chosen & numbers[None, :, None, None]
        return torch.where(chosen, self.change_attention(weights, layer), weights)

    def queries(self, layer: AttentionLayer) -> Bool[Tensor, "window query"]:
        """``where`` among the tokens of a layer; raises ValueError where it is not known which cells they are."""
        places = layer.query_places
        if self.where is None:
            return torch.ones(places.shape, dtype=torch.bool)
        if layer.grid is None:
            raise ValueError(
                f"the tokens of {layer.layer} lie on no one grid over the image, so it is not known which belong to "
                "where: leave it out, for the whole layer."
            )
        height, width = layer.size
        cells, known = self.cells(layer.grid, layer.size), ~places.isnan()
        at = torch.where(known, places, 0)
        rows = ((at.real + 0.5) * layer.grid[0] / height).long().clamp(0, layer.grid[0] - 1)
        columns = ((at.imag + 0.5) * layer.grid[1] / width).long().clamp(0, layer.grid[1] - 1)
        return known & cells[rows, columns]

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
        mask = torch.zeros(size, dtype=torch.bool)
        mask[checked_pixel(self.where, size)] = True
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


def _step_names(given: object) -> str | tuple[str, ...]:
    if isinstance(given, str):
        return given
    names = tuple(given) if isinstance(given, tuple | list) else (given,)
    if not names:
        raise ValueError("steps is empty: name one or more, or leave it out for all.")
    if wrong := [name for name in names if not isinstance(name, str)]:
        raise ValueError(
            f"steps has {in_short(wrong[0])}, which is no name: name steps as in 'step54' or ('step54', 'step43'), or "
            "leave it out for all."
        )
    return names


def _head_numbers(given: object) -> tuple[int, ...]:
    try:
        numbers = tuple(operator.index(number) for number in given)  # type: ignore[attr-defined]
    except TypeError:
        raise ValueError(
            f"heads is {in_short(given)}: number them in a tuple, as in (0, 2), or leave it out for all."
        ) from None
    if not numbers:
        raise ValueError("heads is empty: number one or more, or leave it out for all.")
    return numbers
