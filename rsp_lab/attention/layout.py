"""Which axes of an attention's tensors are windows and which are heads, told by where their tokens lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import torch
from jaxtyping import Complex, Shaped
from torch import Tensor


@dataclass(frozen=True)
class Layout:
    """The axes before tokens and channels.

    Heads of a window ask from the same places, windows from others: whatever order a library has them in.

    Attributes:
        leading: sizes of these axes in the queries.
        windows: which of them are windows; all others are heads.
        merged: how many windows share a single axis with their heads; 0 where each has axes of its own.
    """

    leading: tuple[int, ...]
    windows: tuple[int, ...] = ()
    merged: int = 0

    @classmethod
    def of(cls, leading: Sequence[int], places: Complex[Tensor, "*leading token"] | None) -> Layout:
        """The layout of queries.

        Args:
            leading: as above.
            places: of each token, ``y + i x``, NaN where it lies nowhere; None where they are not known. Then the last
                axis is taken for heads and those before it for windows, and a single axis for heads.
        """
        sizes, last = tuple(leading), len(leading) - 1
        if places is None or bool(places.isnan().all()):
            return cls(sizes, tuple(range(last)))
        # What lies nowhere compares equal.
        filled = torch.where(places.isnan(), torch.full_like(places, -1e9), places)
        if len(sizes) == 1:
            same = [bool((one == filled[0]).all()) for one in filled]
            heads = same.index(False) if False in same else len(same)
            return cls(sizes, merged=sizes[0] // heads)
        return cls(sizes, tuple(i for i in range(len(sizes)) if not _constant(filled, i)))

    @property
    def count(self) -> int:
        """How many windows there are."""
        return self.merged or prod(self.leading[i] for i in self.windows)

    @property
    def _order(self) -> list[int]:
        return [*self.windows, *(i for i in range(len(self.leading)) if i not in self.windows)]

    def arranged(self, x: Shaped[Tensor, "... a b"]) -> Shaped[Tensor, "window head a b"]:
        """A tensor of the attention, its queries, keys, values, weights, with windows before heads.

        Heads may be fewer where several share a key; a window axis of 1 stands for all windows.
        """
        rows = self._spread(x)
        if self.merged:
            return rows.reshape(self.merged, -1, *x.shape[-2:])
        wide = prod(rows.shape[i] for i in self.windows)
        found = rows.permute(*self._order, -2, -1).reshape(wide, -1, *x.shape[-2:])
        return found if wide == self.count else found.expand(self.count, -1, -1, -1)

    def restored(self, rows: Shaped[Tensor, "window head a b"], shape: Sequence[int]) -> Tensor:
        """Inverse of :meth:`arranged` for a tensor of this shape with as many heads as the queries have."""
        if self.merged:
            return rows.reshape(*shape)
        order = self._order
        back = [order.index(i) for i in range(len(order))]
        apart = rows.reshape(*(self.leading[i] for i in order), *rows.shape[-2:])
        return apart.permute(*back, -2, -1).reshape(*shape)

    def _spread(self, x: Tensor) -> Tensor:
        """With as many axes as the queries: a library may have put some together on the way."""
        if x.ndim - 2 == len(self.leading):
            return x
        return x.reshape(*self.leading[:-1], -1, *x.shape[-2:])


def _constant(places: Tensor, axis: int) -> bool:
    return bool((places == places.narrow(axis, 0, 1)).all())
