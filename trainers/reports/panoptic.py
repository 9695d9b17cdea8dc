"""A panoptic pair as a section of the results page: beside Table III, and what the head changed, segment by segment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rsp_lab.analysis.panoptic.merge import MergeRule
from rsp_lab.data.panoptic.categories import COCO_PANOPTIC, STREET_PANOPTIC
from rsp_lab.files import FileError, read_json
from rsp_lab.intervals import Claim, Estimate
from rsp_lab.models.paper.printed import printed_scores
from rsp_lab.text import MISSING, markdown_table, percent, points, spread
from trainers.config.panoptic import COCO_RECIPES
from trainers.reports.expected import WITHIN
from trainers.reports.expected import points as gap_points
from trainers.reports.pairs import by_chance, gap_cell, verdict
from trainers.runs.repeats import RepeatedRun, read_repeats

BASELINE, RSP = "scenes_panoptic_baseline", "scenes_panoptic_rsp4d"
NAMES = {BASELINE: "sum over six levels", RSP: "RSP-4-D"}
EFFECTS = "effects"
"""Folder beside the records with what the head changed, as ``python -m trainers effect`` writes it."""
_MOST = 10
_GROUPS = ("all", "things", "stuff")

_Path = tuple[str, ...]
MEASURES: dict[str, _Path] = {
    "mIoU": ("miou",),
    "PQ": ("panoptic", "all", "pq"),
    "SQ": ("panoptic", "all", "sq"),
    "RQ": ("panoptic", "all", "rq"),
    "PQ, things": ("panoptic", "things", "pq"),
    "PQ, stuff": ("panoptic", "stuff", "pq"),
    "mask AP": ("precision", "mask", "AP"),
    "box AP": ("precision", "box", "AP"),
}
"""Where a header's validation has each measure, a share from 0 to 1."""
_PRINTED = {"mIoU": "mIoU", "PQ": "PQ", "mask AP": "Mask AP", "box AP": "Box AP"}
_ROWS = {
    "Panoptic FPN": "coco_panoptic_fpn_r50",
    "RSP-2-D head": "coco_rsp2d_r50",
    "RSP-4-D head": "coco_rsp4d_r50",
}


@dataclass(frozen=True)
class PanopticExpectation:
    """One claim about RSP-4-D minus the sum, seed by seed.

    Attributes:
        measure: a key of :data:`MEASURES`.
        claim: where the mean difference is expected; near is within :data:`~trainers.reports.expected.WITHIN`.
        reason: why.
    """

    measure: str
    claim: Claim
    reason: str


_STUFF = "stuff of a drawn street is known by its place and colour, and both see enough"
_SAME = "the instance branch is the same, on the same pyramid"
EXPECTATIONS = (
    PanopticExpectation("mIoU", "near", _STUFF),
    PanopticExpectation("PQ", "near", "what the head changes is stuff, and both see enough of it"),
    PanopticExpectation("PQ, stuff", "near", _STUFF),
    PanopticExpectation("PQ, things", "near", _SAME),
    PanopticExpectation("mask AP", "near", "Table III prints 34.6 and 34.5"),
    PanopticExpectation("box AP", "near", "Table III prints 37.5 and 37.5"),
)
"""Written before the runs whose results stand beside them."""


@dataclass(frozen=True)
class PanopticRuns:
    """Finished runs of the pair, and what the head changed in them.

    Attributes:
        runs: of both recipes.
        effects: by seed, as :meth:`rsp_lab.analysis.panoptic.difference.SemanticEffect.to_dict` has them.
    """

    runs: Sequence[RepeatedRun]
    effects: Mapping[int, dict[str, Any]]


def read_panoptic(root: Path) -> PanopticRuns:
    """The runs of a folder, or their records, and the effects beside them, ``effects/SEED.json``.

    Raises:
        ValueError: if there is no run, or they differ in more than head and seed, or an effect cannot be read.
    """
    effects = {}
    for path in sorted((root / EFFECTS).glob("*.json")):
        remedy = "Write it anew: python -m trainers effect FIRST SECOND -o FILE."
        found = read_json(path, "effect of a semantic map", remedy=remedy)
        wanted = ("models", "change", "by_class", "by_kind", "segments")
        if not path.stem.isdecimal() or any(name not in found for name in wanted):
            raise FileError(f"{path} is no effect of a semantic map by seed. {remedy}")
        effects[int(path.stem)] = found
    return PanopticRuns(read_repeats(root), effects)


