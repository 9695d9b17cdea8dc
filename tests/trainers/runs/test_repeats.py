"""Recipes under several seeds, and what the results page says of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rsp_lab.data.scenes import dataset
from rsp_lab.data.scenes.scene import CASES, draw_scene_pair
from trainers.commands import main
from trainers.config.recipes import camvid_tiny_rsp4, study
from trainers.reports.repeats import repeats_section
from trainers.runs import repeats
from trainers.runs.records import findings_of
from trainers.runs.repeats import RepeatedRun, read_repeats, run_repeats

RECIPES = ("study_baseline", "study_rsp2")


def repeat(root: Path, *more: str) -> int:
    return main(["repeat", *RECIPES, "-o", str(root), "--steps", "1", *more])


@pytest.fixture(scope="module", autouse=True)
def _few_scenes(unchecked_module: None) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset, "_SCENES", {"train": 4, "val": 1, "test": 1})
        patch.setattr(repeats, "drawn", lambda _: list(draw_scene_pair(5, 128, 256, case=next(iter(CASES)))))
        yield


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recipes, two seeds, one update, on four scenes."""
    folder = tmp_path_factory.mktemp("repeats")
    assert repeat(folder, "--seeds", "1", "0") == 0
    return folder


def test_every_recipe_and_seed_has_a_run(root: Path) -> None:
    runs = read_repeats(root)

    assert [(run.recipe, run.seed) for run in runs] == [(name, seed) for name in RECIPES for seed in (0, 1)]
    assert all(run.header["budget"]["updates"] == 1 for run in runs)
    assert runs[0].score("miou") == runs[0].header["validation"]["miou"]
    found = findings_of(root / "study_rsp2-0")
    assert found is not None
    case = next(iter(CASES))
    assert [(answer.case, answer.reading) for answer in found.answers] == [(case, 0), (case, 1)]
    assert runs[0].score("road") == runs[0].header["validation"]["iou"]["road"]


def test_what_is_finished_is_left_alone(root: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}

    assert {"best.safetensors", "last.safetensors", "config.json", "log.jsonl"} <= {path.name for path in before}
    assert repeat(root, "--seeds", "0", "1") == 0
    assert before == {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}


def test_runs_that_compare_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one data set"):
        run_repeats(tmp_path, [camvid_tiny_rsp4, study("rsp4")], (0,))
    with pytest.raises(ValueError, match="need seeds"):
        run_repeats(tmp_path, [camvid_tiny_rsp4], ())
    with pytest.raises(ValueError, match="no finished run"):
        read_repeats(tmp_path)
    assert main(["repeat", "camvid", "-o", str(tmp_path)]) == 2
    with pytest.raises(ValueError, match="steps must be at least 1"):
        run_repeats(tmp_path, [study("rsp4")], (0,), steps=0)


def test_another_budget_in_the_folder_is_refused(root: Path, tmp_path: Path) -> None:
    for run in root.iterdir():
        (tmp_path / run.name).symlink_to(run)
    assert main(["repeat", "study_rsp2", "-o", str(tmp_path), "--steps", "2", "--seeds", "7"]) == 0

    with pytest.raises(ValueError, match="compare nothing"):
        read_repeats(tmp_path)


def _run(recipe: str, seed: int, miou: float, road: float) -> RepeatedRun:
    header: dict[str, Any] = {
        "recipe": recipe,
        "data": "camvid",
        "seed": seed,
        "budget": {"updates": 300, "batch": 8, "crop": [256, 320]},
        "validation": {"images": 101, "miou": miou, "pixel_accuracy": 0.8, "iou": {"road": road, "train": None}},
        "run": {
            "optimiser": {"kind": "adamw", "learning_rate": 1e-3, "encoder_rate": 0.3},
            "encoder_weights": "package",
            "model": {"pyramid": {"encoder": "timm/resnet18"}},
        },
    }
    return RepeatedRun(header)


def test_the_section_sets_seed_against_seed() -> None:
    runs = [_run("sum", s, m, 0.9) for s, m in enumerate((0.4, 0.5, 0.6))]
    runs += [_run("rsp", s, m, 0.9 - 0.01 * s) for s, m in enumerate((0.42, 0.51, 0.7))]

    text = "\n".join(repeats_section(runs))

    assert "300 updates of 8 crops of 256 x 320, adamw at 0.001, encoder timm/resnet18 from ImageNet at 0.3 of" in text
    assert "| `sum` | 0, 1, 2 | 50.0 (40.0 to 60.0) | 80.0 (80.0 to 80.0) |" in text
    assert "| mIoU | 50.0 (40.0 to 60.0) | 51.0 (42.0 to 70.0) | +4.3 ± 12.3, 3 of 3 up |" in text
    assert "IoU of train" not in text
    assert "| IoU of road | 90.0 (90.0 to 90.0) | 89.0 (88.0 to 90.0) | −1.0 ± 2.5, 0 of 3 up |" in text
    said = (
        "`rsp` against `sum`, 3 seeds: mIoU above in each seed; pixel accuracy not told apart, the seeds do not agree."
    )
    assert f"{said} Of 1 classes 0 have one sign in all seeds." in text
