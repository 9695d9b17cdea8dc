"""Means with intervals of confidence by Student's t, written once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from rsp_lab.summary import Summarised
from rsp_lab.text import fixed, rounded, signed_fixed

Claim = Literal["above", "below", "near"]
"""Where a mean is expected, against 0."""
Outcome = Literal["held", "failed", "undecided"]
LEVEL = 0.95
"""Of confidence, of every interval."""


def half_widths(count: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """Half the width of the interval of each mean, in the unit of the values; NaN for fewer than two values.

    Args:
        count: of values, of a shape that broadcasts to that of ``squares``.
        squares: sum of the squared deviations from the mean.
    """
    enough = np.maximum(count.astype(float), 2)
    width = special.stdtrit(enough - 1, (1 + LEVEL) / 2) * np.sqrt(squares / (enough - 1) / enough)
    return np.asarray(np.where(count > 1, width, np.nan))


@dataclass(frozen=True)
class Estimate(Summarised):
    """A mean over independent values: pairs of scenes, or seeds.

    Attributes:
        mean: nan without a value.
        half_width: of the interval of 95 % by Student's t; nan for fewer than two values.
        count: of values.
    """

    mean: float
    half_width: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Estimate:
        if not values:
            return cls(math.nan, math.nan, 0)
        given = np.asarray(values, dtype=float)
        squares = np.asarray(np.square(given - given.mean()).sum())
        return cls(float(given.mean()), half_widths(np.asarray(len(given)), squares).item(), len(given))

    @property
    def low(self) -> float:
        return self.mean - self.half_width

    @property
    def high(self) -> float:
        return self.mean + self.half_width

    @property
    def clear(self) -> bool:
        """Whether the interval excludes 0."""
        return abs(self.mean) > self.half_width

    def outcome(self, claim: Claim, within: float = 0.0) -> Outcome:
        """What became of a claim: it held if the whole interval is where it was expected, and failed if the whole
        interval is elsewhere; without an interval nothing is decided.

        Args:
            within: of ``"near"``: how far from 0 still counts.
        """
        if math.isnan(self.half_width):
            return "undecided"
        if claim == "near":
            holds, failed = -within <= self.low and self.high <= within, self.high < -within or self.low > within
        elif claim == "above":
            holds, failed = self.low > 0, self.high <= 0
        else:
            holds, failed = self.high < 0, self.low >= 0
        return "held" if holds else "failed" if failed else "undecided"

    def words(self, digits: int = 2, *, difference: bool = False) -> str:
        """Mean and half width; the mean of a difference has a sign."""
        mean = signed_fixed(self.mean, digits) if difference else fixed(self.mean, digits)
        unknown = math.isnan(self.mean) or math.isnan(self.half_width)
        return mean if unknown else f"{mean} ± {fixed(self.half_width, digits)}"

    def __str__(self) -> str:
        return self.words()

    def to_dict(self) -> dict[str, float | int | None]:
        """Plain JSON data; None for what is not known."""
        facts: dict[str, float | int | None] = rounded({"mean": self.mean, "low": self.low, "high": self.high})
        return {**facts, "count": self.count}
