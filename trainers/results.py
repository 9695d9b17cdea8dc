"""The results page: what a study's runs and the shipped weights say, beside what the paper prints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rsp_lab.analysis.planted import RegionAnswer, accuracy, region_iou
from rsp_lab.data.street.scene import CASES
from rsp_lab.figures.distance import DistanceCurve, draw_distance_curves
from rsp_lab.figures.style import save
from rsp_lab.models import weights
from trainers.checkpoint import BEST, write_atomic
from trainers.markdown import percent, spread, table
from trainers.printed import PRINTED
from trainers.recipes import STUDY, study
from trainers.study import findings_of
from trainers.why import RelationFacts, relation_section

FIGURE = "cue_distance.png"

NAMES = {
    "baseline": "Baseline",
    "baseline_q67": "Baseline + Q6, Q7",
    "rsp2": "RSP-2",
    "rsp4": "RSP-4",
    "self2": "+ SELF x2",
    "context2": "+ CONTEXT x2",
}
PAIRS = (("rsp4", "baseline_q67"), ("rsp2", "baseline"), ("rsp2", "self2"), ("rsp2", "context2"))
"""Heads that differ in one thing only, better one by the paper first."""

_BESIDE_THE_PAPER = (
    "The paper's column is mIoU on Cityscapes val; ours is mIoU on small planted scenes for heads of the same "
    "structure. The two are **not comparable in size**, only in order. What differs in ours: drawn scenes instead of "
    "Cityscapes, a tiny encoder from scratch instead of a pretrained ResNet, 64 channels instead of 128, minutes "
    "instead of days. The last column names the recipe of the paper's own run, which needs Cityscapes and GPUs and has "
    "not been run here."
)


@dataclass(frozen=True)
class StudyRun:
    """One finished run of a study.

    Attributes:
        head: a key of :data:`trainers.recipes.STUDY`.
        seed: of weights, data order and augmentation.
        miou: over the val scenes, from 0 to 1.
        updates: done.
        parameters: of the whole network.
        answers: about the planted regions of the sweep.
        relations: what each relation does.
    """

    head: str
    seed: int
    miou: float
    updates: int
    parameters: int
    answers: tuple[RegionAnswer, ...]
    relations: tuple[RelationFacts, ...] = ()

    def score(self, case: str | None = None, distance: int | None = None) -> float:
        """Share of regions for which the right reading is preferred."""
        return accuracy([a for a in self.answers if case in (None, a.case) and distance in (None, a.distance)])

    @property
    def region_iou(self) -> float:
        return region_iou(self.answers)


def read_study(root: Path) -> list[StudyRun]:
    """The finished runs of a study, by head in the order of the page, then by seed.

    Raises:
        ValueError: if there is none.
    """
    runs = []
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        found = findings_of(folder)
        if found is None:
            continue
        _, header = weights.read_header(folder / BEST)
        head = header["recipe"].removeprefix("study_")
        if head in STUDY:
            size = sum(p.numel() for p in weights.load(folder / BEST).parameters())
            budget = header["budget"]["updates_done"]
            miou = header["validation"]["miou"]
            runs.append(StudyRun(head, header["seed"], miou, budget, size, found.answers, found.relations))
    if not runs:
        raise ValueError(f"{root}: holds no finished run of a study. Train one: python -m trainers study -o {root}.")
    return sorted(runs, key=lambda run: (list(STUDY).index(run.head), run.seed))


def write_results(root: Path, output: Path) -> list[Path]:
    """Writes the page, and its figure into the folder images/ beside it.

    Raises:
        ValueError: if the study holds no finished run.
    """
    runs = read_study(root)
    figure = output.parent / "images" / FIGURE
    save(draw_distance_curves(_curves(runs)), figure, dpi=200)
    write_atomic(output, results_page(runs, shipped_headers()).encode())
    return [output, figure]


def shipped_headers() -> list[dict[str, Any]]:
    """Headers of the shipped weights."""
    return [weights.read_header(name)[1] for name in weights.shipped()]


def results_page(runs: Sequence[StudyRun], headers: Sequence[dict[str, Any]]) -> str:
    """The page as Markdown."""
    heads = list(dict.fromkeys(run.head for run in runs))
    by_head = {head: [run for run in runs if run.head == head] for head in heads}
    parts = (
        [
            "# Results",
            "",
            "Written by `python -m trainers results` from run folders; no number is typed in but the"
            " paper's own. Shares and IoU in percent: median (least to greatest) over seeds.",
            "",
        ],
        _setting(runs),
        _overview(by_head),
        _paired(by_head),
        _by_case(by_head),
        _by_distance(by_head),
        relation_section({NAMES[head]: [list(run.relations) for run in runs] for head, runs in by_head.items()}),
        _shipped(headers),
        _paper(by_head),
    )
    return "\n".join(line for part in parts for line in part)


def _setting(runs: Sequence[StudyRun]) -> list[str]:
    config = study(runs[0].head)()
    height, width = config.augment.crop
    updates = sorted({run.updates for run in runs})
    sample = runs[0].answers
    distances = sorted({answer.distance for answer in sample})
    return [
        "## Planted scenes",
        "",
        f"Every head on the same tiny encoder, from scratch, on drawn scenes of {height} x {width} pixels in which one "
        f"region cannot be told by its own pixels: {' or '.join(map(str, updates))} updates of {config.batch_size} "
        f"scenes, {config.optimiser.kind} at {config.optimiser.learning_rate:g}, 64 channels, no augmentation but the "
        "flip; the last weights, none chosen. Runs of one seed see the same scenes in the same order.",
        "",
        f"- **mIoU**: over the {2 * 60} val scenes, 19 classes, all pixels.",
        f"- **Region IoU**: within the planted regions only; mean over both readings of each case, over "
        f"{len(sample)} scenes never trained on.",
        "- **Accuracy**: share of those regions for which the mean logit of the right class exceeds that of the other "
        "reading. Each region comes in both readings with the same pixels, so that 50.0 is what any model reaches "
        f"that looks at the region alone. Cues are {', '.join(map(str, distances))} pixels away.",
        "",
    ]


def _overview(by_head: dict[str, list[StudyRun]]) -> list[str]:
    rows = [
        [
            NAMES[head],
            ", ".join(str(run.seed) for run in runs),
            f"{runs[0].parameters / 1e6:.2f}",
            spread([run.miou for run in runs]),
            spread([run.region_iou for run in runs]),
            spread([run.score() for run in runs]),
        ]
        for head, runs in by_head.items()
    ]
    return [*table(["head", "seeds", "parameters (10^6)", "mIoU", "region IoU", "accuracy"], rows), ""]


def _paired(by_head: dict[str, list[StudyRun]]) -> list[str]:
    measures: tuple[tuple[str, Callable[[StudyRun], float]], ...] = (
        ("mIoU", lambda run: run.miou),
        ("region IoU", lambda run: run.region_iou),
        ("accuracy", lambda run: run.score()),
    )
    rows, words = [], []
    for first, second in PAIRS:
        others = {run.seed: run for run in by_head.get(second, ())}
        pairs = [(run, others[run.seed]) for run in by_head.get(first, ()) if run.seed in others]
        if not pairs:
            continue
        cells = []
        for name, measure in measures:
            gaps = [measure(a) - measure(b) for a, b in pairs]
            cells.append(f"{spread(gaps, signed=True)}, {sum(gap > 0 for gap in gaps)} of {len(gaps)} up")
            words.append(_verdict(NAMES[first], NAMES[second], name, gaps))
        rows.append([f"{NAMES[first]} minus {NAMES[second]}", *cells])
    if not rows:
        return []
    return [
        "### Does the relation win?",
        "",
        "Differences within a seed, in percentage points.",
        "",
        *table(["pair", *(name for name, _ in measures)], rows),
        "",
        *(f"- {sentence}" for sentence in words if sentence),
        "",
    ]


def _verdict(first: str, second: str, measure: str, gaps: Sequence[float]) -> str:
    """A sentence where all seeds agree, or where they do not."""
    if all(gap > 0 for gap in gaps):
        return f"{measure}: {first} is above {second} in every seed."
    if all(gap < 0 for gap in gaps):
        return f"{measure}: {first} is **below** {second} in every seed."
    return f"{measure}: between {first} and {second} the seeds do not agree; this study does not tell them apart."


def _by_case(by_head: dict[str, list[StudyRun]]) -> list[str]:
    rows = [
        [NAMES[head], *(spread([run.score(case) for run in runs]) for case in CASES)] for head, runs in by_head.items()
    ]
    return ["### Accuracy by case", "", *table(["head", *(case.replace("-", " / ") for case in CASES)], rows), ""]


def _by_distance(by_head: dict[str, list[StudyRun]]) -> list[str]:
    distances = _distances(next(iter(by_head.values())))
    rows = [
        [NAMES[head], *(spread([run.score(distance=distance) for run in runs]) for distance in distances)]
        for head, runs in by_head.items()
    ]
    return [
        "### Accuracy by the cue's distance",
        "",
        f"![Accuracy against the distance of the cue, by case](images/{FIGURE})",
        "",
        *table(["head", *(f"{distance} px" for distance in distances)], rows),
        "",
    ]


def _shipped(headers: Sequence[dict[str, Any]]) -> list[str]:
    rows = [
        [
            f"`{header['name']}`",
            header["data"],
            str(header["seed"]),
            str(header["budget"]["updates"]),
            percent(header["validation"]["miou"]),
            percent(header["validation"]["pixel_accuracy"]),
        ]
        for header in headers
    ]
    return [
        "## Shipped weights",
        "",
        "One seed each, so a difference between two rows may be chance; the model cards give every class.",
        "",
        *table(["weights", "data", "seed", "updates", "mIoU", "pixel accuracy"], rows),
        "",
    ]


def _paper(by_head: dict[str, list[StudyRun]]) -> list[str]:
    rows = []
    for row in PRINTED:
        ours = spread([run.miou for run in by_head[row.head]]) if row.head in by_head else "-"
        printed = f"{row.miou:.1f}" + (f" ± {row.spread:.1f}" if row.spread else "")
        rows.append([row.table, row.row, printed, ours, f"`{row.recipe}`"])
    return [
        "## The paper's Tables I, IV and VI",
        "",
        _BESIDE_THE_PAPER,
        "",
        *table(["table", "row", "paper: Cityscapes", "ours: small scenes", "recipe"], rows),
        "",
    ]


def _distances(runs: Sequence[StudyRun]) -> tuple[int, ...]:
    return tuple(sorted({answer.distance for answer in runs[0].answers}))


def _curves(runs: Sequence[StudyRun]) -> list[DistanceCurve]:
    distances = _distances(runs)
    return [
        DistanceCurve(
            NAMES[head],
            case,
            distances,
            tuple(tuple(run.score(case, distance) for distance in distances) for run in runs if run.head == head),
        )
        for case in CASES
        for head in dict.fromkeys(run.head for run in runs)
    ]
