"""A panoptic network the whole way: trained, evaluated, predicted, exported, on its card, and set beside another."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from rsp_lab.analysis.panoptic.quality import panoptic_quality
from rsp_lab.data.panoptic.files import write_panoptic
from rsp_lab.models import weights
from rsp_lab.models.panoptic.segmenter import PanopticSegmenter
from rsp_lab.models.run_state import LAST, load_model
from tests.trainers.small_panoptic import config, few
from trainers.commands import main
from trainers.runs import export
from trainers.runs import run as runs
from trainers.training.checkpoint import BEST


@pytest.fixture(scope="module", autouse=True)
def _one_thread(one_thread: None) -> None: ...


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of two updates, of two seeds."""
    folder = tmp_path_factory.mktemp("runs")
    for seed in (0, 1):
        settings = config(seed=seed, steps=2, eval_every=2)
        runs.run_recipe(settings, folder / str(seed), (few("train", 4), few("val", 2)))
    return folder


@pytest.fixture(autouse=True)
def _data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "open_split", lambda _data, split, **_: few(split, 2))


def test_evaluate_agrees_with_the_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(folder / "0"), "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    validation = weights.read_header(folder / "0" / BEST)[1]["validation"]

    assert len(scores.pop("confusion")["names"]) == 20
    assert scores == validation
    assert main(["evaluate", str(folder / "0" / LAST)]) == 0
    said = capsys.readouterr().out
    for words in ("mIoU", "panoptic quality", "things", "traffic light", "AP50", "taken most for"):
        assert words in said


def test_predictions_are_in_the_official_layout(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(folder / "0"), "-o", str(tmp_path / "out")]) == 0

    assert "wrote segments of 2 images" in capsys.readouterr().out
    samples = few("val", 2)
    write_panoptic(
        tmp_path / "truth.json", ((samples.image_entry(i), samples.segment_map(i)) for i in range(2)), samples.panoptic
    )
    quality = panoptic_quality(tmp_path / "truth.json", tmp_path / "out" / "panoptic.json")
    said = weights.read_header(folder / "0" / BEST)[1]["validation"]["panoptic"]["all"]
    assert (quality.all.tp, quality.all.fp, quality.all.fn) == (said["tp"], said["fp"], said["fn"])
    assert all(one["score"] > 0 for one in json.loads((tmp_path / "out" / "instances.json").read_text()))


def test_weights_are_exported_and_have_a_card(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "half.safetensors"
    assert main(["export", str(folder / "0"), "--name", "things", "-o", str(file)]) == 0
    assert main(["card", str(file), "-o", str(tmp_path / "card.md")]) == 0

    assert isinstance(weights.load(file), PanopticSegmenter)
    card = (tmp_path / "card.md").read_text()
    for words in (
        "| **things** |",
        "things: PQ",
        "box AP50",
        "instance branch",
        "shorter side 48 to 64 in steps of 16",
    ):
        assert words in card


def test_what_another_semantic_map_changes_is_a_command(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "effect.json"
    assert main(["effect", str(folder / "0"), str(folder / "1"), "-o", str(file)]) == 0

    assert "The detections of 0 with the semantic map of 1" in capsys.readouterr().out
    found = json.loads(file.read_text())
    assert found["models"] == ["0", "1"]
    assert found["change"]["things"] in (0, None)


def test_a_sheet_shows_whole_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("timm", reason="timm, of the extra encoders, is not installed")
    assert main(["crops", "scenes_panoptic_rsp4d", "-o", str(tmp_path / "x.png"), "-n", "2"]) == 0
    assert main(["crops", "scenes_panoptic_rsp4d", "-o", str(tmp_path / "x.png"), "--bootstrap", "centres"]) == 2
    assert "takes whole images" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--flip"], "passed once and whole"),
        (["--scales", "1", "2"], "passed once and whole"),
    ],
)
def test_things_are_found_in_whole_images(
    words: list[str], said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(folder / "0"), *words]) == 2
    assert said in capsys.readouterr().err


def test_what_tells_no_things_apart_has_no_effect(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["effect", str(folder / "0"), "scenes-rsp4"]) == 2
    assert "scenes-rsp4: tells no things apart" in capsys.readouterr().err


def test_a_state_is_a_panoptic_network(folder: Path) -> None:
    assert isinstance(load_model(folder / "0" / LAST), PanopticSegmenter)


def test_data_without_things_and_other_things_are_refused(tmp_path: Path) -> None:
    settings = config()
    with pytest.raises(ValueError, match="has none: take --data panoptic-scenes"):
        runs.check_instances(settings.model, few("train", 4).scenes)
    other = replace(settings, model=replace(settings.model, things=("cat", *settings.model.things[1:])))
    with pytest.raises(ValueError, match="tells apart cat"):
        runs.run_recipe(other, tmp_path, (few("train", 4), few("val", 2)))
