"""What was expected of the study before its runs, with reasons, and what became of each expectation.

An expectation held if the 95 % interval of the difference lies wholly where it says, and failed if it lies wholly
elsewhere; otherwise it is undecided. Each is judged alone: of many true ones, a few fail by chance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rsp_lab.intervals import Claim, Estimate, Outcome
from rsp_lab.text import markdown_table
from trainers.runs.study_runs import HEAD_NAMES, StudyRun, distances_of

WITHIN = 0.02
"""How far from 0 a share may differ and still count as near."""
_NEAR_DECOYS, _MANY, _HIDDEN = "decoys 4, decoy_gap 0.6", "figures 4", "hidden 0.7"
_SMALL, _ALL = "region_share 0.2", "decoys 4, decoy_gap 0.6, figures 3, hidden 0.5, region_share 0.5"


def _at(difficulty: str) -> Callable[[StudyRun], float]:
    return lambda run: run.score(difficulty=difficulty)


MEASURES: dict[str, tuple[str, Callable[[StudyRun], float]]] = {
    "miou": ("mIoU", lambda run: run.miou),
    "region_iou": ("region IoU", lambda run: run.region_iou()),
    "accuracy": ("accuracy", lambda run: run.score()),
    "farthest": ("accuracy, farthest cue", lambda run: run.score(distance=distances_of([run])[-1])),
    "decoys": ("accuracy, 4 near decoys", _at(_NEAR_DECOYS)),
    "figures": ("accuracy, 4 figures", _at(_MANY)),
    "hidden": ("accuracy, cue 70 % hidden", _at(_HIDDEN)),
    "small": ("accuracy, a fifth of the region visible", _at(_SMALL)),
    "hardest": ("accuracy, all difficulties together", _at(_ALL)),
}
"""Measures of a run, each a share from 0 to 1: title, and how it is read off."""


@dataclass(frozen=True)
class StudyExpectation:
    """One claim about the difference of two heads, seed by seed.

    Attributes:
        first, second: heads; the second is subtracted.
        measure: a key of :data:`MEASURES`.
        claim: where the mean difference is expected; near is within :data:`WITHIN`.
        reason: why.
    """

    first: str
    second: str
    measure: str
    claim: Claim
    reason: str

    def sentence(self) -> str:
        """E.g. ``"RSP-2 above Baseline (accuracy)"``."""
        words = "within 2 points of" if self.claim == "near" else self.claim
        return f"{HEAD_NAMES[self.first]} {words} {HEAD_NAMES[self.second]} ({MEASURES[self.measure][0]})"

    def judged(self, runs: Sequence[StudyRun]) -> tuple[Estimate, Outcome]:
        """The mean difference over the seeds that both heads have, and what became of the claim."""
        found = difference(runs, self.first, self.second, self.measure)
        return found, found.outcome(self.claim, WITHIN)


_SOLVED = "at the default difficulty both can be trained to read all but the farthest cues"
_REACH = "the cue is farther than its levels reach without the levels above or a window to look through"
_SELECTS = "a sum takes what is nearest, a selection can leave decoys out: this is the paper's reason for selecting"
_PAPER = "so the paper has it in Table IV"
_NO_HELP = "what hides the cue hides it from either"
_ELSEWHERE = "the regions are under one percent of the pixels, and elsewhere a small network has enough near context"
_SINCE = (
    "The reason “under one percent of the pixels” stands as it was written; it is true of the regions of person / "
    "rider and car / bus, while those of road / pavement cover 6 to 9 %."
)

STUDY_EXPECTATIONS: tuple[StudyExpectation, ...] = (
    StudyExpectation("rsp4", "baseline_q67", "miou", "near", _ELSEWHERE),
    StudyExpectation("rsp4", "baseline_q67", "accuracy", "near", _SOLVED),
    StudyExpectation("rsp4", "baseline_q67", "farthest", "near", "in a trial, one seed each, both read 0.56 of 1"),
    StudyExpectation("rsp4", "baseline_q67", "decoys", "above", _SELECTS),
    StudyExpectation("rsp4", "baseline_q67", "figures", "above", _SELECTS),
    StudyExpectation("rsp4", "baseline_q67", "hidden", "near", _NO_HELP),
    StudyExpectation("rsp4", "baseline_q67", "small", "near", "the cue is whole, and the region says nothing anyway"),
    StudyExpectation("rsp4", "baseline_q67", "hardest", "above", _SELECTS),
    StudyExpectation("baseline_q67", "baseline", "accuracy", "above", _REACH),
    StudyExpectation("baseline_q67", "baseline", "farthest", "above", _REACH),
    StudyExpectation("rsp2", "baseline", "accuracy", "above", _REACH),
    StudyExpectation("rsp2", "baseline", "farthest", "above", _REACH),
    StudyExpectation("rsp2", "self2", "accuracy", "above", _PAPER),
    StudyExpectation("rsp2", "context2", "accuracy", "above", _PAPER),
    StudyExpectation("rsp2", "context2", "decoys", "above", _SELECTS),
    StudyExpectation("rsp4", "rsp2", "accuracy", "above", "it adds two levels and two selections, as in Table VI"),
)
"""Written before the runs whose results stand beside them."""

_SEEN_BEFORE = "on the tiny encoder five seeds told no difference"
_OWN_REACH = "neither looks beyond what the encoder's coarsest map has seen"
_POOLS = "it pools the coarsest map over the whole image, where FPN has the encoder's reach alone"
_DILATED = "its dilated convolutions and its pooled map look across the image"
_TAKES_ALL = "a pooled map takes every decoy in, a selection can leave some out"
_SKIPS = "it has one coarse map and one fine one, and thin things need the levels between"
_BOTH_SEE = "both look across the whole image"

MAKE_EXPECTATIONS: tuple[StudyExpectation, ...] = (
    StudyExpectation("lite0_rsp4", "lite0_baseline", "miou", "near", _ELSEWHERE),
    StudyExpectation("lite0_rsp4", "lite0_baseline", "accuracy", "near", _SEEN_BEFORE),
    StudyExpectation("lite0_rsp4", "lite0_baseline", "decoys", "near", _SEEN_BEFORE),
    StudyExpectation("lite0_rsp4", "smp_fpn", "accuracy", "above", "two levels more, and windows to look through"),
    StudyExpectation("lite0_rsp4", "smp_fpn", "miou", "near", _ELSEWHERE),
    StudyExpectation("lite0_rsp4", "smp_upernet", "accuracy", "near", _BOTH_SEE),
    StudyExpectation("lite0_rsp4", "smp_upernet", "decoys", "above", _TAKES_ALL),
    StudyExpectation("lite0_rsp4", "smp_deeplabv3plus", "accuracy", "near", _BOTH_SEE),
    StudyExpectation("smp_upernet", "smp_fpn", "accuracy", "above", _POOLS),
    StudyExpectation("smp_upernet", "smp_fpn", "farthest", "above", _POOLS),
    StudyExpectation("smp_deeplabv3plus", "smp_fpn", "farthest", "above", _DILATED),
    StudyExpectation("smp_deeplabv3plus", "smp_fpn", "miou", "below", _SKIPS),
    StudyExpectation("smp_segformer", "smp_fpn", "accuracy", "near", _OWN_REACH),
)
"""Of decoders of other makes, on one encoder; written before their runs."""

CAMVID_EXPECTATIONS: tuple[tuple[str, str, Claim, str], ...] = (
    ("camvid_smp_fpn", "camvid_lite0_baseline", "near", "both add up a pyramid, and the levels above add little here"),
    ("camvid_smp_upernet", "camvid_smp_fpn", "above", _POOLS),
    ("camvid_smp_segformer", "camvid_smp_fpn", "near", _OWN_REACH),
    ("camvid_smp_deeplabv3plus", "camvid_smp_fpn", "below", _SKIPS),
    (
        "camvid_smp_fpn",
        "camvid_lite0_rsp4",
        "above",
        "RSP-4 fell behind the sum on this budget in three seeds of three",
    ),
)
"""Of mIoU on CamVid, first minus second, with reasons; written before the runs of the recipes of smp."""


def difference(runs: Sequence[StudyRun], first: str, second: str, measure: str) -> Estimate:
    """Mean difference of a measure over the seeds that both heads have."""
    value = MEASURES[measure][1]
    others = {run.seed: run for run in runs if run.head == second}
    return Estimate.of(
        [value(run) - value(others[run.seed]) for run in runs if run.head == first and run.seed in others]
    )


def points(found: Estimate) -> str:
    """A difference of shares in percentage points with its interval, e.g. ``"+1.2 ± 0.4"``."""
    return Estimate(100 * found.mean, 100 * found.half_width, found.count).words(1, difference=True)


def expectations_section(
    runs: Sequence[StudyRun],
    expectations: Sequence[StudyExpectation] = STUDY_EXPECTATIONS,
    title: str = "What was expected, and what came",
) -> list[str]:
    """Every expectation that both heads were trained for, with what came."""
    rows = []
    for expectation in expectations:
        found, outcome = expectation.judged(runs)
        if found.count:
            rows.append([expectation.sentence(), expectation.reason, points(found), str(found.count), outcome])
    if not rows:
        return []
    return [
        f"### {title}",
        "",
        "Written before the runs. Mean difference within a seed in percentage points, with its 95 % interval by "
        "Student's t over seeds; an expectation held if the whole interval is where it was expected, failed if the "
        "whole interval is elsewhere.",
        "",
        *markdown_table(["expected", "because", "came", "seeds", "outcome"], rows),
        "",
        *([_SINCE, ""] if any(row[1] == _ELSEWHERE for row in rows) else []),
    ]
