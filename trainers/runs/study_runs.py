"""The finished runs of a study, as the results page reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rsp_lab.analysis.scenes.answers import RegionAnswer, accuracy, region_iou
from rsp_lab.data.scenes.difficulty import DEFAULT
from trainers.config.recipes import STUDY
from trainers.runs.records import read_records
from trainers.runs.relation_facts import RelationFacts

NAMES = {
    "baseline": "Baseline",
    "baseline_q67": "Baseline + Q6, Q7",
    "rsp2": "RSP-2",
    "rsp4": "RSP-4",
    "rsp4_none": "RSP-4 without softmax",
    "rsp4_slow": "RSP-4, relations at 0.3 of the rate",
    "rsp4_fast": "RSP-4, relations at 3 times the rate",
    "self2": "+ SELF x2",
    "context2": "+ CONTEXT x2",
}

MAKE_NAMES = {
    "lite0_baseline": "Baseline + Q6, Q7",
    "lite0_rsp4": "RSP-4",
    "smp_fpn": "smp FPN",
    "smp_upernet": "smp UPerNet",
    "smp_segformer": "smp Segformer",
    "smp_deeplabv3plus": "smp DeepLabV3+",
}
"""Decoders on EfficientNet-lite0, by the recipe without the data set's name."""
HEAD_NAMES = NAMES | MAKE_NAMES


@dataclass(frozen=True)
class StudyRun:
    """One finished run of a study.

    Attributes:
        head: a key of :data:`HEAD_NAMES`.
        seed: of weights, data order and augmentation.
        miou: over the val scenes, from 0 to 1.
        images: how many val scenes.
        updates: done.
        parameters: of the whole network.
        answers: about the ambiguous regions of the sweep.
        relations: what each relation does.
    """

    head: str
    seed: int
    miou: float
    images: int
    updates: int
    parameters: int
    answers: tuple[RegionAnswer, ...]
    relations: tuple[RelationFacts, ...] = ()

    def score(
        self, case: str | None = None, distance: int | None = None, difficulty: str = DEFAULT.describe()
    ) -> float:
        """Share of regions for which the right reading is preferred; of all cases and distances by default."""
        return accuracy(self._asked(case, distance, difficulty))

    def region_iou(
        self, case: str | None = None, distance: int | None = None, difficulty: str = DEFAULT.describe()
    ) -> float:
        """IoU within the regions, as of :func:`rsp_lab.analysis.scenes.answers.region_iou`."""
        return region_iou(self._asked(case, distance, difficulty))

    @property
    def difficulties(self) -> tuple[str, ...]:
        """In words, the default first."""
        return tuple(dict.fromkeys(answer.difficulty for answer in self.answers))

    def _asked(self, case: str | None, distance: int | None, difficulty: str) -> list[RegionAnswer]:
        return [
            answer
            for answer in self.answers
            if case in (None, answer.case) and distance in (None, answer.distance) and difficulty == answer.difficulty
        ]


def read_study(root: Path) -> list[StudyRun]:
    """The finished runs of a study, from their folders or records, by head in the order of the page, then by seed.

    Raises:
        ValueError: if there is none.
    """
    runs = _asked(root, "study_", tuple(STUDY))
    if not runs:
        raise ValueError(f"{root}: holds no finished run of a study. Train one: python -m trainers study -o {root}.")
    return runs


def read_makes(root: Path) -> list[StudyRun]:
    """The finished runs on drawn scenes of decoders of several makes, as :func:`read_study` gives those of a study.

    Raises:
        ValueError: if there is none.
    """
    runs = _asked(root, "scenes_", tuple(MAKE_NAMES))
    if not runs:
        raise ValueError(
            f"{root}: holds no finished run of a decoder on drawn scenes. Train some: python -m trainers repeat "
            f"scenes_lite0_rsp4 scenes_smp_fpn -o {root}."
        )
    return runs


def _asked(root: Path, prefix: str, heads: Sequence[str]) -> list[StudyRun]:
    """Finished runs of recipes PREFIX + HEAD that were asked about regions, by head, then by seed."""
    runs = []
    for record in read_records(root):
        head = record.header["recipe"].removeprefix(prefix)
        if record.findings is not None and head in heads:
            scores, updates = record.header["validation"], record.header["budget"]["updates_done"]
            found, sizes = record.findings, (scores["images"], updates, record.parameters)
            runs.append(StudyRun(head, record.header["seed"], scores["miou"], *sizes, found.answers, found.relations))
    return sorted(runs, key=lambda run: (heads.index(run.head), run.seed))


def distances_of(runs: Sequence[StudyRun]) -> tuple[int, ...]:
    """Distances of the cue over which the runs were asked, in pixels, rising."""
    return tuple(sorted({answer.distance for answer in runs[0].answers if answer.difficulty == DEFAULT.describe()}))
