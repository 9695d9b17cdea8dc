"""What another semantic map changes in panoptic quality, the detections being the same: segment by segment, and why.

The same detections are merged with two semantic maps. Instances are placed first and do not look at the map, so that
things are the same, pixel for pixel; what changes is stuff. Of each image and each kind of stuff the counts are
hotcoco's, and the change of a category's PQ, the ratio of two sums, is shared out among the images exactly: a change
of the summed IoU counts by the mean of both denominators' inverses, a change of the denominator by the mean of both
sums of IoU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Int32
from torch import Tensor

from rsp_lab.analysis.ledger.explainable import check_finite_logits, explainable_input
from rsp_lab.analysis.panoptic.merge import Merged, merge
from rsp_lab.analysis.panoptic.quality import CategoryQuality, GroupQuality, Quality, quality_of
from rsp_lab.analysis.panoptic.segmentation import panoptic
from rsp_lab.analysis.passes.pair import pair_names
from rsp_lab.data.panoptic.categories import VOID, Category, PanopticTable
from rsp_lab.data.panoptic.samples import PanopticSamples
from rsp_lab.data.panoptic.segments import SegmentMap
from rsp_lab.models.load_any import check_panoptic
from rsp_lab.models.panoptic.segmenter import PanopticSegmenter
from rsp_lab.models.segmenter import labels_from_logits
from rsp_lab.relations.precision import full_precision
from rsp_lab.summary import Rows, Summarised
from rsp_lab.text import fixed, percent, plain_table, points, rounded, signed_fixed

Kind = Literal["won", "lost", "better", "worse", "false gone", "false new", "false on either"]
KINDS: dict[Kind, str] = {
    "won": "a true segment is matched by the second map alone",
    "lost": "a true segment is matched by the first map alone",
    "better": "matched by both, with a greater IoU by the second map",
    "worse": "matched by both, with a smaller IoU by the second map",
    "false gone": "a segment that matches nothing is there by the first map alone",
    "false new": "a segment that matches nothing is there by the second map alone",
    "false on either": "segments that match nothing are there by both maps, in other numbers",
}
"""What may become of a kind of stuff in an image, and what that means."""
RULE = (
    "detections of the first model merged with either semantic map; the effect of a segment is its exact share in the "
    "change of its category's PQ: change of the summed IoU times the mean of the inverse denominators before and "
    "after, less change of the denominator times the mean of the summed IoU before and after over both denominators"
)


@dataclass(frozen=True)
class Side:
    """A kind of stuff in one image by one semantic map.

    Attributes:
        quality: counts of this image alone.
        called: pixels that the map calls so.
        left: of these, those that no instance took.
        bound: pixels below which a kind of stuff is dropped.
        kept: whether it is a segment after the merge.
    """

    quality: CategoryQuality
    called: int
    left: int
    bound: int
    kept: bool

    @property
    def denominator(self) -> float:
        """What it adds to the denominator of PQ: TP + FP / 2 + FN / 2."""
        return self.quality.tp + (self.quality.fp + self.quality.fn) / 2

    def words(self) -> str:
        """What became of it, in a few words."""
        if self.quality.tp:
            return f"matched, IoU {fixed(self.quality.sq)}"
        if not self.called:
            return "no pixel is called so"
        if not self.kept:
            return f"{self.left:,} px are left, below the bound of {self.bound:,}"
        if self.quality.fn:
            return f"a segment of {self.left:,} px with too small an IoU"
        return f"a segment of {self.left:,} px that matches nothing"


@dataclass(frozen=True)
class Cause:
    """The largest group of pixels that one map gets wrong after the merge and the other one does not.

    Attributes:
        pixels: how many, void of the truth left out.
        inside: whether they are of the true segment and taken for something else; or of something else and taken for
            this kind of stuff.
        name: of what they are taken for, or are in truth.
        now: whether the second map gets them wrong, or the first one did.
    """

    pixels: int
    inside: bool
    name: str
    now: bool

    def words(self, category: str) -> str:
        """E.g. ``"310 px of sidewalk were taken for road"``."""
        true, taken = (category, self.name) if self.inside else (self.name, category)
        return f"{self.pixels:,} px of {true} {'are' if self.now else 'were'} taken for {taken}"


@dataclass(frozen=True)
class SegmentEffect:
    """What the other map changes in one kind of stuff in one image.

    Attributes:
        image: its name.
        category: of stuff.
        truth: pixels of the true segment, 0 where there is none.
        kind: see :data:`KINDS`.
        before, after: by the first and by the second map.
        effect: its share in the change of the category's PQ.
        cause: of a loss what the second map gets wrong, of a gain what the first one got wrong; None where that is no
            pixel.
    """

    image: str
    category: Category
    truth: int
    kind: Kind
    before: Side
    after: Side
    effect: float
    cause: Cause | None

    def sentence(self) -> str:
        """E.g. ``"fence in scene-7: 310 px are left, below the bound of 437 -> matched, IoU 0.71 (+0.40 points)"``."""
        words = f"{self.category.name} in {self.image}: {self.before.words()} -> {self.after.words()}"
        because = f"; {self.cause.words(self.category.name)}" if self.cause is not None else ""
        return f"{words}{because} ({signed_fixed(100 * self.effect)} points)"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {
            "image": self.image,
            "category": self.category.name,
            "truth": self.truth,
            "kind": self.kind,
            "effect": self.effect,
            "cause": None if self.cause is None else vars(self.cause),
            "sentence": self.sentence(),
            **{
                name: {"iou": s.quality.iou, "tp": s.quality.tp, "fp": s.quality.fp, "fn": s.quality.fn}
                | {"called": s.called, "left": s.left, "kept": s.kept}
                for name, s in (("before", self.before), ("after", self.after))
            },
        }


@dataclass(frozen=True, eq=False, repr=False)
class SemanticEffect(Summarised):
    """What the semantic map of a second model changes in the panoptic quality of a first one, over a data set.

    Attributes:
        names: of the two models.
        before: quality of the first model.
        after: quality of its detections with the second model's map.
        effects: kinds of stuff that changed, image by image; the greatest effect first, whatever its sign.
    """

    names: tuple[str, str]
    before: Quality
    after: Quality
    effects: tuple[SegmentEffect, ...]

    @property
    def by_class(self) -> dict[str, float]:
        """Change of PQ by category, as a share of 1; categories that occur in neither are left out."""
        pairs = zip(self.before.by_category, self.after.by_category, strict=True)
        return {one.category.name: two.pq - one.pq for one, two in pairs if one.occurs or two.occurs}

    @property
    def by_kind(self) -> dict[Kind, tuple[int, float]]:
        """How many segments changed in each way, and their effects on the PQ of their categories, summed up."""
        found: dict[Kind, list[float]] = {kind: [] for kind in KINDS}
        for one in self.effects:
            found[one.kind].append(one.effect)
        return {kind: (len(values), sum(values)) for kind, values in found.items() if values}

    @property
    def changes(self) -> dict[str, float | None]:
        """Change of PQ of all categories, of things and of stuff; None where either has none."""
        found: dict[str, float | None] = {}
        for name in ("all", "things", "stuff"):
            one, two = (getattr(quality, name).pq for quality in (self.before, self.after))
            found[name] = None if one is None or two is None else two - one
        return found

    @property
    def residual(self) -> float:
        """How far, at most, the effects of a category are from adding up to the change of its PQ."""
        sums = dict.fromkeys(self.by_class, 0.0)
        for one in self.effects:
            sums[one.category.name] += one.effect
        return max((abs(sums[name] - change) for name, change in self.by_class.items()), default=0.0)

    def sentence(self) -> str:
        """How much PQ changes, and by what."""
        parts = ", ".join(f"{points(change)} of {name}" for name, change in self.changes.items())
        kinds = ", ".join(f"{count} {kind}" for kind, (count, _) in self.by_kind.items()) or "no segment changes"
        return (
            f"The detections of {self.names[0]} with the semantic map of {self.names[1]}: PQ changes by {parts} "
            f"(percentage points); {kinds}."
        )

    def table(self, most: int = 20) -> str:
        """Changes by category, then the greatest effects, as lines of text."""
        rows: list[Sequence[str]] = [("", "PQ before", "PQ after", "change")]
        groups: list[tuple[str, GroupQuality | CategoryQuality, GroupQuality | CategoryQuality]] = [
            (name, getattr(self.before, name), getattr(self.after, name)) for name in ("all", "things", "stuff")
        ]
        pairs = zip(self.before.by_category, self.after.by_category, strict=True)
        groups += [(one.category.name, one, two) for one, two in pairs if one.category.name in self.by_class]
        for name, one, two in groups:
            change = None if one.pq is None or two.pq is None else two.pq - one.pq
            rows.append((name, percent(one.pq, 1, unit=False), percent(two.pq, 1, unit=False), points(change)))
        lines = [one.sentence() for one in self.effects[:most]]
        return "\n".join([self.sentence(), "", plain_table(rows), "", *lines])

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data, rounded to 6 digits."""
        found = {
            "models": list(self.names),
            "sentence": self.sentence(),
            "rule": RULE,
            "before": self.before.to_dict(),
            "after": self.after.to_dict(),
            "change": self.changes,
            "by_class": self.by_class,
            "by_kind": {kind: {"segments": n, "effect": effect} for kind, (n, effect) in self.by_kind.items()},
            "residual": self.residual,
            "segments": [one.to_dict() for one in self.effects],
        }
        return {name: rounded(value) if name != "residual" else value for name, value in found.items()}

    def _summary(self) -> tuple[str, Rows]:
        title = f"effect of the semantic map of {self.names[1]} on {self.names[0]}"
        changes: list[tuple[str, str]] = [(name, f"PQ {points(change)}") for name, change in self.changes.items()]
        return title, changes + [(one.kind, one.sentence()) for one in self.effects]


