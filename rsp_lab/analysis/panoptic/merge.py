"""A semantic map and detections merged into one panoptic segmentation, with a record of every pixel.

The heuristic is that of Panoptic FPN (https://arxiv.org/abs/1901.02446, section 3) and of the official script
(https://github.com/cocodataset/panopticapi): detections are placed best score first, each taking what is left of its
mask; one with a low score, or of which too much is taken already, is dropped; stuff takes what no instance took, and
kinds of stuff with too few pixels left are dropped. Bounds are compared as there: a score *below*, a share taken
*above*, an area *below* drops a segment.

Two cases the heuristic leaves open: equal scores keep the order of the detections, and a detection with no pixel left
is dropped, since a segment without pixels is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Int, Int32, Int64
from torch import Tensor

from rsp_lab.analysis.panoptic.fates import InstanceFate, StuffFate, Why
from rsp_lab.data.labels import IGNORE_INDEX, checked_labels
from rsp_lab.data.panoptic.categories import COCO_PANOPTIC, THINGS, VOID, Category, PanopticTable
from rsp_lab.data.panoptic.segments import Segment, SegmentMap
from rsp_lab.models.panoptic.detections import Detections
from rsp_lab.summary import Rows, Summarised

_COCO_PIXELS = 480 * 640


@dataclass(frozen=True)
class MergeRule:
    """The three bounds of the merge.

    Attributes:
        score: a detection with a lower one is dropped.
        overlap: a detection is dropped if instances before it have taken more than this share of its mask.
        stuff_area: a kind of stuff with fewer pixels left is dropped.
    """

    score: float = 0.5
    overlap: float = 0.5
    stuff_area: int = 4096

    def __post_init__(self) -> None:
        if not (0 <= self.score <= 1 and 0 <= self.overlap <= 1 and self.stuff_area >= 0):
            raise ValueError(
                "score and overlap must lie between 0 and 1 and stuff_area must not be negative, got "
                f"{self.score:g}, {self.overlap:g} and {self.stuff_area}."
            )

    @classmethod
    def for_size(cls, y: int, x: int) -> MergeRule:
        """The published bounds; in pictures smaller than COCO's (480 x 640) the area bound shrinks with the area.

        437 px at 128 x 256: 4096 px would drop most of the stuff there.
        """
        standard = cls()
        return cls(stuff_area=round(standard.stuff_area * min(1.0, y * x / _COCO_PIXELS)))

    @classmethod
    def standard(cls, table: PanopticTable, size: tuple[int, int]) -> MergeRule:
        """The published bounds for COCO, whose pictures are of many sizes; :meth:`for_size` (y, x) for others."""
        return cls() if table is COCO_PANOPTIC else cls.for_size(*size)

    def to_dict(self) -> dict[str, Any]:
        """The bounds and what each of them does."""
        return {
            "score": self.score,
            "overlap": self.overlap,
            "stuff_area": self.stuff_area,
            "rule": "detections best score first; dropped if the score is below `score`, or if more than `overlap` of "
            "the mask is taken by instances before it, or if no pixel of it is left; then stuff on what is left, "
            "dropped if fewer than `stuff_area` pixels of it are left",
        }


@dataclass(frozen=True, eq=False)
class Merged(Summarised):
    """A panoptic segmentation and the record of how it came about.

    Attributes:
        map: the segmentation; instances have the ids 1, 2, ... in the order of their scores, then stuff by its class.
        table: its categories.
        rule: the bounds it was merged by.
        labels: int [y, x], the semantic map that went in.
        detections: the detections that went in.
        instances: each detection's fate, best score first.
        stuff: the fate of each class in the semantic map, things together among them, by class.
    """

    map: SegmentMap
    table: PanopticTable
    rule: MergeRule
    labels: Int[Tensor, "y x"]
    detections: Detections
    instances: tuple[InstanceFate, ...]
    stuff: tuple[StuffFate, ...]

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the image."""
        return self.map.ids.shape[0], self.map.ids.shape[1]

    @property
    def fates(self) -> tuple[InstanceFate | StuffFate, ...]:
        """Of all detections, then of all classes."""
        return (*self.instances, *self.stuff)

    def fate(self, segment: int) -> InstanceFate | StuffFate:
        """The record of a segment.

        Raises:
            KeyError: for an id that no segment has, void's among them.
        """
        return {fate.segment: fate for fate in self.fates if fate.segment is not None}[segment]

    def title(self, segment: int) -> str:
        """What a reader calls a segment: ``"car 87 %"``, ``"road"``, ``"void"``."""
        if segment == VOID:
            return "void"
        fate = self.fate(segment)
        return fate.title if isinstance(fate, InstanceFate) else fate.name

    @property
    def void(self) -> dict[str, int]:
        """Void pixels by what the semantic map calls them; they add up to the void area."""
        return {fate.name: fate.pixels[VOID] for fate in self.stuff if fate.pixels.get(VOID)}

    @property
    def unaccounted(self) -> int:
        """The largest number of pixels by which an account of the record misses what it must equal; 0 by construction.

        The accounts: the areas of all segments and void against the image; each segment's area in the map against its
        own record; each detection's and each class's pixels, by who has them in the end, against its mask and its
        semantic area.
        """
        y, x = self.size
        areas = self.map.areas
        own = {
            fate.segment: fate.kept if isinstance(fate, InstanceFate) else fate.left
            for fate in self.fates
            if fate.segment is not None
        }
        misses = [
            sum(areas.values()) + sum(self.void.values()) - y * x,
            sum(fate.area for fate in self.stuff) - y * x,
            *(areas.get(segment, 0) - own.get(segment, 0) for segment in areas.keys() | own.keys()),
            *(sum(fate.pixels.values()) - fate.area for fate in self.fates),
            *(int(mask.sum()) - fate.area for mask, fate in zip(self.detections.masks, self.instances, strict=True)),
        ]
        return max(map(abs, misses))

    def to_dict(self) -> dict[str, Any]:
        """The record, with the rule, the units and how many pixels it leaves unaccounted."""
        areas = self.map.areas
        return {
            "size": list(self.size),
            "table": self.table.name,
            "unit": "pixels of the image; scores and shares from 0 to 1",
            "merge": self.rule.to_dict(),
            "segments": [
                {"id": s.id, "category_id": s.category_id, "title": self.title(s.id), "area": areas[s.id]}
                for s in self.map.segments
            ],
            "instances": [fate.to_dict() for fate in self.instances],
            "stuff": [fate.to_dict() for fate in self.stuff],
            "void": {"area": sum(self.void.values()), "by_semantic_class": self.void},
            "unaccounted": self.unaccounted,
        }

    def _summary(self) -> tuple[str, Rows]:
        areas = self.map.areas
        rows = [(self.title(number), f"{area} px") for number, area in areas.items()]
        return f"{len(areas)} segments", [("void", f"{sum(self.void.values())} px"), *rows]


