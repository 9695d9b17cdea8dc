"""Where two models part, as stories: each region of one flip with both ledgers, and what tipped it.

A flip is a connected region in which the left model says one class and the right model another. Its target is the
right model's class over the left one's, so that the ledgers' difference is how far the two are apart, in logits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import groupby
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from rsp_lab.analysis.comparison.disagreement import Disagreement, disagreements
from rsp_lab.analysis.ledger.difference import LedgerDifference, ledger_difference
from rsp_lab.analysis.ledger.footprint import LevelTable
from rsp_lab.analysis.ledger.freeze import freeze
from rsp_lab.analysis.ledger.frozen_pass import FrozenPass
from rsp_lab.analysis.ledger.ledger import ContextLedger, context_ledger
from rsp_lab.analysis.passes.pair import check_comparable, pair_names
from rsp_lab.analysis.targets.target import RegionTarget
from rsp_lab.data.labels import checked_labels
from rsp_lab.models.segmenter import Segmenter, labels_from_logits, resize_logits
from rsp_lab.models.subject import Subject
from rsp_lab.rgb import ImageLike
from rsp_lab.summary import Rows, Summarised
from rsp_lab.text import percent, rounded, signed, significant

RANK_RULE = (
    "pixels times the mean of both models' margins, each the model's own class over the other model's, averaged over "
    "the region; in logits times pixels"
)
TIPPING_RULE = (
    "the entry with the largest difference, right minus left, towards the right model's class, among level x kind of "
    "source pixel and the bias; the region's own pixels are a kind of their own, as their labels differ by definition"
)
GROUP = ("left_class", "right_class", "level", "source")
LEAST = 30
"""Pixels of a region that is told; smaller ones are mostly boundary jitter."""
ITSELF = "the region itself"
BIAS = "the bias"
REST = "all other entries"


@dataclass(frozen=True)
class LedgerEntry(Summarised):
    """One entry of two ledgers, in logits: 0 for a level that a model lacks. The bias has no level.

    Attributes:
        level_name: what the level is called.
    """

    level: int | None
    source: str
    left: float
    right: float
    level_name: str = ""

    @property
    def difference(self) -> float:
        """Right minus left."""
        return self.right - self.left

    def describe(self) -> str:
        """Where it comes from, e.g. ``"bicycle cells on level 5"``."""
        place = self.source if self.source in (BIAS, ITSELF, REST) else f"{self.source} cells"
        return place if self.level is None else f"{place} on {self.level_name}"


@dataclass(frozen=True, eq=False)
class FlipStory(Summarised):
    """One region in which two models part, and what tipped it.

    Attributes:
        mask: (y, x) of the image's size.
        box: (top, left, bottom, right) in pixels, bottom and right exclusive.
        names: of the left and the right model.
        left_class, right_class: what each model calls the region.
        difference: ``a`` is the right model's ledger, ``b`` the left one's.
        tables: contributions of left and right by level and kind of source pixel; see :data:`TIPPING_RULE`.
        correct: share of the region's labelled pixels on which left and right are right; None without true labels.
    """

    mask: Bool[Tensor, "y x"]
    box: tuple[int, int, int, int]
    names: tuple[str, str]
    left_class: str
    right_class: str
    difference: LedgerDifference
    tables: tuple[LevelTable, LevelTable]
    correct: tuple[float, float] | None

    @property
    def left(self) -> ContextLedger:
        return self.difference.b

    @property
    def right(self) -> ContextLedger:
        return self.difference.a

    @property
    def pixels(self) -> int:
        return self.right.target.pixels

    @property
    def margins(self) -> tuple[float, float]:
        """Of left and right, each its own class over the other's, mean over the region, in logits."""
        return -self.left.total, self.right.total

    @property
    def score(self) -> float:
        """By :data:`RANK_RULE`."""
        return self.pixels * sum(self.margins) / 2

    @property
    def verdict(self) -> str | None:
        """``"better"`` or ``"worse"`` where the right model is right on more or fewer pixels, else ``"neither"``."""
        if self.correct is None:
            return None
        left, right = self.correct
        return "neither" if left == right else "better" if right > left else "worse"

    def entries(self) -> tuple[LedgerEntry, ...]:
        """All entries, the largest difference first; the differences add up to that of the logits."""
        return self._entries

    @cached_property
    def _entries(self) -> tuple[LedgerEntry, ...]:
        found = [LedgerEntry(None, BIAS, self.left.bias, self.right.bias)]
        for level in self.difference.levels:
            for source in self.tables[0].columns:
                left, right = (table[level, source] if level in table.levels else 0.0 for table in self.tables)
                found.append(LedgerEntry(level, source, left, right, self.difference.level_name(level)))
        return tuple(sorted(found, key=lambda entry: -entry.difference))

    def leading_entries(self, count: int = 3) -> tuple[LedgerEntry, ...]:
        """Up to ``count`` entries with the largest differences towards the right model's class, as many against it, and
        last the sum of all others; the differences add up to that of the logits."""
        entries = self.entries()
        towards = [entry for entry in entries[:count] if entry.difference > 0]
        against = [entry for entry in entries[-count:] if entry.difference < 0]
        others = [entry for entry in entries if entry not in towards and entry not in against]
        rest = LedgerEntry(None, REST, sum(entry.left for entry in others), sum(entry.right for entry in others))
        return (*towards, *against, rest)

    @property
    def tipping(self) -> LedgerEntry:
        """By :data:`TIPPING_RULE`."""
        return self.entries()[0]

    def sentence(self) -> str:
        """The story in words; every number is a ledger's."""
        first, *_, last = self.entries()
        left, right = self.names
        y, x = (round(place) for place in self.right.target.centre)
        words = (
            f"{right} says {self.right_class} around y {y}, x {x}, where {left} says {self.left_class} "
            f"({self.pixels:,} px). What tips it is {first.describe()}: {signed(first.right)} logits in {right}, "
            f"{signed(first.left)} in {left}. In all, {self.right_class} over {self.left_class} is "
            f"{signed(self.right.total)} against {signed(self.left.total)} logits."
        )
        if last.difference < 0 and -last.difference > first.difference:
            against = f"{signed(last.right)} in {right}, {signed(last.left)} in {left}"
            words += f" What speaks most against it is {last.describe()}: {against}."
        if self.correct is not None:
            ours, theirs = self.correct
            words += (
                f" {right} is correct on {percent(theirs, 0)} of the labelled pixels, {left} on {percent(ours, 0)}."
            )
        return words

    def _summary(self) -> tuple[str, Rows]:
        first, left, right = self.tipping, self.left.total, self.right.total
        return f"FlipStory: {self._title()}", [
            (
                "margins",
                f"{significant(self.margins[0])} in {self.names[0]}, {significant(self.margins[1])} in {self.names[1]}",
            ),
            (f"{self.right_class} over {self.left_class}", f"{signed(left)} (left), {signed(right)} (right)"),
            ("tipped by", f"{first.describe()}, {signed(first.left)} (left), {signed(first.right)} (right)"),
            ("box", self.box),
            ("right model is", self.verdict or "without true labels"),
        ]

    def _title(self) -> str:
        y, x = (round(place) for place in self.right.target.centre)
        return f"{self.left_class} or {self.right_class} around y {y}, x {x}, {self.pixels} pixels"

    def to_dict(self) -> dict[str, Any]:
        return {
            "sentence": self.sentence(),
            "box": list(self.box),
            "pixels": self.pixels,
            "classes": [self.left_class, self.right_class],
            "margins": rounded(self.margins),
            "score": rounded(self.score, 3),
            "tipping": asdict(self.tipping),
            "most_against": asdict(self.entries()[-1]),
            "correct": rounded(self.correct, 4),
            "verdict": self.verdict,
            "difference": self.difference.to_dict(),
            "residual": max(self.left.residual, self.right.residual),
        }


