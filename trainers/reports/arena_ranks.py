"""Is a method's rank the same on all architectures? The arena over decoders of several makes, for the results page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from rsp_lab.analysis.arena.methods import METHODS
from rsp_lab.analysis.arena.ranks import BETWEEN_RULE, OF_MEANS_RULE, TAU_RULE, WITHIN_RULE, rank_agreement
from rsp_lab.analysis.arena.ranks import RankAgreement as Agreement
from rsp_lab.analysis.arena.result import MEASURES, ArenaResult, PairOutcome
from rsp_lab.files import FileError, read_json
from rsp_lab.intervals import Claim, Estimate, Outcome
from rsp_lab.text import fixed, markdown_table
from trainers.runs.study_runs import MAKE_NAMES

SHOWN = ("input_score", "live_score", "cue_lift", "cue_preference", "follow")
"""Measures whose orders are compared."""
RANKED = ("input_score", "cue_lift")
"""Those of which every rank is printed."""
OURS = ("RSP-4", "Baseline + Q6, Q7")
"""The two that differ in one operation alone."""


@dataclass(frozen=True)
class RankExpectation:
    """One claim about the agreement of networks on one and the same pair of readings.

    Attributes:
        measure: of :data:`SHOWN`.
        claim: where tau is expected.
        than: against which value.
        reason: why.
        ours: how much more our two heads agree than all other pairs, instead of how much all agree.
    """

    measure: str
    claim: Claim
    than: float
    reason: str
    ours: bool = False

    def sentence(self) -> str:
        what = "our two heads agree more than the other pairs: difference of tau" if self.ours else "tau"
        return f"{what} {self.claim} {self.than:g} ({MEASURES[self.measure].title})"

    def judged(self, agreement: Agreement) -> tuple[Estimate, Outcome]:
        """What was found, and what became of the claim."""
        found = agreement.closer([OURS]) if self.ours else agreement.between
        return found, Estimate(found.mean - self.than, found.half_width, found.count).outcome(self.claim)


RANK_EXPECTATIONS: tuple[RankExpectation, ...] = (
    RankExpectation(
        "input_score", "above", 0.5, "some methods go back to the pixels, some stop at maps, in every network alike"
    ),
    RankExpectation(
        "live_score", "above", 0.5, "ledger and gradient hold what a decoder does; a window of pixels tells no levels"
    ),
    RankExpectation("cue_lift", "above", 0.0, "all networks use the cue, and what finds it in one finds it elsewhere"),
    RankExpectation("follow", "above", 0.0, "a map that turns with the class does so in every network"),
    RankExpectation("input_score", "above", 0.0, "they differ in one operation, the others in the whole decoder", True),
)
"""Written before the arena was run on these networks."""


def read_arena(path: Path) -> ArenaResult:
    """What ``rsp-lab arena`` wrote about networks of :data:`~trainers.runs.study_runs.MAKE_NAMES`, by these names.

    Raises:
        FileError: if the file is no arena.json, or is about other networks.
    """
    kept = read_json(path, "result of the arena", remedy="Write it anew: rsp-lab arena -o FOLDER.")
    try:
        titles = {name: _title(name) for name in kept["heads"]}
        pairs = [
            PairOutcome.from_dict({key: value for key, value in one.items() if key not in ("swing", "used")})
            for one in kept["pairs"]
        ]
        named = [PairOutcome.from_dict(pair.to_dict() | {"model": titles[pair.model]}) for pair in pairs]
        methods = {one["name"]: METHODS[one["name"]] for one in kept["methods"]}
        heads = {titles[name]: head for name, head in kept["heads"].items()}
        return ArenaResult(tuple(titles.values()), heads, methods, tuple(named), kept["settings"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise FileError(f"{path} is no result of the arena on decoders of several makes ({error}).") from error


def _title(name: str) -> str:
    for key, title in MAKE_NAMES.items():
        if f"scenes_{key}-" in name:
            return title
    raise ValueError(f"{name} is no run of a recipe scenes_{{{','.join(MAKE_NAMES)}}}")


def arena_section(result: ArenaResult) -> list[str]:
    """Lines of the section."""
    found = {measure: rank_agreement(result, measure) for measure in SHOWN}
    one = next(iter(found.values()))
    height, width = result.settings["size"]
    return [
        "## Is a method's rank the same on all architectures?",
        "",
        f"The [arena](arena.md) over {len(one.models)} of these networks, one seed each: {one.pairs} pairs of readings "
        f"of {height} x {width} pixels. {TAU_RULE[0].upper()}{TAU_RULE[1:]}. *Of means*: {OF_MEANS_RULE}. *Between "
        f"networks*: {BETWEEN_RULE}. *Within a network*: {WITHIN_RULE}; where it is no higher than between networks, "
        "it is the picture that moves the order, not the architecture. Methods that follow the weights of a head of "
        "ours have no answer in the others and are left out.",
        "",
        *_overview(found),
        *_said(found),
        "",
        *(line for measure in RANKED for line in _ranks(found[measure])),
        *_expected(found),
    ]


def _overview(found: dict[str, Agreement]) -> list[str]:
    rows = []
    for measure, one in found.items():
        pairs = {(a, b): one.tau[one.models.index(a), one.models.index(b)] for a, b in combinations(one.models, 2)}
        least = min(pairs, key=lambda pair: pairs[pair])
        rows.append(
            [
                MEASURES[measure].title,
                str(len(one.methods)),
                fixed(one.of_means),
                f"{' and '.join(least)}, {fixed(pairs[least])}",
                str(one.between),
                fixed(one.within),
            ]
        )
    titles = ["measure", "methods", "tau of means", "least alike", "between networks", "within a network"]
    return [*markdown_table(titles, rows), ""]


def _said(found: dict[str, Agreement]) -> list[str]:
    """In words: which orders are shared, and whether architectures or pictures move them."""
    shared = [MEASURES[measure].title for measure, one in found.items() if one.between.low > 0]
    moved = [MEASURES[measure].title for measure, one in found.items() if one.between.high < one.within]
    words = f"An order is shared (the interval excludes 0) by: {'; '.join(shared) or 'no measure'}."
    if moved:
        words += f" The architecture moves it more than the picture does by: {'; '.join(moved)}."
    else:
        words += " By no measure does the architecture move it more than the picture does."
    return [words]


def _ranks(one: Agreement) -> list[str]:
    ranks = [one.ranks(model) for model in one.models]
    rows = [
        [METHODS[method].title, *(f"{rank[number]:g}" for rank in ranks)] for number, method in enumerate(one.methods)
    ]
    return [*markdown_table([f"rank by {MEASURES[one.measure].title}", *one.models], rows), ""]


def _expected(found: dict[str, Agreement], expectations: Sequence[RankExpectation] = RANK_EXPECTATIONS) -> list[str]:
    rows = []
    for expectation in expectations:
        one = found[expectation.measure]
        if expectation.ours and not set(OURS) <= set(one.models):
            continue
        estimate, outcome = expectation.judged(one)
        rows.append([expectation.sentence(), expectation.reason, str(estimate), str(estimate.count), outcome])
    return [
        "Expected before the arena was run, of networks on one and the same pair of readings:",
        "",
        *markdown_table(["expected", "because", "came", "pairs", "outcome"], rows),
        "",
    ]
