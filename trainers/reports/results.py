"""The results page as Markdown; every number comes from a run, a header, or the paper's print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rsp_lab.analysis.arena.result import ArenaResult
from rsp_lab.data.scenes.difficulty import DEFAULT
from rsp_lab.data.scenes.scene import CASES
from rsp_lab.models.paper.printed import printed_miou
from rsp_lab.text import MISSING, markdown_table, percent, spread
from trainers.config.recipes import STUDY, study
from trainers.config.run import RunConfig
from trainers.reports.arena_ranks import arena_section
from trainers.reports.expected import MEASURES, difference, expectations_section, points
from trainers.reports.makes import MakeRuns, makes_section
from trainers.reports.panoptic import PanopticRuns, panoptic_section, shipped_pq
from trainers.reports.printed import PRINTED
from trainers.reports.repeats import repeats_section
from trainers.reports.study_tables import (
    ByHead,
    case_table,
    difficulty_table,
    distance_table,
    grouped,
    overview,
    paired,
)
from trainers.runs.relation_facts import relation_section
from trainers.runs.repeats import RepeatedRun
from trainers.runs.study_runs import NAMES, StudyRun

PAIRS = (
    ("rsp4", "baseline_q67"),
    ("rsp2", "baseline"),
    ("rsp2", "self2"),
    ("rsp2", "context2"),
    ("rsp4", "rsp2"),
    ("baseline_q67", "baseline"),
    ("rsp4", "rsp4_none"),
    ("rsp4_slow", "rsp4"),
    ("rsp4_fast", "rsp4"),
)
"""Runs that differ in one thing only, better one by the paper first; and other rates of the relations."""

_BESIDE_THE_PAPER = (
    "The paper's column is mIoU on Cityscapes val; ours is mIoU on small drawn scenes for heads of the same "
    "structure. The two are **not comparable in size**, only in order. What differs in ours: drawn scenes instead of "
    "Cityscapes, a tiny encoder from scratch instead of a pretrained ResNet, 64 channels instead of 128, hundreds of "
    "updates instead of 65 000. The last column names the recipe of the paper's own run, which needs Cityscapes and "
    "GPUs and has not been run here."
)


def figure_name(page: str, updates: int) -> str:
    """File name of a page's figure of a study of so many updates; ``page`` is its file's name without ending."""
    return f"{page}_cue_distance_{updates}.png"


def makes_figure_name(page: str) -> str:
    """File name of a page's figure of decoders of other makes."""
    return f"{page}_cue_distance_makes.png"


def results_page(
    runs: Sequence[StudyRun],
    headers: Sequence[dict[str, Any]],
    others: Sequence[Sequence[StudyRun]] = (),
    page: str = "results",
    repeats: Sequence[RepeatedRun] = (),
    makes: MakeRuns | None = None,
    arena: ArenaResult | None = None,
    panoptic: PanopticRuns | None = None,
) -> str:
    """The page as Markdown; ``page`` is its file's name without ending.

    ``repeats`` are runs on another data set, ``makes`` those of decoders of several makes, which ``arena`` is about,
    ``panoptic`` those that tell things apart.
    """
    by_head = grouped(runs)
    parts = (
        [
            f"# {page.replace('_', ' ').capitalize()}",
            "",
            "Written by `python -m trainers results` from the records of runs in `docs/runs`, which hold every answer;"
            " no number is typed in but the paper's own. Shares and IoU in percent: median (minimum to maximum) over"
            " seeds.",
            "",
        ],
        _parting(runs),
        _setting(runs),
        overview(by_head),
        paired(by_head, "Does the relation win?", PAIRS),
        expectations_section(runs),
        _by_case(by_head),
        _by_distance(by_head, page),
        _by_difficulty(by_head),
        relation_section({NAMES[head]: [list(run.relations) for run in runs] for head, runs in by_head.items()}),
        *(_other(runs, page) for runs in others),
        repeats_section(repeats) if repeats else [],
        makes_section(makes, f"images/{makes_figure_name(page)}") if makes else [],
        arena_section(arena) if arena else [],
        panoptic_section(panoptic) if panoptic else [],
        _shipped(headers),
        _paper(by_head),
    )
    return "\n".join(line for part in parts for line in part)


def _setting(runs: Sequence[StudyRun]) -> list[str]:
    config = study(runs[0].head)()
    height, width = config.augment.largest
    updates = sorted({run.updates for run in runs})
    sample = [answer for answer in runs[0].answers if answer.difficulty == DEFAULT.describe()]
    distances = sorted({answer.distance for answer in sample})
    return [
        "## Drawn scenes",
        "",
        "![Both readings of three scenes, with region, cue and decoys](images/scenes.png)",
        "",
        f"Every head on the same tiny encoder, from scratch, on drawn scenes of {height} x {width} pixels in which one "
        f"region cannot be told by its own pixels: {' or '.join(map(str, updates))} updates of {config.batch_size} "
        f"scenes, {_sampling(config)}, {config.optimiser.kind} at {config.optimiser.learning_rate:g}, "
        f"{STUDY[runs[0].head].channels} channels, no augmentation but the flip; the last weights, none chosen. Runs "
        "of one seed see the same scenes in the same order.",
        "",
        f"- **mIoU**: over the {runs[0].images} val scenes, 19 classes, all pixels.",
        f"- **Region IoU**: within the ambiguous regions only; mean over both readings of each case, over "
        f"{len(sample)} scenes never trained on, at the default difficulty.",
        "- **Accuracy**: share of those regions for which the mean logit of the right class exceeds that of the other "
        "reading. Each region comes in both readings with the same pixels, so that 50.0 is what any model reaches "
        f"that looks at the region alone. Cues are {', '.join(map(str, distances))} pixels away.",
        "",
    ]


