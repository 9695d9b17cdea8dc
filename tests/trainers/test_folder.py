"""A data set of one's own, the whole way: checked, trained on, scored, predicted, and compared on."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rsp_lab.cli.main import main as rsp_lab
from rsp_lab.data.labels import CAMVID
from rsp_lab.data.sample import Sample
from rsp_lab.models import weights
from trainers.commands import main
from trainers.training.checkpoint import BEST

SMALL = ["--augment.crop", "64", "64", "--batch-size", "2", "--num-threads", "1", "--workers", "0", "--steps", "2"]
FACTOR = 20
"""Between the ids of the label files and train ids."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, street: Callable[[int, int, int], Sample]) -> Path:
    """Drawn streets as JPEG and PNG, in classes of CamVid whose names and ids are the folder's own."""
    folder = tmp_path_factory.mktemp("data") / "streets"
    for split, seeds in (("train", range(3)), ("val", range(3, 5))):
        for seed in seeds:
            scene = street(seed, 64, 96)
            image, label = (folder / kind / split / f"{seed}" for kind in ("images", "labels"))
            for path in (image, label):
                path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(scene.image.permute(1, 2, 0).contiguous().numpy()).save(image.with_suffix(".JPG"))
            assert scene.label is not None
            ids = np.full((64, 96), 9, np.uint8)
            ids[:, 5:] = 250 - FACTOR * scene.label.numpy()[:, 5:]
            Image.fromarray(ids).save(label.with_suffix(".png"))
    with (folder / "classes.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("name", "id", "colour", "ignore"))
        rows.writerows((f"my {name}", 250 - FACTOR * i, "", "") for i, name in enumerate(CAMVID.classes))
        rows.writerow(("unlabelled", 9, "", "yes"))
    return folder


@pytest.fixture(autouse=True)
def _environment(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOLDER_ROOT", str(root))


@pytest.fixture(scope="module")
def pair(root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folders of two runs, two updates each."""
    runs = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOLDER_ROOT", str(root))
        for recipe in ("folder_tiny_baseline", "folder_tiny_rsp4"):
            assert main([recipe, "--out", str(runs / recipe), *SMALL]) == 0
    return runs / "folder_tiny_baseline", runs / "folder_tiny_rsp4"


def test_it_is_sound(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-data", "folder", str(root)]) == 0
    text = capsys.readouterr().out
    assert "train: 3 pairs, 0 problem(s)" in text
    assert "my building" in text


def test_it_is_trained_on_and_scored(pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    config, header = weights.read_header(pair[1] / BEST)
    assert config.class_names == tuple(f"my {name}" for name in CAMVID.classes)
    assert (header["data"], config.label_table) == ("folder", "streets")
    assert main(["evaluate", str(pair[1]), "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores == header["validation"]
    assert main(["evaluate", str(pair[1]), "--json", "--split", "train"]) == 0
    assert json.loads(capsys.readouterr().out)["images"] == 3


def test_predictions_are_written_in_its_own_ids(pair: tuple[Path, Path], tmp_path: Path) -> None:
    assert main(["predict", str(pair[1]), "-o", str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"{seed}_{kind}.png" for seed in (3, 4) for kind in ("color", "labelIds")
    ]
    ids = np.unique(np.array(Image.open(tmp_path / "3_labelIds.png")))
    assert set(ids.tolist()) <= {250 - FACTOR * i for i in range(len(CAMVID))}


def test_two_models_are_compared_on_it(
    pair: tuple[Path, Path], root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left, right = (str(run / BEST) for run in pair)
    both = ["--left", left, "--right", right]
    rsp_lab(["trade", "folder", "-o", str(tmp_path / "trade"), *both, "--json"])
    assert json.loads(capsys.readouterr().out)["data"] == "folder val"
    image, labels = root / "images" / "val" / "3.JPG", root / "labels" / "val" / "3.png"
    rsp_lab(["flips", str(image), "--labels", str(labels), *both, "--json"])
    assert json.loads(capsys.readouterr().out)["sources"] == "true labels"
    rsp_lab(["residuals", "folder", "--models", right, "--pixels", "3", "--json"])
    assert json.loads(capsys.readouterr().out)[0]["data"] == "folder"


def test_its_label_files_are_not_guessed_without_it(
    pair: tuple[Path, Path], root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("FOLDER_ROOT")
    image, labels = root / "images" / "val" / "3.JPG", root / "labels" / "val" / "3.png"
    both = [word for side, run in zip(("--left", "--right"), pair, strict=True) for word in (side, str(run / BEST))]
    with pytest.raises(SystemExit):
        rsp_lab(["flips", str(image), "--labels", str(labels), *both])
    assert "Set FOLDER_ROOT to the folder" in capsys.readouterr().err


def test_weights_and_recipes_of_other_classes_are_refused(
    pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "camvid-rsp4", "--data", "folder"]) == 2
    assert "this network knows the classes sky, building" in capsys.readouterr().err
    assert main(["camvid_tiny_rsp4", "--data", "folder", "--out", str(tmp_path / "run"), *SMALL]) == 2
    assert "not those of streets, my sky" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_folder_of_one_split_says_what_its_scores_are_worth(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one = tmp_path / "one"
    for kind in ("images", "labels"):
        (one / kind).mkdir(parents=True)
        for path in (root / kind / "train").iterdir():
            (one / kind / path.name).write_bytes(path.read_bytes())
    (one / "classes.csv").write_bytes((root / "classes.csv").read_bytes())
    monkeypatch.setenv("FOLDER_ROOT", str(one))
    assert main(["folder_tiny_baseline", "--out", str(tmp_path / "run"), *SMALL]) == 0
    assert "train and val are the same images" in capsys.readouterr().err
