"""A run on a folder in Cityscapes' layout, the whole way."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from rsp_lab.cli.main import main as rsp_lab_main
from rsp_lab.data.cityscapes import Cityscapes
from rsp_lab.data.labels import CITYSCAPES
from rsp_lab.data.transforms import AugmentConfig
from rsp_lab.models import presets
from rsp_lab.models.run_state import LAST
from trainers import commands
from trainers.commands import main
from trainers.config.paper import cityscapes
from trainers.config.run import RunConfig
from trainers.training import loop
from trainers.training.evaluate import evaluate
from trainers.training.inference import WHOLE, dump_predictions

H, W = 64, 80


def tiny() -> RunConfig:
    """A paper's run with a network and crops for a test."""
    config = cityscapes("cityscapes_tiny", presets.baseline())
    return replace(
        config,
        model=replace(presets.tiny_baseline(config.model.class_names, "cityscapes"), label_table="cityscapes"),
        augment=AugmentConfig(crop=(64, 64), scale_step=8),
        steps=2,
        batch_size=2,
        encoder_weights="scratch",
        num_threads=1,
        workers=0,
        keep_every=0,
    )


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data set's folder, and a recipe for it."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "cityscapes"
    for split, count in (("train", 3), ("val", 2)):
        for index in range(count):
            for kind, ending in (("leftImg8bit", "leftImg8bit"), ("gtFine", "gtFine_labelIds")):
                path = folder / kind / split / "ulm" / f"ulm_{index:06d}_000019_{ending}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                shape = (H, W, 3) if kind == "leftImg8bit" else (H // 4, W // 4)
                pixels = rng.integers(0, 256 if kind == "leftImg8bit" else 34, shape, dtype=np.uint8)
                Image.fromarray(pixels).resize((W, H), Image.Resampling.NEAREST).save(path)
    monkeypatch.setenv("CITYSCAPES_ROOT", str(folder))
    monkeypatch.setitem(commands.ALL_RECIPES, "cityscapes_tiny", tiny)
    return folder