def merge(
    labels: Int[Tensor, "y x"], detections: Detections, table: PanopticTable, rule: MergeRule | None = None
) -> Merged:
    """Merge a semantic map and detections.

    Args:
        labels: integers [y, x], the semantic branch's arg-max at the image's size, things together 0 and stuff from 1;
            or a true label map, 255 where nothing is known.
        detections: of the same image.
        table: its categories; a detection's class is a place in its things.
        rule: the bounds; :meth:`MergeRule.standard` if None.

    Raises:
        ValueError: for labels that :func:`~rsp_lab.data.labels.checked_labels` refuses, another size than the masks'
            among them, or for a class that the table does not have.
    """
    y, x = detections.size
    labels = checked_labels(labels, len(table.stuff) + 1, (y, x), "the labels of the semantic map")
    if len(detections) and not 0 <= detections.classes.min() <= detections.classes.max() < len(table.things):
        raise ValueError(
            f"detections have classes {sorted(set(detections.classes.tolist()))}; {table.name!r} has "
            f"{len(table.things)} things, from 0. Name the table that fits the model."
        )
    rule = rule or MergeRule.standard(table, (y, x))
    ids = torch.full((y, x), VOID, dtype=torch.int32)
    placed = _place_things(ids, detections, rule)
    things = [Segment(one.segment, table.things[one.place].id) for one in placed if one.segment is not None]
    kept = _place_stuff(ids, labels, table, rule, len(things))
    stuff = [Segment(number, table.stuff[label - 1].id) for label, number in kept.items()]

    masks = detections.masks.cpu()
    instances = [
        _instance_fate(number, one, table.things[one.place], _by_segment(ids, masks[number]))
        for number, one in enumerate(placed)
    ]
    fates = [
        _stuff_fate(label, table, _by_segment(ids, labels == label), kept.get(label))
        for label in labels.unique().tolist()
    ]
    return Merged(SegmentMap(ids, (*things, *stuff)), table, rule, labels, detections, tuple(instances), tuple(fates))