def semantic_effect(
    first: PanopticSegmenter,
    second: PanopticSegmenter,
    samples: PanopticSamples,
    report: Callable[[int, int], None] | None = None,
) -> SemanticEffect:
    """What the semantic map of ``second`` changes in the panoptic quality of ``first`` on a data set.

    Args:
        first: whose detections are merged with both maps.
        second: of which the semantic branch alone is asked; of the same categories.
        samples: with their true segmentations.
        report: takes how many images are done, and of how many.

    Raises:
        ValueError: for models that find no segments, have other categories, or are what
            :func:`~rsp_lab.analysis.panoptic.segmentation.panoptic` refuses.
        ImportError: without hotcoco; the message says what to install.
    """
    for model in (first, second):
        check_panoptic(model)
    known = [(model.config.things, model.config.stuff) for model in (first, second)]
    if known[0] != known[1]:
        raise ValueError(
            f"{first.name} and {second.name} have other categories: give two models that were trained on one table."
        )

    def images() -> Iterable[tuple[str, SegmentMap, Merged, Merged]]:
        for index in range(len(samples)):
            sample = samples[index]
            seen = panoptic(first, sample.image)
            image = explainable_input(second.semantic, sample.image)
            with full_precision(image.device):
                logits = second.semantic.coarse_logits(image)
            check_finite_logits(logits, second.name)
            labels = labels_from_logits(logits, seen.image_size).cpu()
            one = seen.merged
            yield sample.name, samples.segment_map(index), one, merge(labels, one.detections, one.table, one.rule)
            if report is not None:
                report(index + 1, len(samples))

    return effect_of_maps(images(), pair_names(first.semantic, second.semantic))


