"""What became of the detections and of the semantic classes of an image in the merge, pixel by pixel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rsp_lab.data.labels import IGNORE_INDEX
from rsp_lab.data.panoptic.categories import VOID
from rsp_lab.text import percent

Why = Literal["score", "overlap", "empty"]
"""Why a detection is dropped: its score is too low, too much of it is taken, or no pixel of it is left."""


@dataclass(frozen=True)
class InstanceFate:
    """What became of one detection.

    Attributes:
        rank: its place by score, from 1.
        name: its class.
        category_id: of that class.
        score: 0 to 1.
        area: pixels of its mask.
        taken: share of its mask that instances before it have, as the rule compares it; None if it was dropped for its
            score, or if its mask has no pixel: then the rule never asks.
        pixels: of its mask, by the segment that has them in the end (:data:`VOID` among them); they add up to its area.
        segment: its own segment's id, None if it was dropped.
        dropped: why, None if it was kept.
    """

    rank: int
    name: str
    category_id: int
    score: float
    area: int
    taken: float | None
    pixels: Mapping[int, int]
    segment: int | None
    dropped: Why | None

    @property
    def kept(self) -> int:
        """Pixels of its mask that are its segment's."""
        return self.pixels[self.segment] if self.segment is not None else 0

    @property
    def lost(self) -> dict[int, int]:
        """Pixels of its mask that others have in the end, by their segment; all of them if it was dropped."""
        return {segment: pixels for segment, pixels in self.pixels.items() if segment != self.segment}

    @property
    def title(self) -> str:
        """What a reader calls it, e.g. ``"car 87 %"``."""
        return f"{self.name} {percent(self.score, 0)}"

    def to_dict(self) -> dict[str, Any]:
        """All of it; pixels by segment id."""
        return {
            "rank": self.rank,
            "name": self.name,
            "category_id": self.category_id,
            "score": self.score,
            "area": self.area,
            "taken": self.taken,
            "kept": self.kept,
            "lost": _counts(self.lost),
            "segment": self.segment,
            "dropped": self.dropped,
        }


@dataclass(frozen=True)
class StuffFate:
    """What became of the pixels of one class of the semantic map.

    Attributes:
        label: the semantic class: 0 for things together, stuff from 1, 255 where a label map knows nothing.
        name: its class; "unknown" for 255.
        category_id: of that class; None for things together and where nothing is known.
        area: pixels that the semantic map gives it.
        pixels: of these, by the segment that has them in the end (:data:`VOID` among them); they add up to its area.
        segment: its own segment's id, None if it has none.
    """

    label: int
    name: str
    category_id: int | None
    area: int
    pixels: Mapping[int, int]
    segment: int | None

    @property
    def left(self) -> int:
        """Pixels that no instance took: its segment's, or void."""
        return self.pixels.get(VOID if self.segment is None else self.segment, 0)

    @property
    def lost(self) -> dict[int, int]:
        """Pixels that instances took, by their segment."""
        own = {VOID, self.segment}
        return {segment: pixels for segment, pixels in self.pixels.items() if segment not in own}

    @property
    def dropped(self) -> Literal["area", "things", "unknown", "taken"] | None:
        """Why it has no segment: too few pixels left; things, but no instance has them; nothing known; none left."""
        if self.segment is not None:
            return None
        if not self.left:
            return "taken"
        if self.label == IGNORE_INDEX:
            return "unknown"
        return "area" if self.label else "things"

    def to_dict(self) -> dict[str, Any]:
        """All of it; pixels by segment id."""
        return {
            "label": self.label,
            "name": self.name,
            "category_id": self.category_id,
            "area": self.area,
            "left": self.left,
            "lost": _counts(self.lost),
            "segment": self.segment,
            "dropped": self.dropped,
        }


def _counts(pixels: Mapping[int, int]) -> dict[str, int]:
    return {str(segment): number for segment, number in pixels.items()}
