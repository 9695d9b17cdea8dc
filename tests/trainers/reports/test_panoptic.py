"""The panoptic pair on the results page: seed against seed, beside Table III, and what the head changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rsp_lab.files import FileError
from trainers.reports.panoptic import BASELINE, RSP, PanopticRuns, panoptic_section, read_panoptic, shipped_pq, value_of
from trainers.runs.repeats import RepeatedRun


def run(recipe: str, seed: int, pq: float, miou: float) -> RepeatedRun:
    group = {"pq": pq, "sq": 0.8, "rq": 0.5, "tp": 5, "fp": 5, "fn": 5}
    by_class = {
        "road": {**group, "isthing": False},
        "car": {**group, "pq": pq / 2, "isthing": True},
        "train": {**group, "pq": 0, "tp": 0, "fp": 0, "fn": 0, "isthing": True},
    }
    header: dict[str, Any] = {
        "recipe": recipe,
        "data": "small-panoptic-scenes",
        "seed": seed,
        "budget": {"updates": 1200, "batch": 4, "crop": [128, 256]},
        "validation": {
            "images": 120,
            "miou": miou,
            "panoptic": {"all": group, "things": {**group, "pq": None}, "stuff": group, "by_class": by_class},
            "precision": {"box": {"AP": 0.4}, "mask": {"AP": 0.2}},
        },
        "run": {
            "optimiser": {"kind": "adamw", "learning_rate": 1e-3, "encoder_rate": 0.3},
            "loss": {"instances": 1.0, "semantic": 0.5},
            "model": {"semantic": {"pyramid": {"encoder": "timm/some"}}},
        },
    }
    return RepeatedRun(header)


def effect(change: float) -> dict[str, Any]:
    return {
        "models": ["a", "b"],
        "change": {"all": change / 2, "things": 0.0, "stuff": change},
        "by_class": {"road": change, "car": 0.0},
        "by_kind": {"won": {"segments": 3, "effect": change}},
        "segments": [{"sentence": f"road in scene-{i}: no pixel is called so -> matched"} for i in range(12)],
    }


RUNS = [run(BASELINE, 0, 0.40, 0.60), run(BASELINE, 1, 0.42, 0.62), run(RSP, 0, 0.43, 0.66), run(RSP, 1, 0.44, 0.61)]


def test_the_section_sets_seed_against_seed_and_beside_the_paper() -> None:
    text = "\n".join(panoptic_section(PanopticRuns(RUNS, {})))

    assert "1200 updates of 4 drawn scenes of 128 x 256, adamw at 0.001, encoder timm/some from ImageNet at 0.3" in text
    assert "| RSP-4-D | 0, 1 | 63.5 (61.0 to 66.0) | 43.5 (43.0 to 44.0) |" in text
    assert "PQ above in each seed" in text or "above in each seed" in text
    assert "mIoU" in text.split("not told apart")[0].rsplit(";", 1)[-1]
    row = next(line for line in text.splitlines() if line.startswith("| RSP-4-D head |"))
    assert row.split(" | ")[1:5] == ["42.7", "40.2", "34.5", "37.5"]
    assert "43.5 (43.0 to 44.0)" in row
    assert row.endswith("`coco_rsp4d_r50` |")
    fpn = next(line for line in text.splitlines() if line.startswith("| Panoptic FPN |"))
    assert fpn.split(" | ")[5:9] == ["–"] * 4
    assert "| car | thing | 20.5 (20.0 to 21.0) | 21.8 (21.5 to 22.0) |" in text
    assert "| train |" not in text
    assert "437 px instead of 4,096" in text
    assert "Both semantic maps" not in text


def test_what_the_head_changed_is_told_by_seed_and_segment() -> None:
    text = "\n".join(panoptic_section(PanopticRuns(RUNS, {0: effect(0.04), 1: effect(-0.02)})))

    assert "| seed 0 | +2.0 | 0.0 | +4.0 | 3 won |" in text
    assert "| road | +4.0 | −2.0 |" in text
    assert "| car |" not in text.split("same detections with both")[1]
    assert "- road in scene-9:" in text
    assert "- road in scene-10:" not in text


def test_one_seed_decides_nothing() -> None:
    text = "\n".join(panoptic_section(PanopticRuns([RUNS[0], RUNS[2]], {})))
    assert "With one seed, a difference may be chance." in text
    assert text.count("undecided") == 6


def test_measures_are_read_off_a_header() -> None:
    assert value_of(RUNS[0], "PQ") == 0.40
    assert value_of(RUNS[0], "PQ, things") == 0.0
    assert value_of(RUNS[0], "box AP") == 0.4
    assert shipped_pq(RUNS[0].header) == "40.0"
    assert shipped_pq({"validation": {"miou": 0.5}}) == "–"


@pytest.mark.parametrize(("name", "content"), [("0", {"change": {}}), ("first", effect(0.1))])
def test_a_file_that_is_no_effect_is_refused(name: str, content: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "effects").mkdir()
    (tmp_path / "effects" / f"{name}.json").write_text(json.dumps(content))
    with pytest.raises(FileError, match="no effect of a semantic map by seed"):
        read_panoptic(tmp_path)