@dataclass(frozen=True, eq=False)
class FlipStories(Summarised):
    """The strongest flips of an image, by :data:`RANK_RULE`.

    Attributes:
        names: of the left and the right model.
        stories: strongest first.
        regions: how many regions were ranked.
        source_rule: whose labels name the source pixels.
    """

    names: tuple[str, str]
    stories: tuple[FlipStory, ...]
    regions: int
    source_rule: str

    def better(self) -> FlipStories:
        """Only the stories in which the right model is right on more pixels; none without true labels."""
        return replace(self, stories=tuple(story for story in self.stories if story.verdict == "better"))

    def worse(self) -> FlipStories:
        """Only the stories in which the right model is right on fewer pixels; none without true labels."""
        return replace(self, stories=tuple(story for story in self.stories if story.verdict == "worse"))

    def groups(self) -> Counter[tuple[str, str, int | None, str]]:
        """How many stories have the same left class, right class, tipping level (None: the bias) and source."""
        return Counter((s.left_class, s.right_class, s.tipping.level, s.tipping.source) for s in self.stories)

    def level_name(self, level: int) -> str:
        """What a level is called in both models."""
        return self.stories[0].difference.level_name(level)

    def _summary(self) -> tuple[str, Rows]:
        title = f"FlipStories: {len(self.stories)} of {self.regions} regions, {self.names[0]} against {self.names[1]}"
        return title, [
            (f"{place}", f"{story._title()}, tipped by {story.tipping.describe()}")
            for place, story in enumerate(self.stories, 1)
        ]

    def to_dict(self) -> dict[str, Any]:
        return {
            "models": list(self.names),
            "unit": "logits",
            "rank_rule": RANK_RULE,
            "tipping_rule": TIPPING_RULE,
            "sources": self.source_rule,
            "regions": self.regions,
            "stories": [story.to_dict() for story in self.stories],
            "groups": [{**dict(zip(GROUP, key, strict=True)), "count": n} for key, n in self.groups().most_common()],
        }


