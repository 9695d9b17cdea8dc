"""Decoders of other makes as a section of the results page: on drawn scenes, and on CamVid beside our heads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rsp_lab.data.scenes.difficulty import DEFAULT
from rsp_lab.intervals import Estimate
from rsp_lab.text import markdown_table, spread
from trainers.config.makes import MAKES, SMP
from trainers.config.recipes import LITE0
from trainers.config.run import RunConfig
from trainers.reports.expected import CAMVID_EXPECTATIONS, MAKE_EXPECTATIONS, WITHIN, expectations_section, points
from trainers.reports.study_tables import case_table, difficulty_table, distance_table, grouped, overview, paired
from trainers.runs.repeats import RepeatedRun
from trainers.runs.study_runs import StudyRun

_KIND = "decoder"
PAIRS = tuple(("lite0_rsp4", other) for other in ("lite0_baseline", *(f"smp_{decoder}" for decoder in SMP)))
"""RSP-4 against each of the others."""


@dataclass(frozen=True)
class MakeRuns:
    """Finished runs of decoders of several makes.

    Attributes:
        scenes: on drawn scenes.
        camvid: on CamVid, those of our heads with the same budget among them; may be empty.
    """

    scenes: Sequence[StudyRun]
    camvid: Sequence[RepeatedRun] = ()


def makes_section(runs: MakeRuns, figure: str) -> list[str]:
    """Lines of the section; ``figure`` is the path of that of accuracy by distance, seen from the page."""
    by_head = grouped(runs.scenes)
    config, first = MAKES["scenes_lite0_rsp4"](), runs.scenes[0]
    height, width = config.augment.largest
    settings = first.difficulties
    (distance,) = {answer.distance for answer in first.answers if answer.difficulty == settings[-1]}
    accuracy = difficulty_table(
        by_head, "accuracy", lambda run, s: run.score(distance=distance, difficulty=s), settings
    )
    updates = sorted({run.updates for run in runs.scenes})
    sampled = len([answer for answer in first.answers if answer.difficulty == DEFAULT.describe()])
    return [
        "## Decoders of other makes",
        "",
        f"Four decoders of segmentation_models_pytorch beside our two heads, all on the encoder {LITE0} from ImageNet "
        f"at {config.optimiser.encoder_rate:g} of the rate, and all trained by one loop: "
        f"{' or '.join(map(str, updates))} updates of {config.batch_size} scenes of {height} x {width}, data, order, "
        f"loss and rate as above. {_widths()} The library's other options are its defaults, dropout included. Measures "
        f"are those above, accuracy and region IoU over {sampled} scenes never trained on; the last weights of each "
        "run, none chosen. None of these networks is shipped: the recipes `scenes_lite0_*`, `scenes_smp_*` and "
        "`camvid_smp_*` train them anew, and records of finished runs are in `docs/runs/makes`. The encoder differs "
        "from that of the tables above, so that only rows of one table compare.",
        "",
        *overview(by_head, _KIND),
        *paired(by_head, "Does RSP-4 read more than decoders of other makes?", PAIRS),
        *expectations_section(runs.scenes, MAKE_EXPECTATIONS, "What was expected of the decoders, and what came"),
        "### Decoders by case, distance and difficulty of the cue",
        "",
        *case_table(by_head, _KIND),
        f"![Accuracy against the distance of the cue, by case]({figure})",
        "",
        *distance_table(by_head, _KIND),
        f"All are trained at the default difficulty; the cue is {distance} pixels away.",
        "",
        *accuracy,
        *(_camvid(runs.camvid) if runs.camvid else []),
    ]


def _widths() -> str:
    options = "; ".join(
        f"{name}: {', '.join(f'{option} {value}' for option, value in options.items())}"
        for name, options in SMP.values()
    )
    return f"Each classifies 64 channels ({options}; our heads 64 on a pyramid of 128)."


def _camvid(runs: Sequence[RepeatedRun]) -> list[str]:
    header = runs[0].header
    budget, validation = header["budget"], header["validation"]
    config: RunConfig = MAKES["camvid_smp_fpn"]()
    height, width = budget["crop"]
    rows = [
        [
            f"`{recipe}`",
            ", ".join(str(run.seed) for run in own),
            *(spread([run.score(key) for run in own]) for key in ("miou", "pixel_accuracy")),
        ]
        for recipe, own in _by_recipe(runs).items()
    ]
    return [
        "### The same decoders on CamVid",
        "",
        f"{budget['updates']} updates of {budget['batch']} crops of {height} x {width}, {config.optimiser.kind} at "
        f"{config.optimiser.learning_rate:g}, the encoder as above; IoU in percent over the {validation['images']} val "
        "images at full size, padded for networks that take multiples of 32. The runs of our heads are those of the "
        "section before.",
        "",
        *markdown_table(["recipe", "seeds", "mIoU", "pixel accuracy"], rows),
        "",
        *_camvid_expected(runs),
    ]


def _by_recipe(runs: Sequence[RepeatedRun]) -> dict[str, list[RepeatedRun]]:
    return {name: [run for run in runs if run.recipe == name] for name in dict.fromkeys(run.recipe for run in runs)}


def _camvid_expected(runs: Sequence[RepeatedRun]) -> list[str]:
    by_recipe = _by_recipe(runs)
    rows = []
    for first, second, claim, reason in CAMVID_EXPECTATIONS:
        others = {run.seed: run.score("miou") for run in by_recipe.get(second, ())}
        gaps = [run.score("miou") - others[run.seed] for run in by_recipe.get(first, ()) if run.seed in others]
        if gaps:
            found = Estimate.of(gaps)
            words = f"within {100 * WITHIN:g} points of" if claim == "near" else claim
            outcome = found.outcome(claim, WITHIN)
            rows.append([f"`{first}` {words} `{second}`", reason, points(found), str(found.count), outcome])
    if not rows:
        return []
    return [
        "Of mIoU was expected before these runs, and judged as above:",
        "",
        *markdown_table(["expected", "because", "came", "seeds", "outcome"], rows),
        "",
    ]