class _Placed(NamedTuple):
    """What became of a detection: class, score, share of its mask that was taken, segment, or why it has none."""

    place: int
    score: float
    taken: float | None
    segment: int | None
    why: Why | None


def _place_things(ids: Int32[Tensor, "y x"], detections: Detections, rule: MergeRule) -> list[_Placed]:
    """Writes the segments of things into ``ids``, best score first, each on the pixels that are free."""
    placed: list[_Placed] = []
    segment = 0
    columns = detections.scores.tolist(), detections.classes.tolist(), detections.masks.cpu()
    for score, place, mask in zip(*columns, strict=True):
        area, free = int(mask.sum()), mask & (ids == VOID)
        left = int(free.sum())
        if score < rule.score:
            placed.append(_Placed(place, score, None, None, "score"))
            continue
        taken = (area - left) / area if area else None
        if taken is not None and taken > rule.overlap:
            placed.append(_Placed(place, score, taken, None, "overlap"))
        elif not left:
            placed.append(_Placed(place, score, taken, None, "empty"))
        else:
            segment += 1
            ids[free] = segment
            placed.append(_Placed(place, score, taken, segment, None))
    return placed


def _place_stuff(
    ids: Int32[Tensor, "y x"], labels: Int64[Tensor, "y x"], table: PanopticTable, rule: MergeRule, things: int
) -> dict[int, int]:
    """Writes the segments of stuff into what ``things`` segments leave free; segments by their label."""
    free = ids == VOID
    areas = torch.bincount(labels[free], minlength=IGNORE_INDEX + 1).tolist()
    kept: dict[int, int] = {}
    for label in range(1, len(table.stuff) + 1):
        if areas[label] and areas[label] >= rule.stuff_area:
            kept[label] = things + len(kept) + 1
            ids[(labels == label) & free] = kept[label]
    return kept


def _instance_fate(number: int, placed: _Placed, category: Category, owners: dict[int, int]) -> InstanceFate:
    return InstanceFate(
        number + 1,
        category.name,
        category.id,
        placed.score,
        sum(owners.values()),
        placed.taken,
        owners,
        placed.segment,
        placed.why,
    )


def _stuff_fate(label: int, table: PanopticTable, owners: dict[int, int], segment: int | None) -> StuffFate:
    names = {0: (THINGS, None), IGNORE_INDEX: ("unknown", None)}
    name, category_id = names.get(label) or (table.stuff[label - 1].name, table.stuff[label - 1].id)
    return StuffFate(label, name, category_id, sum(owners.values()), owners, segment)


def _by_segment(ids: Tensor, mask: Tensor) -> dict[int, int]:
    """Pixels of a mask by the segment that has them, most first."""
    numbers, counts = ids[mask].unique(return_counts=True)
    pairs = zip(numbers.tolist(), counts.tolist(), strict=True)
    return dict(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))
