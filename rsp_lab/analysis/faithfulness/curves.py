"""A deletion and an insertion curve, their areas, the orders that they follow, and the same along random orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rsp_lab.summary import Summarised
from rsp_lab.text import fixed, rounded

LEAST_CHANGE = 0.1
"""Areas are normalised where the image raises the target by at least this many logits over the reference."""
NORMALISED_RULE = (
    "(mean over the shares - reference logit) / (logit - reference logit), "
    f"none where logit - reference logit is below {LEAST_CHANGE} logits"
)
AREA_RULE = "mean of the curve over the share from 0 to 1, by trapezoids, in logits"


@dataclass(frozen=True)
class Curves(Summarised):
    """A target's value as parts of what it rests on are taken away, and as they are put back.

    Attributes:
        shares: of what is taken away or put back, rising from 0 to 1.
        deletion: the target in logits by share taken away, from the full value to the reference's.
        insertion: the target in logits by share put back, from the reference's value to the full one.
    """

    shares: tuple[float, ...]
    deletion: tuple[float, ...]
    insertion: tuple[float, ...]

    @property
    def deletion_area(self) -> float:
        """By :data:`AREA_RULE`; the lower, the earlier the target falls."""
        return trapezoid_area(self.shares, self.deletion)

    @property
    def insertion_area(self) -> float:
        """By :data:`AREA_RULE`; the higher, the earlier the target rises."""
        return trapezoid_area(self.shares, self.insertion)

    @property
    def gap(self) -> float:
        """Insertion's area minus deletion's, in logits; a random order's is 0 in expectation, higher is better."""
        return self.insertion_area - self.deletion_area

    @property
    def normalised_deletion(self) -> float | None:
        """Deletion's area by :data:`NORMALISED_RULE`: near 0 where the target falls at once, near 1 at the very end."""
        return self._normalised(self.deletion_area)

    @property
    def normalised_insertion(self) -> float | None:
        """Insertion's area by the same rule: near 1 where the target is back at once."""
        return self._normalised(self.insertion_area)

    def _normalised(self, area: float) -> float | None:
        full, least = self.deletion[0], self.deletion[-1]
        return (area - least) / (full - least) if full - least >= LEAST_CHANGE else None

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "shares": rounded(self.shares),
            "deletion": rounded(self.deletion),
            "insertion": rounded(self.insertion),
            "area_rule": AREA_RULE,
            "deletion_area": rounded(self.deletion_area),
            "insertion_area": rounded(self.insertion_area),
            "gap": rounded(self.gap),
            "normalised_rule": NORMALISED_RULE,
            "normalised_deletion": rounded(self.normalised_deletion),
            "normalised_insertion": rounded(self.normalised_insertion),
        }


@dataclass(frozen=True)
class Spread:
    """Median and range of a figure over random orders."""

    median: float
    least: float
    largest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(median(values), min(values), max(values))

    def __str__(self) -> str:
        return f"{fixed(self.median)}, {fixed(self.least)} to {fixed(self.largest)}"

    def to_dict(self) -> dict[str, float]:
        numbers: dict[str, float] = rounded(asdict(self))
        return numbers


@dataclass(frozen=True)
class Control(Summarised):
    """The curves along random orders.

    Attributes:
        seeds: of the orders.
        curves: one for each seed.
    """

    seeds: tuple[int, ...]
    curves: tuple[Curves, ...]

    @property
    def deletion_area(self) -> Spread:
        """Of the orders' areas."""
        return Spread.of([curves.deletion_area for curves in self.curves])

    @property
    def insertion_area(self) -> Spread:
        """Of the orders' areas."""
        return Spread.of([curves.insertion_area for curves in self.curves])

    @property
    def gap(self) -> Spread:
        """Of the orders' gaps."""
        return Spread.of([curves.gap for curves in self.curves])

    @property
    def deletion(self) -> tuple[Spread, ...]:
        """Of the values at each share."""
        return tuple(Spread.of(values) for values in zip(*(c.deletion for c in self.curves), strict=True))

    @property
    def insertion(self) -> tuple[Spread, ...]:
        """Of the values at each share."""
        return tuple(Spread.of(values) for values in zip(*(c.insertion for c in self.curves), strict=True))

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "seeds": list(self.seeds),
            "deletion_area": self.deletion_area.to_dict(),
            "insertion_area": self.insertion_area.to_dict(),
            "gap": self.gap.to_dict(),
            "deletion": [spread.to_dict() for spread in self.deletion],
            "insertion": [spread.to_dict() for spread in self.insertion],
        }


def descending_order(values: Float[Tensor, " part"], seed: int = 0) -> Int[Tensor, " part"]:
    """Places of the values, the highest first, equal ones at random."""
    shuffle = random_order(len(values), seed)
    return shuffle[values[shuffle].argsort(descending=True, stable=True)]


def random_order(parts: int, seed: int) -> Int[Tensor, " part"]:
    """The numbers below ``parts`` in an order that the seed alone decides."""
    return torch.randperm(parts, generator=torch.Generator().manual_seed(seed))


def trapezoid_area(shares: Sequence[float], values: Sequence[float]) -> float:
    """Area under straight lines between points."""
    steps = zip(shares, shares[1:], values, values[1:], strict=False)
    return sum((right - left) * (first + second) / 2 for left, right, first, second in steps)