def value_of(run: RepeatedRun, measure: str) -> float:
    """A measure of :data:`MEASURES` of a run, from 0 to 1; 0 where nothing of it occurs."""
    found: Any = run.header["validation"]
    for name in MEASURES[measure]:
        found = found[name]
    return float(found or 0.0)


def panoptic_section(found: PanopticRuns) -> list[str]:
    """Lines of the section."""
    by_recipe = {name: [run for run in found.runs if run.recipe == name] for name in NAMES}
    by_recipe = {name: runs for name, runs in by_recipe.items() if runs}
    rows = [
        [
            NAMES[name],
            ", ".join(str(run.seed) for run in runs),
            *(spread([value_of(run, measure) for run in runs]) for measure in MEASURES),
        ]
        for name, runs in by_recipe.items()
    ]
    return [
        "## Things and stuff: a panoptic pair",
        "",
        *_setting(found.runs[0].header),
        *markdown_table(["head", "seeds", *MEASURES], rows),
        "",
        *_paired(by_recipe),
        *_beside_the_paper(by_recipe),
        *_by_class(by_recipe),
        *_effects(found.effects),
    ]


def _setting(header: dict[str, Any]) -> list[str]:
    run, budget, images = header["run"], header["budget"], header["validation"]["images"]
    height, width = budget["crop"]
    optimiser, loss = run["optimiser"], run["loss"]
    encoder = run["model"]["semantic"]["pyramid"]["encoder"]
    return [
        f"Mask R-CNN and a semantic branch on one pyramid, trained by the loop of all other runs: {budget['updates']} "
        f"updates of {budget['batch']} drawn scenes of {height} x {width}, {optimiser['kind']} at "
        f"{optimiser['learning_rate']:g}, encoder {encoder} from ImageNet at {optimiser['encoder_rate']:g} of the "
        f"rate, no augmentation but the flip; loss as in the paper, lambda_i = {loss['instances']:g}, lambda_s = "
        f"{loss['semantic']:g}. The two runs of a seed differ in the semantic head alone. Scores over the {images} val "
        "scenes of the last weights, none chosen. mIoU is that of the semantic branch, things together as one class; "
        "PQ = SQ x RQ of what both branches are merged into; AP of the detections before the merge. Things under 16 px "
        "are void.",
        "",
    ]


def _pairs(by_recipe: Mapping[str, list[RepeatedRun]]) -> list[tuple[RepeatedRun, RepeatedRun]]:
    others = {run.seed: run for run in by_recipe.get(BASELINE, ())}
    return [(run, others[run.seed]) for run in by_recipe.get(RSP, ()) if run.seed in others]


def _paired(by_recipe: Mapping[str, list[RepeatedRun]]) -> list[str]:
    pairs = _pairs(by_recipe)
    if not pairs:
        return []
    gaps = {name: [value_of(a, name) - value_of(b, name) for a, b in pairs] for name in MEASURES}
    rows = []
    for one in EXPECTATIONS:
        estimate = Estimate.of(gaps[one.measure])
        words = f"within {100 * WITHIN:g} points" if one.claim == "near" else one.claim
        rows.append([one.measure, words, one.reason, gap_points(estimate), estimate.outcome(one.claim, WITHIN)])
    return [
        f"Differences within a seed, {NAMES[RSP]} minus {NAMES[BASELINE]}, in percentage points. "
        f"{by_chance(len(pairs))}",
        "",
        *markdown_table(["", *gaps], [["difference", *map(gap_cell, gaps.values())]]),
        "",
        verdict(NAMES[RSP], NAMES[BASELINE], gaps),
        "",
        "Expected before the runs, and what came; with two seeds an interval is wide, and little is decided:",
        "",
        *markdown_table(["measure", "expected", "because", "came", "outcome"], rows),
        "",
    ]


