"""Decoders of several makes on the results page: seed against seed, expectations judged, CamVid beside our heads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rsp_lab.analysis.scenes.answers import RegionAnswer
from rsp_lab.data.scenes.scene import CASES
from trainers.commands import main
from trainers.reports.expected import CAMVID_EXPECTATIONS, MAKE_EXPECTATIONS, MEASURES
from trainers.reports.makes import PAIRS, MakeRuns, makes_section
from trainers.reports.write import read_make_runs
from trainers.runs.records import Findings, RunRecord, write_records
from trainers.runs.repeats import RepeatedRun
from trainers.runs.study_runs import MAKE_NAMES, StudyRun

HARD = "decoys 4, decoy_gap 0.6"


def scenes_run(head: str, seed: int, miou: float, right: bool) -> StudyRun:
    answers = tuple(
        RegionAnswer(case, 1, reading, 9, 100, 80 if right else 10, 20 if right else 70, 1.0 if right else -1.0, hard)
        for case in CASES
        for reading in (0, 1)
        for hard in ("default", HARD)
    )
    return StudyRun(head, seed, miou, 120, 300, 3_400_000, answers)


def camvid_run(recipe: str, seed: int, miou: float, updates: int = 300) -> RepeatedRun:
    header: dict[str, Any] = {
        "recipe": recipe,
        "data": "camvid",
        "seed": seed,
        "budget": {"updates": updates, "batch": 8, "crop": [256, 320]},
        "validation": {"images": 101, "miou": miou, "pixel_accuracy": 0.8, "iou": {"road": 0.9}},
        "run": {"optimiser": {"kind": "adamw", "learning_rate": 1e-3}, "augment": {}, "schedule": {}},
    }
    return RepeatedRun(header)


def section(runs: MakeRuns) -> str:
    return "\n".join(makes_section(runs, "images/x.png"))


def test_decoders_stand_beside_each_other() -> None:
    scenes = [scenes_run("lite0_rsp4", s, 0.44 + 0.01 * s, True) for s in (0, 1)]
    scenes += [scenes_run("smp_fpn", s, 0.43, s == 0) for s in (0, 1)]
    text = section(MakeRuns(scenes))

    assert "300 updates of 8 scenes of 128 x 256" in text
    assert "UPerNet: decoder_channels 64" in text
    assert "| smp FPN | 0, 1 | 3.40 | 43.0 (43.0 to 43.0) |" in text
    assert "| RSP-4 minus smp FPN | +1.5 ± 6.4, 2 of 2 up |" in text
    assert "- RSP-4 against smp FPN, 2 seeds: mIoU above in each seed; region IoU and accuracy not told apart" in text
    assert "| RSP-4 above smp FPN (accuracy) |" in text
    assert "smp UPerNet" not in text.partition("### Does RSP-4")[2]
    assert f"| {HARD} |" in text
    assert "CamVid" not in text.partition("### Does RSP-4")[2]


def test_a_tie_of_one_seed_is_one() -> None:
    text = section(MakeRuns([scenes_run("lite0_rsp4", 0, 0.4, True), scenes_run("smp_fpn", 0, 0.4, True)]))
    assert "- RSP-4 against smp FPN, 1 seed: mIoU, region IoU and accuracy equal in the one seed there is." in text


def test_camvid_is_judged_as_it_was_expected() -> None:
    camvid = [camvid_run("camvid_lite0_baseline", s, 0.57) for s in (0, 1, 2)]
    camvid += [camvid_run("camvid_smp_fpn", s, 0.50 + 0.002 * s) for s in (0, 1)]
    text = section(MakeRuns([scenes_run("lite0_rsp4", 0, 0.4, True)], camvid))

    assert "| `camvid_smp_fpn` | 0, 1 | 50.1 (50.0 to 50.2) | 80.0 (80.0 to 80.0) |" in text
    line = next(row for row in text.splitlines() if row.startswith("| `camvid_smp_fpn` within 2 points of"))
    assert line.endswith("| −6.9 ± 1.3 | 2 | failed |")
    assert "`camvid_smp_upernet`" not in text


def test_every_expectation_names_decoders_that_there_are() -> None:
    for one in MAKE_EXPECTATIONS:
        assert {one.first, one.second} <= set(MAKE_NAMES)
        assert one.measure in MEASURES
    for first, second, _, _ in CAMVID_EXPECTATIONS:
        assert {first, second} <= {f"camvid_{name}" for name in MAKE_NAMES}
    assert {name for pair in PAIRS for name in pair} == set(MAKE_NAMES)


def test_the_runs_of_a_folder_are_parted_by_their_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Findings(scenes_run("lite0_rsp4", 0, 0.4, True).answers, ())
    drawn = camvid_run("scenes_lite0_rsp4", 0, 0.4).header | {"data": "small-scenes"}
    drawn["budget"] = {"updates_done": 300}
    records = [RunRecord(drawn, 7, found), RunRecord(camvid_run("camvid_smp_fpn", 0, 0.5).header, 7)]
    for module in ("trainers.reports.write", "trainers.runs.study_runs"):
        monkeypatch.setattr(f"{module}.read_records", lambda _: records)

    ours = [camvid_run("camvid_lite0_rsp4", 1, 0.6), RepeatedRun({"data": "cityscapes"})]
    runs = read_make_runs(tmp_path, ours)
    assert [run.head for run in runs.scenes] == ["lite0_rsp4"]
    assert [run.recipe for run in runs.camvid] == ["camvid_lite0_rsp4", "camvid_smp_fpn"]
    with pytest.raises(ValueError, match="compare nothing"):
        read_make_runs(tmp_path, [camvid_run("camvid_lite0_rsp4", 1, 0.6, updates=1000)])


def test_a_folder_without_such_runs_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="no finished run"):
        write_records(tmp_path, tmp_path / "records")
    with pytest.raises(ValueError, match="no finished run of a decoder on drawn scenes"):
        read_make_runs(tmp_path)
    docs = Path(__file__).parents[3] / "docs"
    command = ["results", str(docs / "runs" / "study"), "--makes", str(tmp_path), "-o", str(tmp_path / "page.md")]
    assert main(command) == 2
    assert "no finished run of a decoder" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
