"""Panoptic quality (https://arxiv.org/abs/1801.00868, section 4) of predictions in COCO's layout.

Segments of truth and prediction match if they have one category and an intersection over union above 0.5; void of the
truth leaves the union. TP are matches, FP predicted segments and FN true ones without a match; a predicted segment
that lies mostly on void or on a crowd of its category is no FP, and crowds match nothing. hotcoco counts; what follows
from the counts is worked out here.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from rsp_lab.data.panoptic.categories import Category, PanopticTable
from rsp_lab.data.panoptic.entries import ImageEntry
from rsp_lab.data.panoptic.files import PanopticFile, write_into
from rsp_lab.data.panoptic.segments import SegmentMap
from rsp_lab.data.paths import name_list
from rsp_lab.files import AnyPath, FileError, readable_name
from rsp_lab.summary import Rows, Summarised
from rsp_lab.text import percent, plain_table

RULE = (
    "a match: one category and an IoU above 0.5, void of the truth left out of the union; sq: mean IoU of the matches; "
    "rq: tp / (tp + fp / 2 + fn / 2); pq: sq * rq; of a group: means over its categories that occur, sums of counts"
)


@dataclass(frozen=True)
class CategoryQuality:
    """The quality of one category.

    Attributes:
        category: whose.
        iou: of its matches, summed up.
        tp, fp, fn: segments.
    """

    category: Category
    iou: float
    tp: int
    fp: int
    fn: int

    @property
    def occurs(self) -> bool:
        """Whether there is anything to score; the qualities are 0 where not, as in the official code."""
        return self.tp + self.fp + self.fn > 0

    @property
    def sq(self) -> float:
        """Segmentation quality: mean intersection over union of the matches, 0 without a match."""
        return self.iou / self.tp if self.tp else 0.0

    @property
    def rq(self) -> float:
        """Recognition quality: the F1 score of the segments."""
        return self.tp / (self.tp + (self.fp + self.fn) / 2) if self.occurs else 0.0

    @property
    def pq(self) -> float:
        """Panoptic quality, the product of the two."""
        return self.iou / (self.tp + (self.fp + self.fn) / 2) if self.occurs else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data, not rounded."""
        numbers = {name: getattr(self, name) for name in ("pq", "sq", "rq", "tp", "fp", "fn", "iou")}
        return numbers | {"id": self.category.id, "isthing": self.category.is_thing}


