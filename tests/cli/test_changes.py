"""The table of changes by command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rsp_lab.analysis.scenes.changes import scene_changes
from rsp_lab.cli import main
from rsp_lab.data.scenes.scene import draw_scene_pair
from rsp_lab.models import weights

pytestmark = pytest.mark.usefixtures("one_thread")
SMALL = ["--size", "64", "128", "-n", "2", "--cases", "car-bus"]


def test_it_prints_a_table_and_writes_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main.main(["changes", "scenes-baseline", "scenes-rsp4", *SMALL, "--seed", "5", "-o", str(tmp_path / "a.json")])

    printed = capsys.readouterr().out
    assert "level 7" in printed
    facts = json.loads((tmp_path / "a.json").read_text())
    assert [one["model"] for one in facts["changes"]] == ["scenes-baseline", "scenes-rsp4"]
    assert facts["changes"][0]["looking"] == {}
    pairs = [draw_scene_pair(seed, 64, 128, case="car-bus") for seed in (5, 6)]
    (expected,) = scene_changes(weights.load("scenes-rsp4"), pairs)
    assert facts["changes"][1] == json.loads(json.dumps(expected.to_dict()))


def test_models_of_any_make_stand_under_the_levels_of_all(foreign: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["scenes-baseline-tiny", f"{foreign}:other"]
    main.main(["changes", *names, *SMALL, "--control", "--json"])
    facts = json.loads(capsys.readouterr().out)["changes"]
    assert [one["model"] for one in facts][1::2] == ["other", "other, drawn anew"]
    assert [list(one["content"]) for one in facts] == [["2", "3", "4", "5", "6", "7"], ["2", "4"]] * 2
    assert [list(one["looking"]) for one in facts] == [[], ["gates"]] * 2

    main.main(["changes", *names, *SMALL])
    printed = capsys.readouterr().out
    assert all(f"level {x}" in printed for x in range(2, 8))
    assert "of another make is that of all its gates together" in printed


def test_double_precision_adds_up_more_closely(capsys: pytest.CaptureFixture[str]) -> None:
    main.main(["changes", "scenes-rsp4", *SMALL, "--double", "--json"])

    facts = json.loads(capsys.readouterr().out)
    assert facts["precision"] == "float64"
    assert facts["changes"][0]["residual"] < 1e-10


def test_the_control_is_the_same_network_untrained(capsys: pytest.CaptureFixture[str]) -> None:
    main.main(["changes", "scenes-rsp4", *SMALL, "--control", "--json"])

    trained, fresh = json.loads(capsys.readouterr().out)["changes"]
    assert fresh["model"] == "scenes-rsp4, drawn anew"
    assert abs(fresh["change"]["mean"]) < abs(trained["change"]["mean"])


@pytest.mark.parametrize(
    ("words", "says"),
    [(["-n", "0"], "-n must be at least 1"), (["--cases", "cat-dog"], "no case 'cat-dog'"), (["nobody"], "nobody")],
)
def test_what_it_refuses(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main.main(["changes", *words])

    assert stop.value.code == 2
    assert says in capsys.readouterr().err


def test_the_cue_is_as_far_away_as_asked(capsys: pytest.CaptureFixture[str]) -> None:
    main.main(["changes", "scenes-rsp4", *SMALL, "--seed", "5", "--distance", "12", "--json"])

    facts = json.loads(capsys.readouterr().out)
    pairs = [draw_scene_pair(seed, 64, 128, case="car-bus", distance=12) for seed in (5, 6)]
    (expected,) = scene_changes(weights.load("scenes-rsp4"), pairs)
    assert facts["distance"] == 12
    assert facts["changes"][0] == json.loads(json.dumps(expected.to_dict()))

    with pytest.raises(SystemExit):
        main.main(["changes", "scenes-rsp4", *SMALL, "--distance", "900"])
    assert "a cue can be planted 2 to 19 pixels away, got 900" in capsys.readouterr().err
