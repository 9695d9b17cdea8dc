"""What the paper claims and what is found here, claim by claim, with a verdict that is worked out from the runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rsp_lab.intervals import Estimate
from rsp_lab.text import markdown_table
from trainers.reports.expected import MEASURES, difference, points
from trainers.runs.study_runs import NAMES, StudyRun

_UNTOLD = "not told apart"


@dataclass(frozen=True)
class HeadClaim:
    """The paper says that one head is better than another.

    Attributes:
        text: the claim.
        where: in the paper.
        first, second: heads of the study, the better one by the claim first.
        measures: keys of :data:`~trainers.reports.expected.MEASURES` by which it is asked here.
    """

    text: str
    where: str
    first: str
    second: str
    measures: tuple[str, ...] = ("miou", "accuracy", "region_iou")

    def found(self, runs: Sequence[StudyRun]) -> tuple[str, str]:
        """Verdict, and the numbers it rests on."""
        gaps = {MEASURES[m][0]: difference(runs, self.first, self.second, m) for m in self.measures}
        seeds = max(gap.count for gap in gaps.values())
        if not seeds:
            return "not asked", f"{NAMES[self.first]} and {NAMES[self.second]} were not both trained"
        numbers = "; ".join(f"{title} {points(gap)}" for title, gap in gaps.items())
        count = f"{seeds} seed{'s' if seeds > 1 else ''}"
        return verdict_of(gaps), f"{NAMES[self.first]} minus {NAMES[self.second]}, {count}: {numbers}"


def verdict_of(gaps: dict[str, Estimate]) -> str:
    """In words; the paper's sign is above 0."""
    words: dict[str, list[str]] = {"holds": [], "the opposite": [], _UNTOLD: []}
    for title, gap in gaps.items():
        outcome = gap.outcome("above")
        words["holds" if outcome == "held" else "the opposite" if outcome == "failed" else _UNTOLD].append(title)
    kinds = [word for word, titles in words.items() if titles]
    if len(kinds) == 1:
        return f"**{kinds[0]}**"
    return "; ".join(f"**{word}** in {', '.join(words[word])}" for word in kinds)


HEAD_CLAIMS = (
    HeadClaim("RSP-2 is better than the baseline", "Tables I, IV: 76.1 against 74.8", "rsp2", "baseline"),
    HeadClaim("Q6 and Q7 help even where they are summed", "Table VI: 76.0 against 74.8", "baseline_q67", "baseline"),
    HeadClaim(
        "RSP-4 is better than a sum over the same six levels", "Table VI: 77.5 against 76.0", "rsp4", "baseline_q67"
    ),
    HeadClaim("RSP-4 is better than RSP-2", "Tables IV, VI: 77.5 against 76.1", "rsp4", "rsp2"),
    HeadClaim(
        "looking across scales is better than looking within one", "Table IV: 76.1 against 75.5", "rsp2", "self2"
    ),
    HeadClaim("selecting is better than averaging the window", "Table IV: 76.1 against 75.2", "rsp2", "context2"),
    HeadClaim(
        "selecting leaves out context that does not belong to the region",
        "Sec. I, Fig. 1",
        "rsp4",
        "baseline_q67",
        ("decoys", "figures", "hardest"),
    ),
)


def claims_page(runs: Sequence[StudyRun]) -> str:
    """The page as Markdown."""
    rows = [[claim.text, claim.where, *claim.found(runs)] for claim in HEAD_CLAIMS]
    rows += [[text, where, *found(runs)] for text, where, found in _RELATION_CLAIMS]
    rows += [[text, where, "not asked here", why] for text, where, why in _NOT_ASKED]
    return "\n".join(
        (
            "# The paper's claims, and what is found here",
            "",
            "Written by `python -m trainers results` from the runs of [the results page](results.md): tiny networks on "
            "drawn scenes, hundreds of updates. A claim **holds** here if the 95 % interval over seeds lies wholly on "
            "the paper's side, **the opposite** is found if it lies wholly on the other; else the seeds do not tell "
            "the two apart. Differences are in percentage points. What holds here need not hold on Cityscapes, and "
            "the other way round: nothing on this page repeats the paper's own experiments.",
            "",
            *markdown_table(["claim", "in the paper", "here", "what it rests on"], rows, left=4),
            "",
        )
    )


def _complement(runs: Sequence[StudyRun]) -> tuple[str, str]:
    """Over the steps of RSP-4: are query and key complementary, beyond pairs of channels at random?"""
    found = _by_step(runs, "rsp4", lambda facts: facts.complementarity)
    beyond = _by_step(runs, "rsp4", lambda facts: facts.shuffled)
    if not found:
        return "not asked", "no run of RSP-4"
    words = {"above": "holds", "below": "the opposite"}
    kinds = []
    for step, score in found.items():
        kind = next((words[claim] for claim in ("above", "below") if score.outcome(claim) == "held"), _UNTOLD)
        kinds.append(f"{step} {kind}")
    numbers = "; ".join(
        f"{step} score {score.words(2, difference=True)}, above {beyond[step].mean:.0f} % of shuffled pairs"
        for step, score in found.items()
    )
    return ", ".join(kinds), f"RSP-4, {next(iter(found.values())).count} seeds: {numbers}"


def _selects(runs: Sequence[StudyRun]) -> tuple[str, str]:
    """Entropy of the weights: 1 is a plain average."""
    found = _by_step(runs, "rsp4", lambda facts: facts.entropy)
    if not found:
        return "not asked", "no run of RSP-4"
    held = [step for step, value in found.items() if value.high < 1]
    numbers = "; ".join(f"{step} {value.words(2)}" for step, value in found.items())
    verdict = "**holds**" if len(held) == len(found) else f"**holds** in {', '.join(held) or 'no step'}"
    return verdict, f"entropy of the weights over that of a plain average, RSP-4: {numbers}"


def _by_step(runs: Sequence[StudyRun], head: str, value: Callable[..., float]) -> dict[str, Estimate]:
    own = [run for run in runs if run.head == head and run.relations]
    steps = [facts.step for facts in own[0].relations] if own else []
    return {
        step: Estimate.of([value(facts) for run in own for facts in run.relations if facts.step == step])
        for step in steps
    }


_RELATION_CLAIMS: tuple[tuple[str, str, Callable[[Sequence[StudyRun]], tuple[str, str]]], ...] = (
    ("query and key complement each other", "Fig. 4 and Sec. IV", _complement),
    ("the relation selects, it is no plain average", "Sec. III", _selects),
)
_NOT_ASKED = (
    (
        "the scores of Tables I, II, IV to VI themselves",
        "Cityscapes val",
        "the recipes are here (`python -m trainers --help`); they need Cityscapes and GPUs",
    ),
    (
        "RSP heads raise PQ in Panoptic FPN",
        "Table III",
        "COCO and GPUs; a small pair on drawn scenes stands on [the results page](results.md)",
    ),
)