@dataclass(frozen=True)
class GroupQuality:
    """The quality of several categories.

    Attributes:
        pq, sq, rq: means over the categories that occur; None where none does.
        tp, fp, fn: segments of all of them.
        categories: how many occur, in the truth or the prediction.
    """

    pq: float | None
    sq: float | None
    rq: float | None
    tp: int
    fp: int
    fn: int
    categories: int

    @classmethod
    def of(cls, scores: Iterable[CategoryQuality]) -> GroupQuality:
        """The group of these categories."""
        there = [score for score in scores if score.occurs]
        return cls(
            pq=_mean([score.pq for score in there]),
            sq=_mean([score.sq for score in there]),
            rq=_mean([score.rq for score in there]),
            tp=sum(score.tp for score in there),
            fp=sum(score.fp for score in there),
            fn=sum(score.fn for score in there),
            categories=len(there),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data, not rounded."""
        return dict(vars(self))


@dataclass(frozen=True, repr=False)
class Quality(Summarised):
    """The panoptic quality of predictions on a data set.

    Attributes:
        by_category: in the order of the table.
        images: how many were scored.
    """

    by_category: tuple[CategoryQuality, ...]
    images: int

    @classmethod
    def joined(cls, parts: Sequence[Quality]) -> Quality:
        """The quality on several sets of images together, of one table: counts add up."""
        scores = [
            CategoryQuality(
                columns[0].category,
                sum(one.iou for one in columns),
                *(sum(getattr(one, name) for one in columns) for name in ("tp", "fp", "fn")),
            )
            for columns in zip(*(part.by_category for part in parts), strict=True)
        ]
        return cls(tuple(scores), sum(part.images for part in parts))

    @property
    def all(self) -> GroupQuality:
        """Of all categories."""
        return GroupQuality.of(self.by_category)

    @property
    def things(self) -> GroupQuality:
        """Of categories whose instances are told apart."""
        return GroupQuality.of(score for score in self.by_category if score.category.is_thing)

    @property
    def stuff(self) -> GroupQuality:
        """Of the others."""
        return GroupQuality.of(score for score in self.by_category if not score.category.is_thing)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data: ``all``, ``things``, ``stuff`` and ``by_class``, each with pq, sq, rq, tp, fp and fn."""
        return {
            **{name: getattr(self, name).to_dict() for name in ("all", "things", "stuff")},
            "by_class": {score.category.name: score.to_dict() for score in self.by_category},
            "images": self.images,
            "rule": RULE,
        }

    def table(self) -> str:
        """Groups and categories as lines of text, qualities in percent; a dash for what does not occur."""
        rows: list[tuple[str, ...]] = [("", "PQ", "SQ", "RQ", "TP", "FP", "FN")]
        rows += [_row(name, getattr(self, name)) for name in ("all", "things", "stuff")]
        rows += [_row(score.category.name, score, there=score.occurs) for score in self.by_category]
        return plain_table(rows)

    def _summary(self) -> tuple[str, Rows]:
        groups = [(name, getattr(self, name)) for name in ("all", "things", "stuff")]
        return f"panoptic quality on {self.images} images", [
            (name, f"PQ {percent(g.pq, 1)}, SQ {percent(g.sq, 1)}, RQ {percent(g.rq, 1)}, {g.categories} categories")
            for name, g in groups
        ]


def panoptic_quality(
    truth: AnyPath,
    prediction: AnyPath,
    *,
    truth_folder: AnyPath | None = None,
    prediction_folder: AnyPath | None = None,
    report: Callable[[int, int], None] | None = None,
) -> Quality:
    """The quality of a prediction in files of COCO's panoptic layout.

    Every file is read and checked before anything is scored, since a truth that does not fit its PNG files would be
    scored without a word. Predictions for images that the truth does not have count nowhere, as in the official code.

    Args:
        truth: JSON file, whose categories count.
        prediction: JSON file with an annotation of each image of the truth.
        truth_folder, prediction_folder: of their PNG files; by default their paths without the ending.
        report: takes how many images are checked, and of how many.

    Raises:
        FileError: if a file is missing or damaged, or the prediction lacks an image.
        ImageError: if a PNG file cannot be read, or does not fit its JSON file or its image.
        ImportError: without hotcoco; the message says what to install.
    """
    true = PanopticFile.read(truth, truth_folder, with_images=False)
    given = PanopticFile.read(prediction, prediction_folder, true.table, with_images=False)
    places = {int(number): place for place, number in enumerate(given.ids)}
    missing = [str(number) for number in true.ids if int(number) not in places]
    if missing:
        raise FileError(
            f"{readable_name(prediction)}: has no annotation for {len(missing)} image(s) of {readable_name(truth)}: "
            f"{name_list(missing)}. Predict every image, an image without segments too."
        )
    for index, number in enumerate(true.ids):
        one, other = true.segment_map(index), given.segment_map(places[int(number)])
        if one.ids.shape != other.ids.shape:
            raise FileError(
                f"image {number} has {one.ids.shape[0]} x {one.ids.shape[1]} pixels (rows x columns) in "
                f"{readable_name(truth)} and {other.ids.shape[0]} x {other.ids.shape[1]} in "
                f"{readable_name(prediction)}. Predict at the size of the truth."
            )
        if report is not None:
            report(index + 1, len(true))
    counts = _counts((true.path, true.folder), (given.path, given.folder))
    return _quality(counts, true.table, len(true))


def quality_of(images: Iterable[tuple[SegmentMap, SegmentMap]], table: PanopticTable) -> Quality:
    """The quality of predictions at hand.

    Args:
        images: the true segmentation of each image and the predicted one, of one size; taken one at a time.
        table: of their categories.

    Raises:
        ValueError: for two sizes, or an unknown category.
        ImportError: without hotcoco; the message says what to install.
    """
    found: Counts = {}
    count = 0
    with TemporaryDirectory() as name:
        for count, (truth, given) in enumerate(images, start=1):
            entry = ImageEntry(1, "image.png", (truth.ids.shape[0], truth.ids.shape[1]))
            files = []
            for what, segments in (("truth", truth), ("prediction", given)):
                files.append(Path(name, f"{what}-{count}.json"))
                write_into(files[-1], [(entry, segments)], table)
            for category, numbers in _counts((files[0], None), (files[1], None)).items():
                found[category] = found.get(category, 0) + numbers
            for file in files:
                shutil.rmtree(file.with_suffix(""))
    return _quality(found, table, count)


Counts = dict[int, np.ndarray]
"""Of each category by its id, float64 [4]: summed IoU of its matches, TP, FP and FN."""


def _counts(truth: tuple[Path, Path | None], prediction: tuple[Path, Path | None]) -> Counts:
    """What hotcoco counts of two JSON files with their folders; this is all that is asked of it."""
    try:
        from hotcoco.panoptic import PanopticEval
    except ImportError as error:
        raise ImportError("panoptic quality needs hotcoco: pip install hotcoco.") from error
    try:
        scores = PanopticEval(truth[0], prediction[0], gt_folder=truth[1], pred_folder=prediction[1])
        scores.evaluate()
        found = scores.results()["per_class"]
    except (OSError, RuntimeError, ValueError) as error:  # it is stricter than Pillow about damaged PNG files
        raise FileError(f"hotcoco: {' '.join(str(error).split())}. Copy or write that file again.") from None
    return {number: np.array([one[name] for name in ("iou", "tp", "fp", "fn")], float) for number, one in found.items()}


def _quality(counts: Counts, table: PanopticTable, images: int) -> Quality:
    scores = []
    for category in table.categories:
        iou, *segments = counts.get(category.id, np.zeros(4)).tolist()
        scores.append(CategoryQuality(category, iou, *map(int, segments)))
    return Quality(tuple(scores), images)


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _row(name: str, score: CategoryQuality | GroupQuality, there: bool = True) -> tuple[str, ...]:
    qualities = (percent(getattr(score, part) if there else None, 1, unit=False) for part in ("pq", "sq", "rq"))
    return (name, *qualities, *(str(getattr(score, part)) for part in ("tp", "fp", "fn")))
