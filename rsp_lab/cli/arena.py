"""``rsp-lab arena``: methods of explanation set against each other."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated, Any

import tyro

from rsp_lab.analysis.arena.expectations import EXPECTATIONS, judge
from rsp_lab.analysis.arena.methods import METHODS
from rsp_lab.analysis.arena.page import arena_page, expectation_counts, left_out_words
from rsp_lab.analysis.arena.result import ArenaResult
from rsp_lab.analysis.arena.run import ArenaSettings, run_arena
from rsp_lab.cli import arguments
from rsp_lab.cli.output import say
from rsp_lab.cli.progress import progress_on_stderr
from rsp_lab.cli.reports import ReportFiles, check_output, kept_state, report_facts, write_report
from rsp_lab.data.scenes.scene import CASES
from rsp_lab.figures.results.arena import draw_arena
from rsp_lab.figures.style import save
from rsp_lab.files import is_ours, to_json, write_atomic
from rsp_lab.interruption import kept
from rsp_lab.models.load_any import load_any

FILES = ReportFiles("arena.json", ("arena",), ("arena.csv", "arena.md"))


def arena(
    *,
    results: arguments.KeptResults,
    models: tuple[str, ...] = ("scenes-baseline", "scenes-rsp4"),
    scenes: int = 1,
    seeds: int = 3,
    methods: Annotated[tuple[str, ...], tyro.conf.arg(help=f"of {', '.join(METHODS)}; default: all")] = (),
    cases: Annotated[tuple[str, ...], tyro.conf.arg(help=f"of {', '.join(CASES)}; default: all")] = (),
    distances: tuple[int, ...] = (),
    size: tuple[int, int] = (256, 512),
    page: Path | None = None,
    device: arguments.Device = "auto",
) -> None:
    """Which method tells the truth about a model? Deletion and insertion, new parameters, and drawn scenes.

    Says first what is expected of each method. Writes arena.csv, arena.json, arena.md, arena.png and arena.pdf. It goes
    on where it was interrupted, and with more scenes where it ended. About a minute a pair and model on two cores.

    Args:
        models: shipped names, .safetensors files or FILE.py:function, of the drawn scenes' classes. Of a network of
            another make the methods that apply are run, and the others are named with the reason.
        scenes: pairs for each case and distance.
        seeds: random orders and maps a decision, the control.
        distances: of the cue in pixels; default: the least, a middle and the greatest.
        size: rows and columns of the scenes.
        page: also write the page there, and its picture to images/ beside it.
    """
    settings = ArenaSettings(
        size=size,
        scenes=scenes,
        distances=distances,
        cases=cases or tuple(CASES),
        methods=methods or tuple(METHODS),
        seeds=seeds,
    )
    # Where nothing can be written, it is better to know before the work.
    out, state = results.out, results.out / "state"
    FILES.check(out)
    if page is not None:
        check_output(page, ending=".md", option="--page")
        # What the page shows was written with it.
        check_output(_picture(page), vouched=is_ours(page, ".md"), option="--page")
    loaded = [load_any(name, device) for name in models]
    if len(set(models)) < len(models):
        raise ValueError("a model is named twice: name each once.")
    if len({model.name for model in loaded}) < len(loaded):
        for model, name in zip(loaded, models, strict=True):
            model.name = name
    say("Expected, before anything is measured:")
    for expectation in EXPECTATIONS:
        say(f"  {expectation.sentence()}: {expectation.reason}")
    with kept(kept_state(state, state, "*.json")):
        with progress_on_stderr("arena", "pairs") as report:
            result = run_arena(loaded, settings, state, fresh=results.fresh, report=report)
        facts = _write(result, out)
        if page is not None:
            save(draw_arena(result), _picture(page), dpi=200)
            write_atomic(page, arena_page(result, "images/arena.png"))
    if results.json:
        print(to_json(facts))
        return
    for name in result.models:
        if words := left_out_words(result, name):
            say(f"left out of {name}: {words}")
    verdicts = judge(result)
    for verdict in verdicts:
        print(f"{verdict.outcome:9s} {verdict.model}: {verdict.expectation.sentence()}: {verdict.difference}")
    say(f"{expectation_counts(verdicts)}; wrote {out}")


def _picture(page: Path) -> Path:
    return page.parent / "images" / "arena.png"


def _write(result: ArenaResult, out: Path) -> dict[str, Any]:
    facts = report_facts(result) | {"expectations": [verdict.to_dict() for verdict in judge(result)]}
    with FILES.folder(out) as folder:
        with (folder / "arena.csv").open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, ["model", "method", "measure", "mean", "low", "high", "count"])
            table.writeheader()
            table.writerows(result.rows())
        write_atomic(folder / "arena.md", arena_page(result))
        write_report(folder, "arena", facts, {"arena": draw_arena(result)})
    return facts
