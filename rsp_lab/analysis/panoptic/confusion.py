"""What panoptic predictions take categories for, things and stuff in one table, and which pixels are in matches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int64

from rsp_lab.data.panoptic.categories import VOID, PanopticTable
from rsp_lab.data.panoptic.segments import SegmentMap, counted
from rsp_lab.summary import Rows, Summarised
from rsp_lab.text import percent, plain_table

VOID_NAME = "void"
RULE = (
    "pixels of true category (row) that were given a category (column), void last in both; matched: those of them that "
    "lie in both segments of a match as panoptic quality has it, so that a row's diagonal less matched is the right "
    "category in the wrong segment"
)


@dataclass(frozen=True, eq=False, repr=False)
class PanopticConfusion(Summarised):
    """Pixels of a whole data set by their true and their predicted category.

    Attributes:
        names: of the categories in the order of the table, then :data:`VOID_NAME`.
        pixels: int64 [true, predicted].
        matched: int64 [category], pixels of the diagonal inside matches; 0 for void.
        images: how many were counted.
    """

    names: tuple[str, ...]
    pixels: Int64[np.ndarray, "true predicted"]
    matched: Int64[np.ndarray, " category"]
    images: int

    @classmethod
    def joined(cls, parts: Sequence[PanopticConfusion]) -> PanopticConfusion:
        """The counts of several sets of images together, of one table."""
        pixels, matched = (sum(getattr(part, name) for part in parts) for name in ("pixels", "matched"))
        return cls(parts[0].names, pixels, matched, sum(part.images for part in parts))

    @property
    def rates(self) -> np.ndarray:
        """Each row's pixels as shares of the row, float64 [true, predicted]; NaN in a row without pixels."""
        sums = self.pixels.sum(1, keepdims=True)
        return np.divide(self.pixels, sums, out=np.full(self.pixels.shape, np.nan), where=sums > 0)

    def mistakes(self, most: int = 10) -> list[tuple[str, str, int, float]]:
        """True name, predicted name, pixels and share of the true category's; the most pixels first, void of the truth
        left out."""
        off = self.pixels.copy()
        np.fill_diagonal(off, 0)
        off[-1] = 0
        order = np.argsort(-off.ravel(), kind="stable")[:most]
        places = [divmod(int(place), len(self.names)) for place in order if off.flat[place]]
        return [(self.names[i], self.names[j], int(off[i, j]), float(self.rates[i, j])) for i, j in places]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {
            "names": list(self.names),
            "pixels": self.pixels.tolist(),
            "matched": self.matched.tolist(),
            "images": self.images,
            "unit": "pixels",
            "rule": RULE,
        }

    def table(self) -> str:
        """Of each category its pixels and the shares that are matched, right but unmatched, and taken for void."""
        rows: list[tuple[str, ...]] = [("", "pixels", "matched", "unmatched", "void", "taken most for", "share")]
        for place, name in enumerate(self.names[:-1]):
            line, total = self.pixels[place], int(self.pixels[place].sum())
            others = np.where(np.arange(len(line)) == place, 0, line)[:-1]
            other = int(others.argmax())
            shares = (self.matched[place], line[place] - self.matched[place], line[-1])
            rows.append(
                (
                    name,
                    f"{total:,}",
                    *(percent(part / total if total else None, 1, unit=False) for part in shares),
                    self.names[other] if others[other] else "",
                    percent(others[other] / total if others[other] else None, 1, unit=False),
                )
            )
        return plain_table(rows)

    def _summary(self) -> tuple[str, Rows]:
        rows = [(f"{a} as {b}", f"{count} px, {percent(share, 1)}") for a, b, count, share in self.mistakes()]
        return f"panoptic confusion on {self.images} images", rows


class ConfusionMeter:
    """Takes one image after the other.

    Args:
        table: of the categories.
    """

    def __init__(self, table: PanopticTable) -> None:
        self._names = (*(category.name for category in table.categories), VOID_NAME)
        self._place = {category.id: place for place, category in enumerate(table.categories)}
        self._table = table
        self._pixels = np.zeros((len(self._names), len(self._names)), dtype=np.int64)
        self._matched = np.zeros(len(self._names), dtype=np.int64)
        self._images = 0

    def add(self, truth: SegmentMap, prediction: SegmentMap) -> None:
        """One image.

        Raises:
            ValueError: for two sizes, or a category that the table does not have.
        """
        if truth.ids.shape != prediction.ids.shape:
            raise ValueError(
                f"the truth is {list(truth.ids.shape)}, the prediction {list(prediction.ids.shape)}; they must be of "
                "one size."
            )
        for segments in (truth, prediction):
            self._table.check_ids(segment.category_id for segment in segments.segments)
        places = [
            {VOID: len(self._names) - 1, **{s.id: self._place[s.category_id] for s in segments.segments}}
            for segments in (truth, prediction)
        ]
        shared = intersections(truth, prediction)
        for (one, other), pixels in shared.items():
            self._pixels[places[0][one], places[1][other]] += pixels
        for one, other in matches(truth, prediction, shared):
            self._matched[places[0][one]] += shared[one, other]
        self._images += 1

    def result(self) -> PanopticConfusion:
        """The counts of all images so far."""
        return PanopticConfusion(self._names, self._pixels.copy(), self._matched.copy(), self._images)


def intersections(truth: SegmentMap, prediction: SegmentMap) -> dict[tuple[int, int], int]:
    """How many pixels each true and each predicted segment share, void among them, where they share any."""
    shared = counted(truth.ids.numpy().astype(np.int64) << 24 | prediction.ids.numpy())
    return {divmod(both, 1 << 24): pixels for both, pixels in shared.items()}


def matches(
    truth: SegmentMap, prediction: SegmentMap, shared: dict[tuple[int, int], int]
) -> tuple[tuple[int, int], ...]:
    """Ids of the true and predicted segments that match: one category, IoU above 0.5 without the truth's void."""
    true, given = ({s.id: s for s in segments.segments} for segments in (truth, prediction))
    areas, other_areas = truth.areas, prediction.areas
    found = []
    for (one, other), pixels in shared.items():
        if one == VOID or other == VOID or true[one].is_crowd or true[one].category_id != given[other].category_id:
            continue
        union = areas[one] + other_areas[other] - pixels - shared.get((VOID, other), 0)
        if 2 * pixels > union:
            found.append((one, other))
    return tuple(found)
