"""Mean and spread of many quantities over a stream of images, in constant memory; sums of shares can be joined."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True, eq=False)
class Moments:
    """Count, mean and sum of squared deviations; a further image gives a new object of the same size.

    Quantities of one row are known together or not at all, such as all that is known of a class in an image.

    Attributes:
        count: (..., row), images in which the row was there.
        mean, m2: (..., row, quantity); 0 where the count is 0.
    """

    count: np.ndarray
    mean: np.ndarray
    m2: np.ndarray

    @classmethod
    def empty(cls, rows: tuple[int, ...], quantities: int) -> Moments:
        shape = (*rows, quantities)
        return cls(np.zeros(rows, dtype=np.int64), np.zeros(shape), np.zeros(shape))

    def plus(self, values: np.ndarray, present: np.ndarray) -> Moments:
        """With one more image: ``values`` (..., row, quantity) where ``present`` (..., row). Welford's update."""
        count = self.count + present
        there = present[..., None]
        change = np.where(there, values - self.mean, 0.0)
        mean = self.mean + change / np.maximum(count, 1)[..., None]
        return Moments(count, mean, self.m2 + np.where(there, change * (values - mean), 0.0))

    def joined(self, other: Moments) -> Moments:
        """With the images of another one; equal, up to rounding, to adding them one by one. Chan's update."""
        count = self.count + other.count
        share = np.divide(other.count, count, out=np.zeros(count.shape), where=count > 0)[..., None]
        change = other.mean - self.mean
        m2 = self.m2 + other.m2 + change**2 * share * self.count[..., None]
        return Moments(count, self.mean + change * share, m2)

    def half_width(self) -> np.ndarray:
        """Of the 95 % interval of each mean by Student's t over images; NaN for fewer than two."""
        n = self.count[..., None].astype(float)
        enough = np.maximum(n, 2)
        width = stats.t.ppf((1 + CONFIDENCE) / 2, enough - 1) * np.sqrt(self.m2 / (enough - 1) / enough)
        return np.where(n > 1, width, np.nan)
