"""check-data on folders with everything that goes wrong in data sets."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rsp_lab.data.labels import CITYSCAPES
from trainers.commands import main
from trainers.data.check import check_data

H, W = 64, 80


def write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def image(root: Path, index: int, split: str = "train") -> Path:
    return root / "leftImg8bit" / split / "ulm" / f"ulm_{index:06d}_000019_leftImg8bit.png"


def label(root: Path, index: int, split: str = "train") -> Path:
    return root / "gtFine" / split / "ulm" / f"ulm_{index:06d}_000019_gtFine_labelIds.png"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Cityscapes with three pairs in train and two in val; the labels hold every raw id."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 3), ("val", 2)):
        for index in range(count):
            write(image(tmp_path, index, split), rng.integers(0, 256, (H, W, 3), dtype=np.uint8))
            write(label(tmp_path, index, split), rng.integers(0, 34, (H, W), dtype=np.uint8))
    return tmp_path


def reports(root: Path, capsys: pytest.CaptureFixture[str], code: int, dataset: str = "cityscapes") -> dict[str, Any]:
    assert main(["check-data", dataset, str(root), "--json"]) == code
    return {report["split"]: report for report in json.loads(capsys.readouterr().out)}


def test_a_sound_folder(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-data", "cityscapes", str(root)]) == 0
    text = capsys.readouterr().out
    assert "train: 3 pairs, 0 problem(s)" in text
    assert "64 x 80: 3 images" in text
    train = reports(root, capsys, 0)["train"]
    raw = np.concatenate([np.array(Image.open(label(root, index))).ravel() for index in range(3)])
    assert train["pixels"]["road"] == int((raw == 7).sum())
    assert train["pixels"]["bicycle"] == int((raw == 33).sum())
    assert sum(train["pixels"].values()) + train["ignored"] == 3 * H * W
    assert not train["notices"]


def test_every_problem_names_its_file(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    label(root, 0).unlink()
    write(label(root, 1), np.full((H, W), 77, np.uint8))
    write(label(root, 2), np.full((H, W + 1), 7, np.uint8))
    image(root, 1, "val").write_bytes(image(root, 1, "val").read_bytes()[:200])
    write(label(root, 9, "val"), np.full((H, W), 7, np.uint8))
    assert main(["check-data", "cityscapes", str(root), "--json"]) == 2
    said = capsys.readouterr()
    train, val = json.loads(said.out)
    for report, wanted in (
        (train, ("ulm_000000_000019_leftImg8bit.png: has no label", "[77]", "the label has 64 x 81 pixels")),
        (
            val,
            ("ulm_000009_000019_gtFine_labelIds.png: has no image", "ulm_000001_000019_leftImg8bit.png: the file is"),
        ),
    ):
        assert len(report["problems"]) == len(wanted)
        for part in wanted:
            assert any(part in problem for problem in report["problems"]), part
    assert "5 problem(s)" in said.err


@pytest.mark.parametrize(
    ("words", "said"),
    [(("ade", "."), "camvid, cityscapes"), (("camvid", "none"), "no such folder"), (("camvid", "."), "no split")],
)
def test_what_cannot_be_checked(
    words: tuple[str, str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["check-data", *words]) == 2
    assert said in capsys.readouterr().err


def test_train_ids_in_the_place_of_label_ids_are_said(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(1)
    for split, count in (("train", 3), ("val", 2)):
        for index in range(count):
            # As in streets, the first classes cover most: road, sidewalk, building.
            train_ids = rng.choice(19, (H, W), p=[0.4, 0.2, 0.2, *[0.2 / 16] * 16]).astype(np.uint8)
            write(label(root, index, split), train_ids)
    assert main(["check-data", "cityscapes", str(root)]) == 2
    said = capsys.readouterr()
    assert said.out.count("pixels would be ignored: are these train ids (road is 0)") == 2
    assert "2 problem(s)" in said.err
    labelled = [raw for raw, train in CITYSCAPES.raw_ids if train != 255 and raw < 19]
    assert labelled == [7, 8, 11, 12, 13, 17]  # so that a part of such a file looks sound


def test_label_files_that_are_almost_wholly_ignored_are_named(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    void = np.zeros((H, W), np.uint8)
    void[0, 0] = 7
    write(label(root, 1), void)
    train = reports(root, capsys, 0)["train"]
    (notice,) = train["notices"]
    assert "1 label file(s) are ignored in 95% of their pixels or more: ulm_000001_000019_gtFine_labelIds" in notice


def test_a_split_that_is_missing_does_not_stop_the_rest(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in sorted((root / "gtFine" / "val").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    (root / "gtFine" / "val").rmdir()
    found = reports(root, capsys, 2)
    assert found["val"]["problems"] == [f"{root}/gtFine/val: there is no such folder"]
    assert found["val"]["sizes"] == {"64 x 80": 2}
    assert found["train"]["pairs"] == 3
    assert not found["train"]["problems"]


def test_a_whole_split_that_is_missing_is_said(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for kind in ("leftImg8bit", "gtFine"):
        (root / kind / "val").rename(root / kind / "unused")
    found = reports(root, capsys, 2)
    assert set(found) == {"train", "val"}
    assert len(found["val"]["problems"]) == 2
    assert not found["train"]["problems"]


def test_a_test_split_without_labels_is_no_problem(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(image(root, 0, "test"), np.zeros((H, W, 3), np.uint8))
    found = reports(root, capsys, 0)["test"]
    assert found["notices"] == ["1 images without label files: enough to predict, not to evaluate"]
    assert found["sizes"] == {"64 x 80": 1}
    write(label(root, 0, "test"), np.zeros((H, W), np.uint8))  # as the benchmark hands them out
    found = reports(root, capsys, 0)["test"]
    assert "100.0% of all labelled files' pixels would be ignored" in found["notices"][1]


def test_hidden_files_are_skipped_and_other_endings_seen(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (image(root, 0), label(root, 0)):
        (path.parent / f"._{path.name}").write_bytes(b"\0\5\x16\7")
        (path.parent / ".DS_Store").write_bytes(b"Bud1")
    image(root, 1).rename(image(root, 1).with_suffix(".PNG"))
    Image.open(image(root, 2)).save(image(root, 2).with_suffix(".JPG"))
    image(root, 2).unlink()
    assert reports(root, capsys, 0)["train"]["pairs"] == 3


def test_two_files_of_one_name(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.open(image(root, 2)).save(image(root, 2).with_suffix(".JPG"))
    (problem,) = reports(root, capsys, 2)["train"]["problems"]
    assert problem.endswith("ulm_000002_000019_leftImg8bit.png: another file has this name")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes in the file system are of POSIX")
def test_files_that_never_end_and_names_that_are_no_text(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(image(root, 7))
    write(label(root, 7), np.full((H, W), 7, np.uint8))
    odd = image(root, 8).parent / os.fsdecode(b"ulm_\xe9_leftImg8bit.png")
    try:
        write(odd, np.zeros((H, W, 3), np.uint8))
    except OSError:
        pytest.skip("this file system takes names in UTF-8 only")
    assert main(["check-data", "cityscapes", str(root)]) == 2
    text = capsys.readouterr().out
    assert "ulm_000007_000019_leftImg8bit.png: this is a pipe" in text
    assert "ulm_\\xe9_leftImg8bit.png: has no label file" in text
    text.encode()


def test_camvid_and_a_folder_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("train", "val"):
        write(tmp_path / folder / "a.jpg", np.zeros((H, W, 3), np.uint8))
        write(tmp_path / f"{folder}annot" / "a.png", np.full((H, W), 3, np.uint8))
    assert reports(tmp_path, capsys, 0, "camvid")["val"]["pixels"]["road"] == H * W
    assert main(["check-data", "folder", str(tmp_path)]) == 2
    assert "neither classes.json nor classes.csv" in capsys.readouterr().err
    own = tmp_path / "own"
    write(own / "images" / "a.jpg", np.zeros((H, W, 3), np.uint8))
    write(own / "labels" / "a.png", np.full((H, W), 9, np.uint8))
    (own / "classes.csv").write_text("name,id,ignore\nroad,3,\nsky,4,\nsparse,9,yes\n")
    (report,) = check_data("folder", own)
    assert not report.problems
    assert report.pairs == 1
    assert "100.0% of all labelled files' pixels would be ignored" in report.notices[1]
    write(own / "labels" / "b.png", np.full((H, W), 7, np.uint8))
    (report,) = check_data("folder", own)
    assert report.problems == [f"{own}/labels/b.png: has no image"]


def test_coarse_labels_are_of_cityscapes_alone(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="coarse labels are of cityscapes, and camvid has none"):
        check_data("camvid", tmp_path, coarse=True)