def test_the_whole_way(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    assert main(["cityscapes_tiny", "--out", str(run)]) == 0
    said = capsys.readouterr().err
    assert "differs from the paper: batch_size is 2, the paper's 32" in said
    assert "taken for a slip" in said
    assert main(["evaluate", str(run / LAST), "--json", "--window", "64", "64", "--flip"]) == 0
    assert json.loads(capsys.readouterr().out)["images"] == 2
    assert main(["predict", str(run), "-o", str(tmp_path / "out")]) == 0
    assert len(list((tmp_path / "out").iterdir())) == 4
    assert main(["crops", "cityscapes_tiny", "-o", str(tmp_path / "sheet.png"), "-n", "5"]) == 0
    assert Image.open(tmp_path / "sheet.png").size == (4 * 64 + 3 * 4, 2 * (2 * 64 + 8) - 4)


def test_drawn_scenes_stand_in_for_the_data_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What docs/cityscapes.md does at 1024 x 2048: stop, resume, parts of one crop, windows, a submission."""

    def frozen() -> RunConfig:
        plain = tiny()
        pyramid = replace(plain.model.pyramid, frozen_batch_norm=True)
        return replace(plain, model=replace(plain.model, pyramid=pyramid), augment=AugmentConfig(crop=(64, 64)))

    root, run, out = tmp_path / "drawn", tmp_path / "run", tmp_path / "submission"
    for split, seed in (("train", 0), ("val", 500)):
        rsp_lab_main(
            ["scenes", "-o", str(root), "-n", "2", "--size", "64", "128", "--split", split, "--seed", f"{seed}"]
        )
    monkeypatch.setenv("CITYSCAPES_ROOT", str(root))
    monkeypatch.setitem(commands.ALL_RECIPES, "cityscapes_tiny", frozen)
    words = ["cityscapes_tiny", "--out", str(run), "--accumulate", "2", "--log-every", "1"]
    update = loop.update

    def stopped(*given: Any) -> dict[str, float]:
        os.kill(os.getpid(), signal.SIGINT)
        return update(*given)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "update", stopped)
        assert main(words) == 130
    said = capsys.readouterr().err
    assert "there is no GPU here, and on this CPU the run would take about" in said
    assert "stopped after 1 updates; the same command resumes" in said
    assert main(words) == 0
    assert "resumes" in capsys.readouterr().err
    assert [json.loads(line)["step"] for line in (run / "log.jsonl").read_text().splitlines()] == [1, 2, 2]
    assert main(["evaluate", str(run), "--window", "64", "64", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["images"] == 2
    assert main(["predict", str(run), "-o", str(out), "--window", "64", "64"]) == 0
    ids = {int(one) for path in out.glob("*_labelIds.png") for one in np.unique(np.array(Image.open(path)))}
    assert ids <= {int(one) for one in CITYSCAPES.train_to_raw()}


def test_scores_are_those_of_cityscapes_own_evaluation(root: Path, tmp_path: Path) -> None:
    """Of the files that ``predict`` writes: every cell of the confusion matrix, every class and every category."""
    reason = "cityscapesscripts is not installed"
    theirs = pytest.importorskip("cityscapesscripts.evaluation.evalPixelLevelSemanticLabeling", reason=reason)
    known = pytest.importorskip("cityscapesscripts.helpers.labels", reason=reason)
    torch.manual_seed(0)
    network, samples = nn.Conv2d(3, len(CITYSCAPES), 1), Cityscapes(root, "val")  # noise in, every class out
    dump_predictions(network, samples, CITYSCAPES, tmp_path / "out", WHOLE)
    truths = sorted((root / "gtFine" / "val").rglob("*_labelIds.png"))
    predictions = sorted((tmp_path / "out").glob("*_labelIds.png"))
    assert [path.name[:17] for path in truths] == [path.name[:17] for path in predictions]
    theirs.args.evalInstLevelScore = theirs.args.evalPixelAccuracy = theirs.args.JSONOutput = False
    theirs.args.quiet = True
    expected = theirs.evaluateImgLists(*(list(map(str, paths)) for paths in (predictions, truths)), theirs.args)

    ours = evaluate(network, samples, CITYSCAPES.classes)
    counted = ours.confusion.numpy()
    ids = CITYSCAPES.train_to_raw()
    np.testing.assert_array_equal(counted, np.array(expected["confMatrix"])[np.ix_(ids, ids)])
    for name, iou in zip(ours.classes, ours.iou, strict=True):
        assert iou == pytest.approx(expected["classScores"][name]), name
    assert ours.miou == pytest.approx(expected["averageScoreClasses"])
    for category, labels in known.category2labels.items():
        inside = np.isin(ids, [label.id for label in labels if not label.ignoreInEval])
        both = counted[inside][:, inside].sum()
        either = counted[inside].sum() + counted[:, inside].sum() - both
        if inside.any():  # all but void
            assert both / either == pytest.approx(expected["categoryScores"][category]), category


def test_predicting_needs_images_only(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    assert main(["cityscapes_tiny", "--out", str(run)]) == 0
    (root / "leftImg8bit" / "val").rename(root / "leftImg8bit" / "test")
    assert main(["predict", str(run), "-o", str(tmp_path / "out"), "--split", "test"]) == 0
    assert len(list((tmp_path / "out").iterdir())) == 4
    assert main(["evaluate", str(run), "--split", "test"]) == 2
    assert "gtFine/test: there is no such folder" in capsys.readouterr().err
    (root / "gtFine" / "val").rename(root / "gtFine" / "test")
    assert main(["evaluate", str(run), "--split", "test", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["images"] == 2


def test_an_image_without_its_label_is_one_line(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "gtFine" / "train" / "ulm" / "ulm_000000_000019_gtFine_labelIds.png").unlink()
    assert main(["cityscapes_tiny", "--out", str(tmp_path / "run")]) == 2
    assert "no label file here: ulm_000000" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_an_unreadable_image_is_one_line(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (root / "leftImg8bit" / "train" / "ulm").iterdir():
        path.write_bytes(path.read_bytes()[:300])
    assert main(["cityscapes_tiny", "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "leftImg8bit.png: the file is damaged" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("number", ["0", "201", "1000000000"])
def test_a_sheet_has_room_for_some_crops(
    number: str, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["crops", "cityscapes_tiny", "-o", str(tmp_path / "sheet.png"), "-n", number]) == 2
    assert f"must be from 1 to 200, got {number}" in capsys.readouterr().err
    assert not (tmp_path / "sheet.png").exists()