def effect_of_maps(
    images: Iterable[tuple[str, SegmentMap, Merged, Merged]],
    names: tuple[str, str] = ("the first", "the second"),
) -> SemanticEffect:
    """The same of merged maps at hand.

    Args:
        images: name, true segmentation, and the same detections merged with the first and with the second map.
        names: what sentences call the two models.

    Raises:
        ValueError: if there is no image, or the detections, tables or rules of an image's two merges differ.
        ImportError: without hotcoco; the message says what to install.
    """
    qualities: tuple[list[Quality], list[Quality]] = ([], [])
    found: list[tuple[str, Category, int, Side, Side, Cause | None]] = []
    for name, truth, one, two in images:
        if one.detections is not two.detections or one.table != two.table or one.rule != two.rule:
            raise ValueError(f"{name}: both merges must have the same detections, table and rule; merge them anew.")
        for merged, own in zip((one, two), qualities, strict=True):
            own.append(quality_of([(truth, merged.map)], merged.table))
        found += [(name, *change) for change in _changed(truth, (one, two), (qualities[0][-1], qualities[1][-1]))]
    if not qualities[0]:
        raise ValueError("there is no image: give one at least.")
    before, after = Quality.joined(qualities[0]), Quality.joined(qualities[1])
    sums = {
        one.category.id: ((one.iou, _denominator(one)), (two.iou, _denominator(two)))
        for one, two in zip(before.by_category, after.by_category, strict=True)
    }
    effects = [
        SegmentEffect(name, category, pixels, _kind(a, b), a, b, _share(a, b, *sums[category.id]), cause)
        for name, category, pixels, a, b, cause in found
    ]
    return SemanticEffect(names, before, after, tuple(sorted(effects, key=lambda one: -abs(one.effect))))


