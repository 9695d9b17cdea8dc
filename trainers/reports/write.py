"""The results page and its figure, written from the folders of studies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rsp_lab.analysis.scenes.distance import DistanceCurve
from rsp_lab.data.scenes.scene import CASES
from rsp_lab.figures.results.distance import draw_distance_curves
from rsp_lab.figures.style import save
from rsp_lab.files import write_atomic
from rsp_lab.models import weights
from trainers.reports.arena_ranks import read_arena
from trainers.reports.claims import claims_page
from trainers.reports.makes import MakeRuns
from trainers.reports.panoptic import read_panoptic
from trainers.reports.results import figure_name, makes_figure_name, results_page
from trainers.runs.header import run_header
from trainers.runs.records import read_records
from trainers.runs.repeats import RepeatedRun, one_setting, read_repeats
from trainers.runs.study_runs import HEAD_NAMES, NAMES, StudyRun, distances_of, read_makes, read_study


def write_results(
    roots: Sequence[Path],
    output: Path,
    repeats: Path | None = None,
    makes: Path | None = None,
    arena: Path | None = None,
    panoptic: Path | None = None,
) -> list[Path]:
    """Writes the page, claims.md beside it, and its figures into the folder images/ beside it.

    Args:
        roots: the study, then studies of another length.
        repeats: folder of recipes repeated under several seeds, on another data set.
        makes: folder of runs of decoders of several makes, on drawn scenes and on CamVid.
        arena: ``arena.json`` of ``rsp-lab arena`` on those on drawn scenes.
        panoptic: folder of runs of the panoptic pair, with what the head changed in its folder ``effects``.

    Raises:
        ValueError: if no study is given, or one holds no finished run.
    """
    if not roots:
        raise ValueError("the results page needs the folder of a study: python -m trainers study -o FOLDER.")
    runs, *others = map(read_study, roots)
    repeated = read_repeats(repeats) if repeats else []
    decoders = read_make_runs(makes, repeated) if makes else None
    ranks = read_arena(arena) if arena else None
    things = read_panoptic(panoptic) if panoptic else None
    figures = []
    for study_runs in (runs, *others):
        figures.append(output.parent / "images" / figure_name(output.stem, study_runs[0].updates))
        save(draw_distance_curves(_curves(study_runs), tuple(NAMES.values())), figures[-1], dpi=200)
    if decoders:
        figures.append(output.parent / "images" / makes_figure_name(output.stem))
        save(draw_distance_curves(_curves(decoders.scenes)), figures[-1], dpi=200)
    write_atomic(output, results_page(runs, shipped_headers(), others, output.stem, repeated, decoders, ranks, things))
    claims = output.with_name("claims.md")
    write_atomic(claims, claims_page(runs))
    return [output, claims, *figures]


def read_make_runs(root: Path, repeated: Sequence[RepeatedRun] = ()) -> MakeRuns:
    """The runs of a folder; of ``repeated``, those on CamVid stand beside them.

    Raises:
        ValueError: if there is none on drawn scenes, or those on CamVid differ in more than network and seed.
    """
    found = [RepeatedRun(record.header) for record in read_records(root) if record.header["data"] == "camvid"]
    ours = [run for run in repeated if run.header["data"] == "camvid"] if found else []
    return MakeRuns(read_makes(root), one_setting([*ours, *found], root))


def shipped_headers() -> list[dict[str, Any]]:
    """Headers of the shipped weights."""
    return [run_header(name)[1] for name in weights.shipped()]


def _curves(runs: Sequence[StudyRun]) -> list[DistanceCurve]:
    distances = distances_of(runs)
    return [
        DistanceCurve(
            HEAD_NAMES[head],
            case,
            distances,
            tuple(tuple(run.score(case, distance) for distance in distances) for run in runs if run.head == head),
        )
        for case in CASES
        for head in dict.fromkeys(run.head for run in runs)
    ]
