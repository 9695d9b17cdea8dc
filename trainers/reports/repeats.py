"""Repeated runs as a section of the results page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rsp_lab.text import markdown_table, spread
from trainers.reports.pairs import by_chance, gap_cell, verdict
from trainers.runs.repeats import RepeatedRun

_TITLES = {"camvid": "CamVid", "cityscapes": "Cityscapes"}
_SUMS = {"mIoU": "miou", "pixel accuracy": "pixel_accuracy"}


def repeats_section(runs: Sequence[RepeatedRun]) -> list[str]:
    """Lines of the section: scores of every recipe over its seeds, and the differences between the recipes."""
    by_recipe = {
        name: [run for run in runs if run.recipe == name] for name in dict.fromkeys(run.recipe for run in runs)
    }
    header = runs[0].header
    budget, validation, optimiser = header["budget"], header["validation"], header["run"]["optimiser"]
    height, width = budget["crop"]
    rows = []
    for name, own in by_recipe.items():
        scores = [spread([run.score(key) for run in own]) for key in _SUMS.values()]
        rows.append([f"`{name}`", ", ".join(str(run.seed) for run in own), *scores])
    return [
        f"## {_TITLES.get(header['data'], header['data'])}, several seeds",
        "",
        f"{budget['updates']} updates of {budget['batch']} crops of {height} x {width}, {optimiser['kind']} at "
        f"{optimiser['learning_rate']:g}, {_start(header['run'])}; IoU in percent over the {validation['images']} val "
        "images at full size. The last weights of each run, none chosen. The shipped weights have a budget of their "
        "own, below; what these runs can show is the difference between the heads, and whether it outlives the seed.",
        "",
        *markdown_table(["recipe", "seeds", *_SUMS], rows),
        "",
        *(line for first in list(by_recipe)[1:] for line in _differences(by_recipe, first, next(iter(by_recipe)))),
    ]


def _start(run: dict[str, Any]) -> str:
    """What the training starts from."""
    encoder, source = run["model"]["pyramid"]["encoder"], run.get("encoder_weights", "scratch")
    if source == "scratch":
        return "from scratch"
    rate = run["optimiser"].get("encoder_rate", 1.0)
    return f"encoder {encoder} from ImageNet at {rate:g} of the rate"


def _differences(by_recipe: dict[str, list[RepeatedRun]], first: str, second: str) -> list[str]:
    others = {run.seed: run for run in by_recipe[second]}
    pairs = [(run, others[run.seed]) for run in by_recipe[first] if run.seed in others]
    if not pairs:
        return []
    shared = [name for name in pairs[0][0].classes if all(name in run.classes for pair in pairs for run in pair)]
    measures = _SUMS | {name: name for name in shared}
    gaps = {title: [a.score(key) - b.score(key) for a, b in pairs] for title, key in measures.items()}
    rows = [
        [
            title if title in _SUMS else f"IoU of {title}",
            spread([b.score(measures[title]) for _, b in pairs]),
            spread([a.score(measures[title]) for a, _ in pairs]),
            gap_cell(gaps[title]),
        ]
        for title in measures
    ]
    return [
        f"Differences within a seed, `{first}` minus `{second}`, in percentage points. {by_chance(len(pairs))}",
        "",
        *markdown_table(["", f"`{second}`", f"`{first}`", "difference"], rows),
        "",
        f"{verdict(f'`{first}`', f'`{second}`', {title: gaps[title] for title in _SUMS})} {_classes_agreeing(gaps)}",
        "",
    ]


def _classes_agreeing(gaps: dict[str, list[float]]) -> str:
    classes = {title: values for title, values in gaps.items() if title not in _SUMS}
    agree = sum(all(v > 0 for v in values) or all(v < 0 for v in values) for values in classes.values())
    return f"Of {len(classes)} classes {agree} {'has' if agree == 1 else 'have'} one sign in all seeds."