def _changed(
    truth: SegmentMap, merges: tuple[Merged, Merged], qualities: tuple[Quality, Quality]
) -> list[tuple[Category, int, Side, Side, Cause | None]]:
    """Kinds of stuff whose counts are not the same by both maps."""
    changed = []
    true, first, second = (_categories(segments) for segments in (truth, merges[0].map, merges[1].map))
    for one, two in zip(qualities[0].by_category, qualities[1].by_category, strict=True):
        if (one.iou, one.tp, one.fp, one.fn) == (two.iou, two.tp, two.fp, two.fn):
            continue
        category = one.category
        before, after = (_side(merged, side) for merged, side in zip(merges, (one, two), strict=True))
        now = (after.quality.iou, -after.denominator) < (before.quality.iou, -before.denominator)
        given, other = (second, first) if now else (first, second)
        cause = _cause(category, true, given, other, merges[0].table, now)
        changed.append((category, int((true == category.id).sum()), before, after, cause))
    return changed


def _cause(
    category: Category, true: Tensor, given: Tensor, other: Tensor, table: PanopticTable, now: bool
) -> Cause | None:
    """The largest group of pixels that ``given`` alone gets wrong in what it says of a category; maps of categories."""
    inside, known = true == category.id, true != VOID
    wrong = known & (inside != (given == category.id)) & (inside == (other == category.id))
    names = {VOID: "void", **{one.id: one.name for one in table.categories}}
    groups = [
        Cause(count, where, names[number], now)
        for where, values in ((True, given[wrong & inside]), (False, true[wrong & ~inside]))
        for number, count in zip(*(part.tolist() for part in values.unique(return_counts=True)), strict=True)
    ]
    return max(groups, key=lambda group: group.pixels, default=None)


def _categories(segments: SegmentMap) -> Int32[Tensor, "y x"]:
    """The category id of each pixel, VOID where none."""
    numbers, places = segments.ids.unique(return_inverse=True)
    known = {segment.id: segment.category_id for segment in segments.segments}
    return torch.tensor([known.get(number, VOID) for number in numbers.tolist()], dtype=torch.int32)[places]


def _side(merged: Merged, quality: CategoryQuality) -> Side:
    label, bound = merged.table.semantic_class(quality.category.id), merged.rule.stuff_area
    fate = next((fate for fate in merged.stuff if fate.label == label), None)
    if fate is None:
        return Side(quality, 0, 0, bound, kept=False)
    return Side(quality, fate.area, fate.left, bound, fate.segment is not None)


def _denominator(quality: CategoryQuality) -> float:
    return quality.tp + (quality.fp + quality.fn) / 2


def _share(before: Side, after: Side, first: tuple[float, float], second: tuple[float, float]) -> float:
    """The share of one place in the change of iou / denominator; shares add up to it.

    Args:
        before, after: of the place.
        first, second: summed IoU and denominator over all places, before and after.
    """
    (iou, weight), (other_iou, other_weight) = first, second
    if not weight or not other_weight:  # the category occurs by one map alone, and its PQ is 0 by the other
        whole = other_iou / other_weight if other_weight else -iou / weight if weight else 0.0
        places = other_weight or weight
        return whole * (after.denominator if other_weight else before.denominator) / places
    inverses = (1 / weight + 1 / other_weight) / 2
    sums = (iou + other_iou) / 2
    gained = after.quality.iou - before.quality.iou
    return gained * inverses - (after.denominator - before.denominator) * sums / (weight * other_weight)


def _kind(before: Side, after: Side) -> Kind:
    if before.quality.tp != after.quality.tp:
        return "won" if after.quality.tp > before.quality.tp else "lost"
    if before.quality.tp and before.quality.iou != after.quality.iou:
        return "better" if after.quality.iou > before.quality.iou else "worse"
    if before.quality.fp and after.quality.fp:
        return "false on either"
    return "false new" if after.quality.fp > before.quality.fp else "false gone"
