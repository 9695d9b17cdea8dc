"""Tables of runs that were asked about ambiguous regions, whatever heads or decoders they compare."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rsp_lab.data.scenes.scene import CASES
from rsp_lab.text import markdown_table, spread
from trainers.reports.pairs import by_chance, gap_cell, verdict
from trainers.runs.study_runs import HEAD_NAMES, StudyRun, distances_of

ByHead = dict[str, list[StudyRun]]
_SUMS: tuple[tuple[str, Callable[[StudyRun], float]], ...] = (
    ("mIoU", lambda run: run.miou),
    ("region IoU", lambda run: run.region_iou()),
    ("accuracy", lambda run: run.score()),
)


def grouped(runs: Sequence[StudyRun]) -> ByHead:
    """Runs by their head, in the order in which heads come."""
    return {head: [run for run in runs if run.head == head] for head in dict.fromkeys(run.head for run in runs)}


def overview(by_head: ByHead, kind: str = "head") -> list[str]:
    """A row per head: seeds, size, and the three sums."""
    rows = [
        [
            HEAD_NAMES[head],
            ", ".join(str(run.seed) for run in runs),
            f"{runs[0].parameters / 1e6:.2f}",
            *(spread([measure(run) for run in runs]) for _, measure in _SUMS),
        ]
        for head, runs in by_head.items()
    ]
    return [*markdown_table([kind, "seeds", "parameters (10^6)", *(title for title, _ in _SUMS)], rows), ""]


def paired(by_head: ByHead, title: str, pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Differences within a seed for each pair of heads of which both were trained, and a sentence on each."""
    rows, words, most = [], [], 1
    for first, second in pairs:
        others = {run.seed: run for run in by_head.get(second, ())}
        both = [(run, others[run.seed]) for run in by_head.get(first, ()) if run.seed in others]
        if not both:
            continue
        gaps = {name: [measure(a) - measure(b) for a, b in both] for name, measure in _SUMS}
        most = max(most, len(both))
        words.append(verdict(HEAD_NAMES[first], HEAD_NAMES[second], gaps))
        rows.append([f"{HEAD_NAMES[first]} minus {HEAD_NAMES[second]}", *map(gap_cell, gaps.values())])
    if not rows:
        return []
    return [
        f"### {title}",
        "",
        f"Differences within a seed, in percentage points. {by_chance(most)}",
        "",
        *markdown_table(["pair", *(name for name, _ in _SUMS)], rows),
        "",
        *(f"- {sentence}" for sentence in words),
        "",
    ]


def case_table(by_head: ByHead, kind: str = "head") -> list[str]:
    """Accuracy by case."""
    rows = [
        [HEAD_NAMES[head], *(spread([run.score(case) for run in runs]) for case in CASES)]
        for head, runs in by_head.items()
    ]
    return [*markdown_table([kind, *(case.replace("-", " / ") for case in CASES)], rows), ""]


def distance_table(by_head: ByHead, kind: str = "head") -> list[str]:
    """Accuracy by the cue's distance."""
    distances = distances_of(next(iter(by_head.values())))
    rows = [
        [HEAD_NAMES[head], *(spread([run.score(distance=distance) for run in own]) for distance in distances)]
        for head, own in by_head.items()
    ]
    return [*markdown_table([kind, *(f"{distance} px" for distance in distances)], rows), ""]


def difficulty_table(
    by_head: ByHead, title: str, measure: Callable[[StudyRun, str], float], settings: Sequence[str]
) -> list[str]:
    """A row a difficulty, a column per head; ``title`` is the measure's."""
    rows = [[s, *(spread([measure(run, s) for run in own]) for own in by_head.values())] for s in settings]
    return [*markdown_table([title, *(HEAD_NAMES[head] for head in by_head)], rows), ""]
