"""The results page says what the records say that lie beside it."""

from __future__ import annotations

from pathlib import Path

from trainers.reports.arena_ranks import read_arena
from trainers.reports.claims import claims_page
from trainers.reports.panoptic import read_panoptic
from trainers.reports.results import figure_name, makes_figure_name, results_page
from trainers.reports.write import read_make_runs, shipped_headers
from trainers.runs.repeats import read_repeats
from trainers.runs.study_runs import read_study

DOCS = Path(__file__).parents[3] / "docs"


def test_the_pages_are_those_of_the_records() -> None:
    runs, repeated = read_study(DOCS / "runs" / "study"), read_repeats(DOCS / "runs" / "camvid")

    makes = read_make_runs(DOCS / "runs" / "makes", repeated)
    panoptic = read_panoptic(DOCS / "runs" / "panoptic")
    arena = read_arena(DOCS / "runs" / "arena" / "makes.json")
    page = results_page(runs, shipped_headers(), repeats=repeated, makes=makes, arena=arena, panoptic=panoptic)
    assert (DOCS / "results.md").read_text() == page
    assert (DOCS / "claims.md").read_text() == claims_page(runs)
    for name in (figure_name("results", runs[0].updates), makes_figure_name("results")):
        assert (DOCS / "images" / name).is_file()
