"""A data set of one's own: what is found in its folder, and what is missing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rsp_lab.data.folder import FolderDataset, folder_root, folder_splits, folder_table
from rsp_lab.data.images import ImageError
from rsp_lab.data.labels import CAMVID
from rsp_lab.data.pairs import LabelUse

H, W = 64, 80
CLASSES = {"classes": [{"name": "road", "id": 10}, {"name": "car", "id": 20}]}


def write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def fill(root: Path, *splits: str) -> Path:
    root.mkdir(exist_ok=True)
    (root / "classes.json").write_text(json.dumps(CLASSES))
    rng = np.random.default_rng(0)
    for split in splits or ("",):
        for name in ("a", "b"):
            write(root / "images" / split / f"{name}.png", rng.integers(0, 256, (H, W, 3), dtype=np.uint8))
            write(root / "labels" / split / f"{name}.png", rng.choice(np.array([10, 20, 255], np.uint8), (H, W)))
    return root


def test_a_folder_with_splits(tmp_path: Path) -> None:
    root = fill(tmp_path / "mine", "train", "val", "night")
    assert folder_splits(root) == ("train", "val", "night")
    samples = FolderDataset(root, "train")
    assert samples.table.name == "mine"
    assert samples.names == ("a", "b")
    raw = np.array(Image.open(root / "labels" / "train" / "b.png"))
    expected = np.select([raw == 10, raw == 20], [0, 1], 255)
    label = samples[1].label
    assert label is not None
    np.testing.assert_array_equal(label.numpy(), expected)
    with pytest.raises(ValueError, match=r"'test' is no split of .*; expected one of train, val, night"):
        FolderDataset(root, "test")


def test_a_folder_without_splits_is_any_split(tmp_path: Path) -> None:
    root = fill(tmp_path / "mine")
    assert folder_splits(root) == ("all",)
    for split in ("all", "train", "val", "test"):
        assert FolderDataset(root, split).names == ("a", "b")
    with pytest.raises(ValueError, match="no split"):
        FolderDataset(root, "night")


def test_folders_of_cities_and_one_name_twice(tmp_path: Path) -> None:
    root = fill(tmp_path / "mine", "ulm", "bonn")
    assert folder_splits(root) == ("all",)
    assert FolderDataset(root).names == ("bonn_a", "bonn_b", "ulm_a", "ulm_b")
    for folder in ("images", "labels"):
        (root / folder / "ulm" / "a.png").rename(root / folder / "ulm" / "c.png")
    assert FolderDataset(root).names == ("a", "bonn_b", "ulm_b", "c")


def test_files_of_several_kinds_and_hidden_ones(tmp_path: Path) -> None:
    root = fill(tmp_path / "mine")
    write(root / "images" / "c.JPG", np.zeros((H, W, 3), np.uint8))
    write(root / "labels" / "c.TIF", np.full((H, W), 20, np.uint8))
    (root / "images" / "._a.png").write_bytes(b"\0\5\x16\7")
    (root / "images" / ".ipynb_checkpoints").mkdir()
    (root / "images" / ".ipynb_checkpoints" / "a-checkpoint.png").write_bytes(b"")
    (root / "labels" / ".DS_Store").write_bytes(b"Bud1")
    (root / "images" / "notes.txt").write_text("mine")
    samples = FolderDataset(root)
    assert samples.names == ("a", "b", "c")
    assert samples[2].label is not None
    assert bool((samples[2].label == 1).all())


def test_folders_without_images_are_no_splits(tmp_path: Path) -> None:
    root = fill(tmp_path / "mine", "train", "val")
    (root / "images" / "__MACOSX").mkdir()
    (root / "images" / "__MACOSX" / "._a.png").write_bytes(b"\0\5\x16\7")
    assert folder_splits(root) == ("train", "val")


def test_one_name_written_in_two_ways_is_one_name(tmp_path: Path) -> None:
    root = fill(tmp_path / "mine")
    composed, decomposed = "Z\u00fcrich", "Zu\u0308rich"
    (root / "images" / "a.png").rename(root / "images" / f"{decomposed}.png")
    (root / "labels" / "a.png").rename(root / "labels" / f"{composed}.png")
    samples = FolderDataset(root)
    assert set(samples.names) == {composed, "b"}
    assert all(pair.label is not None for pair in samples.files)


def test_no_two_images_have_one_name(tmp_path: Path) -> None:
    root = fill(tmp_path / "mine", "ulm", "bonn")
    for folder in ("images", "labels"):
        (root / folder / "bonn" / "b.png").rename(root / folder / "ulm_a.png")
    with pytest.raises(ValueError, match=r"say the name of another one.*a\.png"):
        FolderDataset(root)


def test_images_without_labels(tmp_path: Path) -> None:
    root = fill(tmp_path / "mine")
    (root / "labels" / "b.png").unlink()
    with pytest.raises(ValueError, match=r"no label file here: b\.png"):
        FolderDataset(root)
    assert [sample.label is None for sample in FolderDataset(root, labels="optional")] == [False, True]
    assert [sample.label is None for sample in FolderDataset(root, labels="unread")] == [True, True]


def test_all_files_are_known_also_those_that_are_not_read(tmp_path: Path) -> None:
    root = fill(tmp_path / "mine")
    uses: tuple[LabelUse, ...] = ("required", "unread")
    for labels in uses:
        found = FolderDataset(root, labels=labels).sources
        assert set(found) == {root / kind / f"{name}.png" for kind in ("images", "labels") for name in "ab"}


def test_what_is_no_such_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"neither classes\.json nor classes\.csv"):
        FolderDataset(tmp_path)
    root = fill(tmp_path / "mine")
    (root / "classes.csv").write_text("name\na\n")
    with pytest.raises(ValueError, match=r"both classes\.json and classes\.csv"):
        folder_table(root)
    (root / "classes.csv").unlink()
    (root / "classes.json").write_text(json.dumps({**CLASSES, "name": "camvid"}))
    with pytest.raises(ValueError, match="'camvid' is the name of another class table"):
        folder_table(root)
    monkeypatch.delenv("FOLDER_ROOT", raising=False)
    with pytest.raises(ValueError, match="FOLDER_ROOT is not set"):
        folder_root()


@pytest.mark.parametrize("name", ["camvid", "cityscapes", "model"])
def test_a_folder_that_is_called_like_another_table_gets_a_name_of_its_own(tmp_path: Path, name: str) -> None:
    assert folder_table(fill(tmp_path / name)).name == f"{name} (folder)"


def test_camvid_written_down_is_camvid(tmp_path: Path) -> None:
    classes = [
        {"name": name, "colour": list(rgb), "id": number}
        for number, (name, rgb) in enumerate(zip(CAMVID.classes, CAMVID.palette, strict=True))
    ]
    (tmp_path / "classes.json").write_text(json.dumps({"name": "mine", "classes": classes, "ignore": [11]}))
    table = folder_table(tmp_path)
    assert (table.classes, table.palette) == (CAMVID.classes, CAMVID.palette)
    assert set(table.raw_ids) == {*CAMVID.raw_ids, (255, 255)}


def test_ids_that_are_not_declared(tmp_path: Path) -> None:
    root = fill(tmp_path / "mine")
    write(root / "labels" / "a.png", np.full((H, W), 11, np.uint8))
    with pytest.raises(
        ImageError, match=r"a\.png: class ids \[11\] are not in the table 'mine', which declares 10, 20"
    ):
        FolderDataset(root)[0]
