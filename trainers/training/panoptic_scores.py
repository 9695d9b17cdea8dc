"""Scores of panoptic networks on a whole data set, from one pass over it, and their results as files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import torch
from torch import Tensor

from rsp_lab.analysis.metrics import confusion_matrix
from rsp_lab.analysis.panoptic.confusion import ConfusionMeter, PanopticConfusion
from rsp_lab.analysis.panoptic.precision import Precision, PrecisionMeter, result_entries
from rsp_lab.analysis.panoptic.quality import Quality, quality_of
from rsp_lab.analysis.panoptic.segmentation import PanopticPass, panoptic
from rsp_lab.data.labels import checked_labels
from rsp_lab.data.panoptic.entries import ImageEntry
from rsp_lab.data.panoptic.files import write_into
from rsp_lab.data.panoptic.samples import PanopticSamples
from rsp_lab.data.panoptic.segments import SegmentMap
from rsp_lab.data.sample import Sample
from rsp_lab.files import to_json, whole_folder
from rsp_lab.models.panoptic.segmenter import PanopticSegmenter
from rsp_lab.text import percent, rounded
from trainers.training import distributed
from trainers.training.evaluate import Evaluation

PANOPTIC_FILE, INSTANCES_FILE = "panoptic.json", "instances.json"
"""Results of a split: segments, with their PNG files in a folder of that name, and detections."""


@dataclass(frozen=True, eq=False)
class PanopticEvaluation:
    """Scores of a whole data set.

    Attributes:
        semantic: of the semantic branch, things together as one class.
        quality: PQ, SQ and RQ of what both branches are merged into.
        precision: AP of the detections, before the merge.
        confusion: of categories after the merge, things and stuff.
    """

    semantic: Evaluation
    quality: Quality
    precision: Precision
    confusion: PanopticConfusion

    @property
    def score(self) -> float:
        """By which the best network is kept: the PQ of all categories; NaN if none occurs."""
        return float("nan") if self.quality.all.pq is None else self.quality.all.pq

    def headline(self) -> str:
        """PQ, mIoU and AP in percent."""
        values = (
            ("PQ", self.quality.all.pq),
            ("mIoU", rounded(self.semantic.miou)),
            ("box AP", self.precision.box["AP"]),
            ("mask AP", self.precision.mask["AP"]),
        )
        return ", ".join(f"{name} {percent(value, 2, unit=False)}" for name, value in values)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data, scores rounded to 6 digits: those of the semantic branch, and beside them the others."""
        return self.semantic.to_dict() | {
            "panoptic": rounded(self.quality.to_dict()),
            "precision": rounded(self.precision.to_dict()),
        }

    def details(self) -> dict[str, Any]:
        """The same with the confusion table."""
        return self.to_dict() | {"confusion": self.confusion.to_dict()}

    def table(self) -> str:
        """All scores as lines of text, in percent."""
        parts = (
            ("semantic branch: IoU", self.semantic.table()),
            ("panoptic quality", self.quality.table()),
            ("average precision of detections", self.precision.table()),
            ("pixels by category after the merge, in percent of each", self.confusion.table()),
        )
        return "\n\n".join(f"{title}\n{text}" for title, text in parts)


def evaluate_panoptic(model: PanopticSegmenter, samples: PanopticSamples) -> PanopticEvaluation:
    """The scores of a network on whole images, one at a time, merged by the standard rule of their data set.

    The network is in evaluation mode during the call and as before after it. The processes of a run share the images.

    Raises:
        ValueError: if a sample has no label, or one outside the classes.
        ImportError: without hotcoco; the message says what to install.
    """
    table, classes = samples.panoptic, model.class_names
    pixels = torch.zeros(len(classes), len(classes), dtype=torch.int64)
    precision, confusion = PrecisionMeter(table), ConfusionMeter(table)
    mine = range(distributed.rank(), len(samples), distributed.size())

    def maps() -> Iterator[tuple[SegmentMap, SegmentMap]]:
        for index, sample, found in passes(model, samples, mine):
            pixels.add_(confusion_matrix(found.merged.labels, _checked(sample, classes), len(classes)))
            truth = samples.segment_map(index)
            confusion.add(truth, found.merged.map)
            precision.add(samples.image_entry(index), samples.annotations(index), found.output.detections)
            yield truth, found.merged.map

    quality = quality_of(maps(), table)
    shares = distributed.gathered((pixels, quality, precision.state(), confusion.result()))
    counts, qualities, states, confusions = zip(*shares, strict=True)
    whole = Quality.joined(qualities)
    return PanopticEvaluation(
        Evaluation(classes, torch.stack(counts).sum(0), whole.images),
        whole,
        PrecisionMeter.joined(table, states).result(),
        PanopticConfusion.joined(confusions),
    )


def passes(
    model: PanopticSegmenter, samples: PanopticSamples, indices: Iterable[int]
) -> Iterator[tuple[int, Sample, PanopticPass]]:
    """A network's passes over images of a data set; it is as before after the last one."""
    was_training = model.training
    model.eval()
    try:
        for index in indices:
            sample = samples[index]
            with torch.inference_mode():
                found = panoptic(model, sample.image)
            yield index, sample, found
    finally:
        model.train(was_training)


def dump_panoptic(
    model: PanopticSegmenter, samples: PanopticSamples, out: Path, protect: Iterable[Path] = ()
) -> tuple[int, int]:
    """Writes results as COCO's servers take them; returns how many images and detections there are.

    In ``out``: ``panoptic.json`` with the folder ``panoptic`` of PNG files, and ``instances.json``, the detections
    before the merge. The files appear when all of them are written.

    Args:
        protect: files of the data set, which are not replaced.

    Raises:
        FileError: if the folder cannot be written to, or a file of ``protect`` would be replaced.
        ImportError: without hotcoco; the message says what to install.
    """
    detections = 0

    def maps(file: TextIO) -> Iterator[tuple[ImageEntry, SegmentMap]]:
        nonlocal detections
        for index, _, found in passes(model, samples, range(len(samples))):
            entry = samples.image_entry(index)
            for one in result_entries(entry, found.output.detections, samples.panoptic):
                file.write(("," if detections else "") + "\n" + to_json(one, indent=None))
                detections += 1
            yield entry, found.merged.map

    with whole_folder(out, protect=protect) as folder, (folder / INSTANCES_FILE).open("w", encoding="utf-8") as file:
        file.write("[")
        images = write_into(folder / PANOPTIC_FILE, maps(file), samples.panoptic)
        file.write("\n]\n")
    return images, detections


def _checked(sample: Sample, classes: tuple[str, ...]) -> Tensor:
    if sample.label is None:
        raise ValueError(f"{sample.name}: has no label, and evaluation needs one.")
    return checked_labels(sample.label, classes, what=f"the labels of {sample.name}")
