"""A study from its runs to the results page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rsp_lab.analysis.scenes.answers import RegionAnswer
from rsp_lab.data.scenes import dataset
from rsp_lab.data.scenes.difficulty import DEFAULT, Difficulty
from rsp_lab.data.scenes.scene import CASES
from rsp_lab.files import FileError, read_json, write_json
from rsp_lab.intervals import Estimate
from trainers.commands import main
from trainers.config.paper import PAPER_RECIPES
from trainers.reports.claims import verdict_of
from trainers.reports.expected import MEASURES, STUDY_EXPECTATIONS, StudyExpectation
from trainers.reports.printed import PRINTED
from trainers.reports.results import results_page
from trainers.reports.write import write_results
from trainers.runs import records, study
from trainers.runs.study_runs import StudyRun, read_study

HARD = Difficulty(decoys=2)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, unchecked_module: None) -> Path:
    """A study of two heads and one update, on four scenes."""
    root = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset, "_SCENES", {"train": 4, "val": 1, "test": 1})
        patch.setattr(study, "SWEEP_SCENES", 1)
        patch.setattr(study, "HARD_SCENES", 1)
        patch.setattr(study, "SETTINGS", (DEFAULT, HARD))
        patch.setattr(study, "sweep_distances", lambda *_: (4, 20))
        patch.setattr("rsp_lab.analysis.scenes.answers.sweep_distances", lambda *_: (4, 20))
        main(["study", "-o", str(root), "--seeds", "3", "--heads", "baseline", "rsp2", "--steps", "1"])
    return root


def test_every_head_and_seed_has_a_folder_with_its_answers(runs: Path) -> None:
    assert sorted(folder.name for folder in runs.iterdir()) == ["baseline-3", "rsp2-3"]
    found = records.findings_of(runs / "rsp2-3")

    assert found is not None
    assert [facts.step for facts in found.relations] == ["step54", "step43"]
    assert all(0 < facts.entropy <= 1 for facts in found.relations)
    assert all(-1 <= facts.complementarity <= 1 and 0 <= facts.shuffled <= 100 for facts in found.relations)
    answers = found.answers
    expected = {(case, distance, "default") for case in CASES for distance in (4, 20)}
    expected |= {(case, 20, "decoys 2") for case in CASES}
    assert {(a.case, a.distance, a.difficulty, a.reading) for a in answers} == {
        (*asked, reading) for asked in expected for reading in (0, 1)
    }
    assert len(answers) == 2 * len(expected)


def test_a_finished_study_does_nothing_again(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "_SCENES", {"train": 4, "val": 1, "test": 1})
    monkeypatch.setattr(study, "write_findings", lambda *_: pytest.fail("asked again"))
    kept = [folder / name for folder in runs.iterdir() for name in ("best.safetensors", "findings.json")]
    before = [path.stat().st_mtime_ns for path in kept]

    assert main(["study", "-o", str(runs), "--seeds", "3", "--heads", "baseline", "rsp2", "--steps", "1"]) == 0
    assert before == [path.stat().st_mtime_ns for path in kept]


def test_answers_of_other_weights_do_not_count(runs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "baseline-3"
    folder.mkdir()
    for name in ("best.safetensors", "findings.json"):
        (folder / name).write_bytes((runs / "baseline-3" / name).read_bytes())
    assert records.findings_of(folder)

    (folder / "best.safetensors").write_bytes((runs / "rsp2-3" / "best.safetensors").read_bytes())
    assert records.findings_of(folder) is None


def test_records_hold_all_that_the_page_says_of_runs(runs: Path, tmp_path: Path) -> None:
    assert main(["records", str(runs), "-o", str(tmp_path / "records")]) == 0
    kept = tmp_path / "records"
    assert sorted(path.name for path in kept.iterdir()) == ["study_baseline-3.json", "study_rsp2-3.json"]

    from_runs, from_records = read_study(runs), read_study(kept)
    assert results_page(from_runs, []) == results_page(from_records, [])
    for run, record in zip(from_runs, from_records, strict=True):
        assert replace(record, answers=run.answers) == run
        margins = [a.margin for a in run.answers], [a.margin for a in record.answers]
        assert margins[0] == pytest.approx(margins[1], rel=1e-5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda kept: kept["header"].pop("seed"), "lacks seed"),
        (lambda kept: kept.pop("parameters"), "parameters"),
        (lambda kept: kept["answers"][0]["margin"].pop(), "shorter"),
        (lambda kept: kept["answers"][0].pop("case"), "case"),
    ],
)
def test_a_damaged_record_is_refused(change: Any, said: str, runs: Path, tmp_path: Path) -> None:
    (path, *_) = records.write_records(runs, tmp_path)
    kept = read_json(path, "record")
    change(kept)
    write_json(path, kept)

    with pytest.raises(FileError, match=rf"(?s)no record of a run .*{said}.*trainers records"):
        read_study(tmp_path)


def test_the_page_is_written_with_its_figure(runs: Path, tmp_path: Path) -> None:
    page, claims, figure, _ = write_results([runs, runs], tmp_path / "results.md")

    text = page.read_text()
    assert "### Accuracy and region IoU by difficulty" in text
    assert "| decoys 2 |" in text
    assert "| RSP-2 above Baseline (accuracy) |" in text
    assert "RSP-2 minus Baseline, 1 seed: mIoU" in claims.read_text()
    assert text.count("| RSP-2 minus Baseline |") == 2
    assert "### With 1 updates" in text
    assert "RSP-2 minus + SELF" not in text
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert f"images/{figure.name}" in text


@pytest.mark.parametrize(("seeds", "heads"), [((0,), ("rsp3",)), ((0,), ()), ((), ("rsp4",))])
def test_a_study_of_nothing_is_refused(seeds: tuple[int, ...], heads: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a study needs seeds"):
        study.run_study(tmp_path, seeds, heads)


def test_no_finished_run_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["results", str(tmp_path), "-o", str(tmp_path / "x.md")]) == 2
    assert "no finished run" in capsys.readouterr().err


def _run(head: str, seed: int, miou: float, right: bool) -> StudyRun:
    answers = tuple(
        RegionAnswer(case, 1, reading, 9, 100, 80 if right else 10, 20 if right else 70, 1.0 if right else -1.0)
        for case in CASES
        for reading in (0, 1)
    )
    return StudyRun(head, seed, miou, 120, 500, 1_000_000, answers)


def test_the_page_says_who_wins_and_where_seeds_disagree() -> None:
    wins = [_run("baseline", s, 0.50, False) for s in (0, 1, 2)] + [
        _run("rsp2", s, 0.5 + d, True) for s, d in enumerate((0.01, -0.02, 0.03))
    ]
    page = results_page(wins, [])

    said = "RSP-2 against Baseline, 3 seeds: region IoU and accuracy above in each seed; mIoU not told apart"
    assert f"- {said}, the seeds do not agree." in page
    assert "3 seeds would still agree on the sign of a measure in 25 % of the cases." in page
    assert "| RSP-2 minus Baseline | +0.7 ± 6.3, 2 of 3 up |" in page
    # 80 right of 100, and 20 of the other reading's 100 swapped: 80 / 120.
    assert "| RSP-2 | 0, 1, 2 | 1.00 | 51.0 (48.0 to 53.0) | 66.7 (66.7 to 66.7) | 100.0 (100.0 to 100.0) |" in page


def test_a_loss_is_said_as_plainly() -> None:
    page = results_page([_run("baseline", 0, 0.6, True), _run("rsp2", 0, 0.5, False)], [])

    assert "- RSP-2 against Baseline, 1 seed: mIoU, region IoU and accuracy **below** in the one seed there is." in page


def test_every_printed_row_has_its_recipe() -> None:
    assert {row.recipe for row in PRINTED} <= set(PAPER_RECIPES)


def test_the_page_says_first_where_the_heads_part() -> None:
    right = [_run("rsp4", s, 0.5, True) for s in (0, 1)]
    page = results_page([*right, *(_run("baseline_q67", s, 0.5 + 0.01 * s, False) for s in (0, 1))], [])
    said = next(line for line in page.splitlines() if line.startswith("RSP-4 against a sum"))
    assert "9 measures: RSP-4 is above in region IoU (" in said
    assert "accuracy (+100.0 ± 0.0)" in said
    assert "mIoU" not in said.partition("Of 9")[0]

    same = results_page([*right, *(_run("baseline_q67", s, 0.5, True) for s in (0, 1))], [])
    assert "9 measures: **by none of them**" in same


@pytest.mark.parametrize(
    ("gaps", "words"),
    [
        ({"a": [1, 1.1], "b": [2, 2.1]}, "**holds**"),
        ({"a": [-1, -1.1]}, "**the opposite**"),
        ({"a": [-1, 1.1]}, "**not told apart**"),
        ({"a": [1, 1.1], "b": [-1, 1]}, "**holds** in a; **not told apart** in b"),
    ],
)
def test_a_claim_has_the_verdict_of_its_intervals(gaps: dict[str, list[float]], words: str) -> None:
    assert verdict_of({title: Estimate.of(values) for title, values in gaps.items()}) == words


def test_an_expectation_is_judged_seed_by_seed() -> None:
    runs = [_run("rsp2", s, 0.6, True) for s in (0, 1, 2)] + [_run("baseline", s, 0.5, False) for s in (1, 2, 3)]
    expected = StudyExpectation("rsp2", "baseline", "accuracy", "above", "because")
    found, outcome = expected.judged(runs)
    assert (found.mean, found.count, outcome) == (1.0, 2, "held")
    assert expected.sentence() == "RSP-2 above Baseline (accuracy)"
    assert {one.measure for one in STUDY_EXPECTATIONS} <= set(MEASURES)