def _sampling(config: RunConfig) -> str:
    parts = ["both readings of a scene in one batch"] if config.scenes.pairs else []
    parts += ["cases sampled evenly"] if config.scenes.even_cases else []
    parts += [f"pixels of the ambiguous region weighted {config.loss.region_weight:g} times as much as all others"]
    return ", ".join(parts)


def _parting(runs: Sequence[StudyRun]) -> list[str]:
    """Said first: by which measures RSP-4 and the sum over the same levels part at all."""
    gaps = {title: difference(runs, "rsp4", "baseline_q67", name) for name, (title, _) in MEASURES.items()}
    seeds = max(gap.count for gap in gaps.values())
    if seeds < 2:
        return []
    chance = 1 - 0.95 ** len(gaps)
    above = [f"{title} ({points(gap)})" for title, gap in gaps.items() if gap.outcome("above") == "held"]
    below = [f"{title} ({points(gap)})" for title, gap in gaps.items() if gap.outcome("below") == "held"]
    if not above and not below:
        said = "**by none of them**: no 95 % interval over seeds excludes 0"
    else:
        parts = [("RSP-4 is above", above), ("RSP-4 is **below**", below)]
        said = "; ".join(f"{words} in {', '.join(titles)}" for words, titles in parts if titles)
    return [
        "## Where do the heads differ?",
        "",
        f"RSP-4 against a sum over the same six levels, {seeds} seeds, {len(gaps)} measures: {said}. Even if no "
        f"measure differed, one or more of {len(gaps)} such intervals would exclude 0 in {percent(chance, 0)} of "
        "studies, were the measures independent. In percentage points; what each measure is stands below, and what the "
        "paper claims beside what is found in [claims](claims.md).",
        "",
    ]


def _other(runs: Sequence[StudyRun], page: str) -> list[str]:
    """A study of another length: what more updates change."""
    by_head = grouped(runs)
    title = f"With {' or '.join(map(str, sorted({run.updates for run in runs})))} updates"
    return [
        f"### {title}",
        "",
        *overview(by_head),
        f"![Accuracy against the distance of the cue, by case](images/{figure_name(page, runs[0].updates)})",
        "",
        *paired(by_head, f"{title}: does the relation win?", PAIRS),
    ]


def _by_case(by_head: ByHead) -> list[str]:
    return ["### Accuracy by case", "", *case_table(by_head)]


def _by_distance(by_head: ByHead, page: str) -> list[str]:
    runs = next(iter(by_head.values()))
    return [
        "### Accuracy by the cue's distance",
        "",
        f"![Accuracy against the distance of the cue, by case](images/{figure_name(page, runs[0].updates)})",
        "",
        *distance_table(by_head),
    ]


def _by_difficulty(by_head: ByHead) -> list[str]:
    """Scenes that are harder in another way than by distance."""
    runs = next(iter(by_head.values()))
    settings = runs[0].difficulties
    if len(settings) < 2:
        return []
    (distance,) = {answer.distance for answer in runs[0].answers if answer.difficulty == settings[-1]}
    lines = [
        "### Accuracy and region IoU by difficulty",
        "",
        f"All networks are trained at the default difficulty. The cue is {distance} pixels away in each of these "
        "scenes, at the default too. Every setting is proven to leak nothing: a classifier of the region's pixels, of "
        "all but the cue's, and of cues shuffled between scenes is at chance (`python -m rsp_lab.data.scenes.proof`).",
        "",
    ]
    for title, measure in (
        ("accuracy", lambda run, setting: run.score(distance=distance, difficulty=setting)),
        ("region IoU", lambda run, setting: run.region_iou(distance=distance, difficulty=setting)),
    ):
        lines += difficulty_table(by_head, title, measure, settings)
    return lines + _by_difficulty_and_case(by_head, distance, settings)


def _by_difficulty_and_case(by_head: ByHead, distance: int, settings: Sequence[str]) -> list[str]:
    """The two heads of most interest, case by case."""
    heads = [head for head in ("baseline_q67", "rsp4") if head in by_head]
    rows = [
        [
            setting,
            *(
                spread([run.score(case, distance, setting) for run in by_head[head]])
                for case in CASES
                for head in heads
            ),
        ]
        for setting in settings
    ]
    titles = [f"{case.replace('-', ' / ')}, {NAMES[head]}" for case in CASES for head in heads]
    return [*markdown_table(["accuracy", *titles], rows), ""]


def _shipped(headers: Sequence[dict[str, Any]]) -> list[str]:
    rows = [
        [
            f"`{header['name']}`",
            header["data"],
            str(header["seed"]),
            str(header["budget"]["updates"]),
            percent(header["validation"]["miou"], 1, unit=False),
            percent(header["validation"]["pixel_accuracy"], 1, unit=False),
            shipped_pq(header),
        ]
        for header in headers
    ]
    return [
        "## Shipped weights",
        "",
        "One seed each, so a difference between two rows may be chance; the model cards give every class.",
        "",
        *markdown_table(["weights", "data", "seed", "updates", "mIoU", "pixel accuracy", "PQ"], rows),
        "",
    ]


def _paper(by_head: ByHead) -> list[str]:
    rows, printed = [], printed_miou()
    for row in PRINTED:
        ours = spread([run.miou for run in by_head[row.head]]) if row.head in by_head else MISSING
        rows.append([row.table, row.row, printed[row.table, row.row], ours, f"`{row.recipe}`"])
    return [
        "## The paper's Tables I, IV and VI",
        "",
        _BESIDE_THE_PAPER,
        "",
        *markdown_table(["table", "row", "paper: Cityscapes", "ours: small scenes", "recipe"], rows),
        "",
    ]