def flip_stories(
    left: Segmenter | Subject | FrozenPass,
    right: Segmenter | Subject | FrozenPass,
    image: ImageLike,
    *,
    count: int = 10,
    least: int = LEAST,
    labels: Tensor | None = None,
    report: Callable[[float], None] | None = None,
) -> FlipStories:
    """The strongest flips between two models on an image; none at all where they agree.

    Args:
        left, right: models or subjects, or frozen passes of them on this image, which saves their forward passes.
        image: RGB, uint8 or float in [0, 1]; see :mod:`rsp_lab.rgb`.
        count: stories at the most.
        least: smaller regions, in pixels, are left out: they are mostly boundary jitter.
        labels: true train ids (y, x), 255 where nothing is known: they say who is right, and name the source pixels.
            Without them each model's own prediction names its sources.
        report: called with the share of the stories told so far, 0 to 1; what it raises ends the work.

    Raises:
        ValueError: for models of different classes, heads of another image, a negative count, or labels that
            :func:`~rsp_lab.data.labels.checked_labels` refuses.
        LedgerError: if a ledger does not add up.
    """
    if count < 0:
        raise ValueError(f"count must be 0 or more, got {count}.")
    check_comparable(left, right)
    names = pair_names(left, right)
    heads = [freeze(side, image) for side in (left, right)]
    size = heads[0].image_size
    truth = None if labels is None else checked_labels(labels, heads[0].class_names, size)
    says = [labels_from_logits(head.logits, size).cpu() for head in heads]
    found = [flip for _, flip in ranked_flips(heads, says, least)]
    sources, rule = (says, "each model's own prediction") if truth is None else ([truth, truth], "true labels")
    stories = []
    for place, flip in enumerate(found[:count]):
        if report is not None:
            report(place / min(count, len(found)))
        stories.append(flip_story(flip, heads, sources, truth, names))
    return FlipStories(names, tuple(stories), len(found), rule)


def ranked_flips(
    heads: Sequence[FrozenPass], says: Sequence[Tensor], least: int = LEAST
) -> list[tuple[float, Disagreement]]:
    """All regions of ``least`` pixels or more with their score by :data:`RANK_RULE`, strongest first, without ledgers.

    Args:
        heads: frozen passes of the left and the right model on one image.
        says: their labels (y, x) at the image's size.
        least: pixels.
    """
    classes = heads[0].class_names
    left, right = (labels.numpy() for labels in says)
    scores: list[tuple[float, Disagreement]] = []
    by_pair = groupby(
        sorted(disagreements(left, right, classes, most=None, min_area=max(least, 1)), key=_pair), key=_pair
    )
    for pair, flips in by_pair:
        places = [classes.index(name) for name in pair]
        ours, theirs = (resize_logits(h.logits[:, places], h.image_size)[0].double().cpu() for h in heads)
        gap = ((ours[0] - ours[1]) + (theirs[1] - theirs[0])).numpy()
        scores += [(float(gap[flip.region.slices][flip.region.inside].sum()) / 2, flip) for flip in flips]
    return sorted(scores, key=lambda scored: -scored[0])


def _pair(flip: Disagreement) -> tuple[str, str]:
    return flip.left, flip.right


def flip_story(
    flip: Disagreement,
    heads: Sequence[FrozenPass],
    sources: Sequence[Tensor],
    truth: Tensor | None,
    names: tuple[str, str],
) -> FlipStory:
    """What tipped one region, from both models' ledgers.

    Args:
        flip: where they part.
        heads: frozen passes of the left and the right model on the image.
        sources: for either, the labels (y, x) that name source pixels.
        truth: true train ids (y, x), 255 where unknown; None where nothing is known.
        names: of the models.

    Raises:
        ValueError: for labels that :func:`~rsp_lab.data.labels.checked_labels` refuses.
        LedgerError: if a ledger does not add up.
    """
    classes = heads[0].class_names
    truth = None if truth is None else checked_labels(truth, classes, heads[0].image_size)
    mask = flip.mask(heads[0].image_size)
    theirs, own = flip.left, flip.right
    ledgers = [
        context_ledger(head, head.image, RegionTarget(mask, own, theirs, name="the flipped region")) for head in heads
    ]
    tables = [
        ledger.by_class(ids.masked_fill(mask, len(classes)), (*classes, ITSELF))
        for ledger, ids in zip(ledgers, sources, strict=True)
    ]
    here = torch.empty(0) if truth is None else truth[mask & (truth < len(classes))]
    left, right = ((here == classes.index(name)).double().mean().item() for name in (theirs, own))
    correct = (left, right) if len(here) else None
    difference = ledger_difference(ledgers[1], ledgers[0])
    return FlipStory(mask, flip.box, names, theirs, own, difference, (tables[0], tables[1]), correct)