def _beside_the_paper(by_recipe: Mapping[str, list[RepeatedRun]]) -> list[str]:
    printed, ours = printed_scores("III"), {"RSP-4-D head": RSP}
    names = list(_PRINTED)

    def cells(recipe: str | None) -> list[str]:
        runs = by_recipe.get(recipe, []) if recipe else []
        return [spread([value_of(run, name) for run in runs]) if runs else MISSING for name in names]

    rows = [
        [row, *(printed[row][_PRINTED[name]] for name in names), *cells(ours.get(row)), f"`{recipe}`"]
        for row, recipe in _ROWS.items()
    ]
    rows.append(["sum over its six levels", *[MISSING] * len(names), *cells(BASELINE), "`coco_baseline_r50`"])
    coco = COCO_RECIPES["coco_rsp4d_r50"]()
    small, whole = MergeRule.for_size(128, 256), MergeRule()
    counts = [f"{len(t.things)} things and {len(t.stuff)} kinds of stuff" for t in (STREET_PANOPTIC, COCO_PANOPTIC)]
    titles = [f"{where}: {name}" for where in ("paper, COCO", "ours, scenes") for name in names]
    return [
        "### Beside the paper's Table III",
        "",
        "**Not comparable in size**, only in order. What differs in ours: drawn scenes of 128 x 256 instead of COCO's "
        f"photographs; {counts[0]} instead of {counts[1]}; EfficientNet-lite0 with 64 channels instead of a ResNet-50 "
        f"with 256; {by_recipe[next(iter(by_recipe))][0].header['budget']['updates']:,} updates of 4 instead of "
        f"{coco.steps:,} of {coco.batch_size}, itself a schedule that is taken, since the paper prints none; a kind of "
        f"stuff is dropped below {small.stuff_area} px instead of {whole.stuff_area:,}, in proportion to the picture; "
        "and the partner: the paper replaces the branch of Semantic FPN, here a sum over the same six levels is set "
        "beside RSP-4-D. The last column names the recipe of the paper's own run, which needs COCO and GPUs and has "
        "not been run here.",
        "",
        *markdown_table(["row", *titles, "recipe"], rows),
        "",
    ]


def _by_class(by_recipe: Mapping[str, list[RepeatedRun]]) -> list[str]:
    first = next(iter(by_recipe.values()))[0].header["validation"]["panoptic"]["by_class"]
    rows = []
    for name, facts in first.items():
        every = [run.header["validation"]["panoptic"]["by_class"][name] for runs in by_recipe.values() for run in runs]
        if not any(one["tp"] + one["fp"] + one["fn"] for one in every):
            continue
        cells = [
            spread([run.header["validation"]["panoptic"]["by_class"][name]["pq"] for run in runs])
            for runs in by_recipe.values()
        ]
        rows.append([name, "thing" if facts["isthing"] else "stuff", *cells])
    return [
        "### PQ by class",
        "",
        "A class with 0 occurs and is never matched. Poles, lights and signs are below the area bound wherever they "
        "are few pixels, and so are lost whatever the semantic map says.",
        "",
        *markdown_table(["class", "", *(NAMES[name] for name in by_recipe)], rows, left=2),
        "",
    ]


def _effects(effects: Mapping[int, dict[str, Any]]) -> list[str]:
    if not effects:
        return []
    seeds = sorted(effects)
    groups = [
        [
            f"seed {seed}",
            *(points(effects[seed]["change"][name]) for name in _GROUPS),
            _kinds(effects[seed]),
        ]
        for seed in seeds
    ]
    names = dict.fromkeys(name for seed in seeds for name, change in effects[seed]["by_class"].items() if change)
    classes = [[name, *(points(effects[seed]["by_class"].get(name)) for seed in seeds)] for name in names]
    first = effects[seeds[0]]
    return [
        "### The same detections with both semantic maps",
        "",
        f"The detections of the {NAMES[BASELINE]} merged with its own semantic map and with that of {NAMES[RSP]}, of "
        "the same seed: what the head alone changes in PQ, in percentage points. Instances are placed first and do not "
        "look at the map, so things are the same, pixel for pixel. The change of a class is shared out among its "
        "segments exactly (`rsp_lab.analysis.panoptic.difference`, `python -m trainers effect`); every segment is in "
        "`docs/runs/panoptic/effects`.",
        "",
        *markdown_table(["", "PQ, all", "PQ, things", "PQ, stuff", "segments that change"], groups),
        "",
        *markdown_table(["class", *(f"seed {seed}" for seed in seeds)], classes),
        "",
        f"The {_MOST} segments of seed {seeds[0]} with the greatest effects on the PQ of their class:",
        "",
        *(f"- {one['sentence']}" for one in first["segments"][:_MOST]),
        "",
    ]


def _kinds(effect: dict[str, Any]) -> str:
    return ", ".join(f"{facts['segments']} {kind}" for kind, facts in effect["by_kind"].items()) or MISSING


def shipped_pq(header: dict[str, Any]) -> str:
    """The PQ of shipped weights in percent; a dash for those that tell no things apart."""
    return percent(header["validation"].get("panoptic", {}).get("all", {}).get("pq"), 1, unit=False)
