"""``rsp-lab changes``: by what way the cues of drawn scenes decide, over many pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import tyro

from rsp_lab.analysis.faithfulness.randomisation import randomised
from rsp_lab.analysis.ledger.frozen_subject import GATES
from rsp_lab.analysis.scenes.changes import SceneChanges, scene_changes
from rsp_lab.cli import arguments
from rsp_lab.cli.output import Json, print_rows, say
from rsp_lab.cli.progress import ReportProgress, progress_on_stderr
from rsp_lab.cli.reports import about_run, check_output
from rsp_lab.data.scenes.dataset import FIRST_SEED
from rsp_lab.data.scenes.scene import CASES, Scene, draw_scene_pair
from rsp_lab.files import to_json, write_json
from rsp_lab.models.load_any import load_any
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject

SCENE_PAIR = ("scenes-baseline", "scenes-rsp4")


def changes(
    models: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="MODEL")] = SCENE_PAIR,
    *,
    n: Annotated[int, tyro.conf.arg(aliases=("-n",))] = 40,
    cases: Annotated[tuple[str, ...], tyro.conf.arg(help=f"of {', '.join(CASES)}")] = tuple(CASES),
    size: tuple[int, int] = (256, 512),
    seed: int = FIRST_SEED["test"],
    distance: int | None = None,
    double: bool = False,
    control: bool = False,
    device: arguments.Device = "auto",
    out: Annotated[Path | None, tyro.conf.arg(aliases=("-o",), metavar="JSON")] = None,
    json: Json = False,
) -> None:
    """By what way the cues of drawn scenes decide: mean absolute content by level and looking by step, with intervals.

    Models are shipped names, .safetensors files or FILE.py:function, of the drawn scenes' classes. Each pair is the two
    readings of a scene, which differ in the cue's pixels alone; the decision is about its region.

    Args:
        n: pairs of each case.
        size: rows and columns of a scene.
        seed: of the first pair; by default of the test split, on which nothing was trained.
        distance: from region to cue in pixels, for every scene; default: of each scene its own, drawn at random.
        double: compute in float64.
        control: also ask each network with its parameters drawn anew: what comes of the architecture alone.
        out: a file for the result as JSON too.
    """
    if n < 1:
        raise ValueError(f"-n must be at least 1, got {n}.")
    arguments.checked_seed(seed)
    if not models or not cases:
        raise ValueError("name one or more models, and one or more --cases.")
    unknown = [case for case in cases if case not in CASES]
    if unknown:
        raise ValueError(f"there is no case {unknown[0]!r}: choose of {', '.join(CASES)}.")
    if out is not None:
        check_output(out, ending=".json")
    found: list[SceneChanges] = []
    whole = n * len(cases)
    loaded = [load_any(name, device) for name in models]
    if control:
        loaded += [_untrained(network) for network in loaded]
    for network in loaded:
        network, name = network.double() if double else network, network.name
        with progress_on_stderr(name, f"pairs of {name}") as report:
            found += scene_changes(network, _pairs(n, cases, size, seed, distance), partial(_reported, report, whole))
    precision = "float64" if double else "float32"
    facts = about_run(size=list(size), seed=seed, distance=distance, precision=precision) | {
        "changes": [one.to_dict() for one in found]
    }
    if out is not None:
        write_json(out, facts, indent=1)
        say(f"wrote {out}")
    if json:
        print(to_json(facts))
    else:
        levels = sorted({level for one in found for level in one.content}, reverse=True)
        print_rows([_row(one, levels) for one in found], as_json=False)
        print("Mean absolute logits with 95 % intervals over pairs; the change is signed.")
        if any(GATES in one.looking for one in found):
            print("Looking of a network of another make is that of all its gates together.")


def _untrained(network: Segmenter | Subject) -> Segmenter | Subject:
    fresh = randomised(network, "model", 0)
    fresh.name = f"{network.name}, drawn anew"
    return fresh


def _reported(report: ReportProgress, whole: int, done: int) -> None:
    report(done, whole)


def _pairs(
    n: int, cases: tuple[str, ...], size: tuple[int, int], seed: int, distance: int | None
) -> Iterator[tuple[Scene, Scene]]:
    for case in cases:
        for number in range(n):
            yield draw_scene_pair(seed + number, *size, case=case, distance=distance)


def _row(found: SceneChanges, levels: Sequence[int]) -> dict[str, Any]:
    """Under the levels of all models: a model has none, some, or all of them."""
    content = {f"level {x}": str(found.content[x]) if x in found.content else None for x in levels}
    looking = sum(one.mean for one in found.looking.values())
    return {
        "model": found.model,
        "case": found.case,
        "pairs": found.change.count,
        "change": str(found.change),
        **content,
        "looking": f"{looking:.3f}",
        "looking's share": str(found.looking_share),
        "residual": f"{found.residual:.1g}",
    }
