"""Two ledgers of one decision, in one unit: where two models, or two ways to select, differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from rsp_lab.analysis.ledger.footprint import on_pixels
from rsp_lab.analysis.ledger.ledger import ContextLedger
from rsp_lab.analysis.targets.target import same_target
from rsp_lab.shapes import level_name
from rsp_lab.summary import Rows, Summarised
from rsp_lab.text import MINUS, rounded, signed_fixed


@dataclass(frozen=True, eq=False)
class LedgerDifference(Summarised):
    """``a - b``, entry by entry, in logits; a level that one of the two lacks contributes 0 there.

    Attributes:
        a, b: ledgers of the same target on the same image.
    """

    a: ContextLedger
    b: ContextLedger

    @property
    def levels(self) -> tuple[int, ...]:
        """Levels that either has, lowest first."""
        return tuple(sorted({*self.a.levels, *self.b.levels}))

    @property
    def strides(self) -> dict[int, int]:
        """Of networks of other makes, by level; where two differ, of :attr:`a`."""
        return {**self.b.strides, **self.a.strides}

    def level_name(self, level: int) -> str:
        """What a level is called, see :func:`rsp_lab.shapes.level_name`."""
        return level_name(level, self.a.strides, self.b.strides)

    @property
    def sums(self) -> dict[int, float]:
        """By level; with :attr:`bias` they add up to :attr:`total`."""
        a, b = self.a.sums, self.b.sums
        return {x: a.get(x, 0.0) - b.get(x, 0.0) for x in self.levels}

    @property
    def bias(self) -> float:
        return self.a.bias - self.b.bias

    @property
    def total(self) -> float:
        """Difference of the totals."""
        return self.a.total - self.b.total

    @property
    def maps(self) -> dict[int, Tensor]:
        """Difference of each cell, (v, u) by level, lowest level first; of each pixel where the cells are not the same,
        as those of a stride of 14 and of 16."""
        return map_differences(self.a.maps, self.b.maps, self.a.image_size)

    @property
    def ledger(self) -> ContextLedger:
        """The difference as a ledger of its own, to be split and ranked as one, with the larger of both residuals and
        of what they were held to."""
        return replace(
            self.a,
            maps=self.maps,
            bias=self.bias,
            total=self.total,
            residual=max(self.a.residual, self.b.residual),
            tolerance=max(self.a.tolerance, self.b.tolerance),
            strides=self.strides,
        )

    def on_image(self, level: int | None = None) -> Float[Tensor, "y x"]:
        """Difference at image size of one level or of all, see :meth:`ContextLedger.on_image`.

        Raises:
            ValueError: for a level that neither has.
        """
        if level is not None and level not in self.levels:
            raise ValueError(f"neither ledger has level {level}; their levels are {list(self.levels)}.")
        total = torch.zeros(self.a.image_size, dtype=torch.float64)
        for ledger, sign in ((self.a, 1), (self.b, -1)):
            if level is None or level in ledger.levels:
                total += sign * ledger.on_image(level)
        return total

    def _summary(self) -> tuple[str, Rows]:
        return f"LedgerDifference: {self.a.target.describe()}", [
            *((self.level_name(x), signed_fixed(value, 4)) for x, value in reversed(self.sums.items())),
            ("bias", signed_fixed(self.bias, 4)),
            (
                "total",
                f"{signed_fixed(self.total, 4)} = {signed_fixed(self.a.total, 4)} "
                f"{MINUS} ({signed_fixed(self.b.total, 4)})",
            ),
        ]

    def to_dict(self) -> dict[str, Any]:
        return {
            "target": self.a.target.describe(),
            "unit": "logits",
            "total": rounded(self.total),
            "bias": rounded(self.bias),
            "levels": rounded({str(x): value for x, value in self.sums.items()}),
            "a": self.a.to_dict(),
            "b": self.b.to_dict(),
        }


def map_differences(a: Mapping[int, Tensor], b: Mapping[int, Tensor], size: tuple[int, int]) -> dict[int, Tensor]:
    """``a - b``, cell by cell, by level, lowest level first; a level that one of the two lacks is 0 there.

    Args:
        size: (y, x) of the image; maps of one level that differ in cells are taken apart on its pixels.
    """

    def apart(x: int) -> Tensor:
        if x not in a or x not in b:
            return a[x] if x in a else -b[x]
        if a[x].shape != b[x].shape:
            return on_pixels(a[x], size) - on_pixels(b[x], size)
        return a[x] - b[x]

    return {x: apart(x) for x in sorted({*a, *b})}


def ledger_difference(a: ContextLedger, b: ContextLedger) -> LedgerDifference:
    """``a - b``: what the first model has more of, level by level.

    Raises:
        ValueError: unless both explain the same target on the same image.
    """
    if a.image_size != b.image_size or a.image_digest != b.image_digest:
        raise ValueError("the ledgers are of two images: make both on one image.")
    if not same_target(a.target, b.target):
        raise ValueError(
            f"the ledgers explain {a.target.describe()!r} and {b.target.describe()!r}: give both the same target."
        )
    return LedgerDifference(a, b)
