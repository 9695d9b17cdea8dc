"""What changed between two segmentations of one image, segment by segment, and what the semantic map alone changed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import torch
from jaxtyping import Bool
from torch import Tensor

from rsp_lab.analysis.comparison.disagreement import innermost
from rsp_lab.analysis.panoptic.fates import InstanceFate
from rsp_lab.analysis.panoptic.merge import Merged, merge
from rsp_lab.analysis.panoptic.segmentation import PanopticPass
from rsp_lab.analysis.passes.pair import pair_names
from rsp_lab.data.panoptic.categories import VOID
from rsp_lab.shapes import checked_pixel
from rsp_lab.summary import Rows, Summarised
from rsp_lab.text import fixed, percent

MATCH_RULE = (
    "two segments match where their IoU is above 0.5, at most one on either side; of one category they are the same "
    "segment, as in panoptic quality"
)
_MATCH = 0.5
Kind = Literal["extent", "relabelled", "lost", "new"]
KINDS: dict[Kind, str] = {
    "extent": "same segment, other pixels",
    "relabelled": "same place, other category",
    "lost": "of the first alone",
    "new": "of the second alone",
}
"""What may have become of a segment, and what that means."""


@dataclass(frozen=True, eq=False)
class SegmentChange(Summarised):
    """One segment that is not the same in both.

    Attributes:
        kind: see :data:`KINDS`.
        first, second: the segment's id in either, None where it has none.
        titles: what it is called in either; where it has no segment, what is there instead on more of its pixels than
            anything else.
        words: the same in a sentence, which says what the percentage of a thing is, and what void is.
        iou: of both, 0 where one has none.
        mask: pixels that are the segment's in one and not in the other; of relabelled ones all of both.
        instead: of a lost or new one, pixels with what is there instead; None of others.
    """

    kind: Kind
    first: int | None
    second: int | None
    titles: tuple[str, str]
    words: tuple[str, str]
    iou: float
    mask: Bool[Tensor, "y x"]
    instead: int | None = None

    @property
    def pixels(self) -> int:
        """By which changes are ranked."""
        return int(self.mask.sum())

    @property
    def pixel(self) -> tuple[int, int]:
        """(y, x), the innermost one."""
        return innermost(self.mask.numpy(), 0, 0)

    def sentence(self) -> str:
        """E.g. ``"car (score 87 %) is lost: most of its 310 px are road"``."""
        before, after = self.words
        most = self.instead is not None and 2 * self.instead > self.pixels
        of = f"{'most' if most else 'the largest part'} of its {self.pixels:,} px"
        if self.kind == "lost":
            return f"{before} is lost: {of} {'are' if most else 'is'} {after}"
        if self.kind == "new":
            return f"{after} is new: {of} {'were' if most else 'was'} {before}"
        both = before if before == after else f"{before} → {after}"
        if self.kind == "relabelled":
            return f"{both} on {self.pixels:,} px, IoU {fixed(self.iou)}"
        return f"{both}: {self.pixels:,} px differ, IoU {fixed(self.iou)}"

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "first": self.first,
            "second": self.second,
            "titles": list(self.titles),
            "iou": round(self.iou, 4),
            "pixels": self.pixels,
            "sentence": self.sentence(),
        }


@dataclass(frozen=True, eq=False)
class SegmentChanges(Summarised):
    """What two segmentations of one image do not have in common.

    Attributes:
        names: of the two.
        changes: most pixels first; segments that are the same, pixel for pixel, are left out.
        same: how many those are.
        matches: ids of all segments of either that match, by :data:`MATCH_RULE`, of one category or not.
        differing: pixels on which the two say another category, or of which one is void.
        size: (y, x).
    """

    names: tuple[str, str]
    changes: tuple[SegmentChange, ...]
    same: int
    matches: tuple[tuple[int, int], ...]
    differing: int
    size: tuple[int, int]

    @property
    def counts(self) -> dict[Kind, int]:
        """Changes by kind."""
        found = Counter(change.kind for change in self.changes)
        return {kind: found[kind] for kind in KINDS}

    def at(self, pixel: tuple[int, int]) -> SegmentChange | None:
        """The change with most pixels that a pixel (y, x) is part of; raises ValueError for one outside the image."""
        pixel = checked_pixel(pixel, self.size)
        return next((change for change in self.changes if change.mask[pixel]), None)

    @property
    def foremost(self) -> SegmentChange | None:
        """The first that is more than other pixels of the same segment; else the first; None without any."""
        return next((change for change in self.changes if change.kind != "extent"), next(iter(self.changes), None))

    def sentence(self) -> str:
        """How much changed, and what first of all."""
        both = " and ".join(self.names)
        if self.foremost is None:
            return f"{both} have the same segments, pixel for pixel."
        return f"{both} differ on {self.words()}"

    def words(self) -> str:
        """How much changed, as the end of a sentence that begins with whose segments these are."""
        share = percent(self.differing / (self.size[0] * self.size[1]))
        counts = {"same": self.same, **{str(kind): count for kind, count in self.counts.items()}}
        new = counts.pop("new")
        told = [f"{count} {_WORDS[kind][count > 1]}" for kind, count in counts.items() if count]
        before = sum(counts.values())
        parts = [f"of {before} segment{'s' * (before > 1)}, {', '.join(told)}"] if told else []
        parts += [f"{new} {_WORDS['new'][new > 1]}"] if new else []
        return f"{share} of the pixels{': ' * bool(parts)}{'; '.join(parts)}.{self._first()}"

    def _first(self) -> str:
        if self.foremost is None:
            return ""
        of = "The largest change" if self.foremost.kind == "extent" else "The largest change beyond outlines"
        return f" {of}: {self.foremost.sentence()}."

    def _summary(self) -> tuple[str, Rows]:
        title = f"{len(self.changes)} changes from {self.names[0]} to {self.names[1]}"
        return title, [(change.kind, change.sentence()) for change in self.changes]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "models": list(self.names),
            "sentence": self.sentence(),
            "rule": MATCH_RULE,
            "unit": "pixels of the image",
            "differing": self.differing,
            "same": self.same,
            "counts": dict(self.counts),
            "changes": [change.to_dict() for change in self.changes],
        }


_WORDS: dict[str, tuple[str, str]] = {
    "same": ("is the same", "are the same"),
    "extent": ("differs in its outline alone", "differ in their outlines alone"),
    "relabelled": ("has another category", "have another category"),
    "lost": ("is lost", "are lost"),
    "new": ("is new", "are new"),
}
"""Of one segment, and of several."""


@dataclass(frozen=True, eq=False)
class PanopticComparison(Summarised):
    """Two panoptic models on one image.

    Attributes:
        left, right: the models' passes.
    """

    left: PanopticPass
    right: PanopticPass

    @property
    def names(self) -> tuple[str, str]:
        """Of the models."""
        return pair_names(self.left.model.semantic, self.right.model.semantic)

    @cached_property
    def changes(self) -> SegmentChanges:
        """From the left model's segments to the right one's."""
        return segment_changes(self.left.merged, self.right.merged, self.names)

    @cached_property
    def exchanged(self) -> Merged:
        """The left model's detections merged with the right model's semantic map."""
        left, right = self.left.merged, self.right.merged
        return merge(right.labels, left.detections, left.table, left.rule)

    @cached_property
    def by_semantic_map(self) -> SegmentChanges:
        """What the semantic map alone changes: both with the left model's detections."""
        return segment_changes(self.left.merged, self.exchanged, self.names)

    def sentences(self) -> tuple[str, str]:
        """What changed, and how much of it the semantic map changes alone."""
        alone = (
            f"With the detections of {self.names[0]} kept, the semantic map of {self.names[1]} changes "
            f"{self.by_semantic_map.words()}"
        )
        return self.changes.sentence(), alone

    def _summary(self) -> tuple[str, Rows]:
        return f"PanopticComparison of {self.names[0]} and {self.names[1]}", [
            ("changes", self.sentences()[0]),
            ("by the semantic map", self.sentences()[1]),
        ]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able: the changes, and under ``by_semantic_map`` those that the semantic map makes alone."""
        return {
            **self.changes.to_dict(),
            "by_semantic_map": {**self.by_semantic_map.to_dict(), "sentence": self.sentences()[1]},
        }


def compare_segments(left: PanopticPass, right: PanopticPass) -> PanopticComparison:
    """Two panoptic models side by side on one image.

    Raises:
        ValueError: unless both saw the same image and have the same categories.
    """
    if left.image.shape != right.image.shape or not torch.equal(left.image.cpu().float(), right.image.cpu().float()):
        raise ValueError("the passes are of two images: make both on one image.")
    if left.merged.table != right.merged.table:
        known = [
            f"{name} has {len(one.merged.table.things)} things and {len(one.merged.table.stuff)} kinds of stuff"
            for name, one in zip(pair_names(left.model.semantic, right.model.semantic), (left, right), strict=True)
        ]
        raise ValueError(f"{' and '.join(known)}, of other names: compare models that were trained on the same table.")
    return PanopticComparison(left, right)


def segment_changes(
    first: Merged, second: Merged, names: tuple[str, str] = ("the first", "the second")
) -> SegmentChanges:
    """What two segmentations of one image do not have in common, by :data:`MATCH_RULE`.

    Args:
        first, second: of one size and table.
        names: what sentences call them.

    Raises:
        ValueError: if they are of two sizes or tables.
    """
    if first.size != second.size or first.table != second.table:
        raise ValueError(
            f"the segmentations have {first.size[0]} x {first.size[1]} and {second.size[0]} x {second.size[1]} pixels "
            f"and the tables {first.table.name!r} and {second.table.name!r}: give two of one image and one table."
        )
    shared = _overlaps(first, second)
    areas = first.map.areas, second.map.areas
    categories = [{segment.id: segment.category_id for segment in one.map.segments} for one in (first, second)]
    found: list[SegmentChange] = []
    pairs: list[tuple[int, int]] = []
    same = 0
    for (one, other), pixels in shared.items():
        if VOID in (one, other):
            continue
        iou = pixels / (areas[0][one] + areas[1][other] - pixels)
        if iou <= _MATCH:
            continue
        pairs.append((one, other))
        equal = categories[0][one] == categories[1][other]
        if equal and iou == 1:
            same += 1
            continue
        mine, theirs = first.map.ids == one, second.map.ids == other
        mask = mine ^ theirs if equal else mine | theirs
        titles = first.title(one), second.title(other)
        words = _words(first, one), _words(second, other)
        found.append(SegmentChange("extent" if equal else "relabelled", one, other, titles, words, iou, mask))
    for segment in areas[0].keys() - {one for one, _ in pairs}:
        instead, count = _most({o: n for (s, o), n in shared.items() if s == segment})
        mask = first.map.ids == segment
        titles = first.title(segment), second.title(instead)
        words = _words(first, segment), _words(second, instead)
        found.append(SegmentChange("lost", segment, None, titles, words, 0.0, mask, count))
    for segment in areas[1].keys() - {other for _, other in pairs}:
        before, count = _most({s: n for (s, o), n in shared.items() if o == segment})
        mask = second.map.ids == segment
        titles = first.title(before), second.title(segment)
        words = _words(first, before), _words(second, segment)
        found.append(SegmentChange("new", None, segment, titles, words, 0.0, mask, count))
    found.sort(key=lambda change: (-change.pixels, list(KINDS).index(change.kind), change.first or change.second or 0))
    differing = sum(
        pixels
        for (one, other), pixels in shared.items()
        if categories[0].get(one, VOID) != categories[1].get(other, VOID)
    )
    return SegmentChanges(names, tuple(found), same, tuple(pairs), differing, first.size)


def _overlaps(first: Merged, second: Merged) -> dict[tuple[int, int], int]:
    """Pixels by the segment of either, void among them."""
    pairs = torch.stack([first.map.ids.flatten(), second.map.ids.flatten()])
    both, counts = pairs.unique(dim=1, return_counts=True)
    return {(one, other): count for (one, other), count in zip(both.T.tolist(), counts.tolist(), strict=True)}


def _words(merged: Merged, segment: int) -> str:
    """What a sentence calls a segment: ``"car (score 87 %)"``, ``"road"``, ``"void, part of no segment"``."""
    if segment == VOID:
        return "void, part of no segment"
    fate = merged.fate(segment)
    return f"{fate.name} (score {percent(fate.score, 0)})" if isinstance(fate, InstanceFate) else fate.name


def _most(pixels: dict[int, int]) -> tuple[int, int]:
    """The segment with most pixels, and how many."""
    return max(pixels.items(), key=lambda one: (one[1], -one[0]))
