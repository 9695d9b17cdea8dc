"""Folders of images: what is listed, what is read, and what is refused. Replaced files: see ``shell/test_sources``."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from PIL import Image

from app.store import image_folders
from app.store.image_folders import FOLDERS, file_names, folder_photograph
from rsp_lab.data.panoptic.categories import COCO_PANOPTIC
from rsp_lab.data.panoptic.coco import CocoPanoptic, split_paths
from tests.kit.coco_layout import NUMBERS, write_small_coco


@pytest.fixture
def coco(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_small_coco(tmp_path)
    monkeypatch.setenv("COCO_ROOT", str(tmp_path))
    return tmp_path


def test_a_picture_of_coco_has_the_labels_of_its_classes(coco: Path) -> None:
    names = file_names("coco")
    assert names == tuple(f"val/{number:012d}" for number in NUMBERS)

    # Masks of things, which a package is needed for, are not read.
    split_paths(coco, "val").instances.unlink()
    samples = CocoPanoptic(coco, "val", things=False)
    for name, sample in zip(names, samples, strict=True):
        shown = folder_photograph("coco", name)
        assert shown.sample.label is not None
        assert sample.label is not None
        assert torch.equal(shown.sample.image, sample.image)
        assert torch.equal(shown.sample.label, sample.label)
        assert shown.table == COCO_PANOPTIC.semantic


def test_a_file_of_labels_that_is_written_anew_is_read_again(coco: Path) -> None:
    before = folder_photograph("coco", file_names("coco")[0]).sample.label
    path = split_paths(coco, "val").panoptic
    data = json.loads(path.read_text())
    sky = next(one.id for one in COCO_PANOPTIC.categories if one.name == "sky-other-merged")
    data["annotations"][0]["segments_info"][0]["category_id"] = sky
    path.write_text(json.dumps(data))

    after = folder_photograph("coco", file_names("coco")[0]).sample.label

    assert before is not None
    assert after is not None
    assert not torch.equal(before, after)


def test_a_picture_whose_name_is_no_text_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / os.fsdecode(b"data\xfe")
    (root / "images").mkdir(parents=True)
    (root / "classes.csv").write_text("name\nroad\ncar\n")
    Image.new("RGB", (80, 70), (1, 2, 3)).save(root / "images" / os.fsdecode(b"bad\xff.png"))
    monkeypatch.setenv("FOLDER_ROOT", str(root))

    (name,) = file_names("folder")

    assert name == "all/bad\\xff"
    assert folder_photograph("folder", name).size == (70, 80)


def test_pictures_alone_are_shown_without_labels(coco: Path) -> None:
    split_paths(coco, "val").panoptic.unlink()

    shown = folder_photograph("coco", f"val/{NUMBERS[1]:012d}")

    assert shown.sample.label is None
    assert shown.table is None
    # Two pictures of one name are listed once, and it is the one that is listed which is read.
    Image.new("RGB", (7, 5)).save(split_paths(coco, "val").images / f"{NUMBERS[1]:012d}.png")
    assert folder_photograph("coco", f"val/{NUMBERS[1]:012d}").size == (5, 7)
    assert FOLDERS["coco"].table(coco) == COCO_PANOPTIC.semantic


def test_a_split_too_large_for_a_list_is_left_out(coco: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_small_coco(coco, "train")
    assert [name.partition("/")[0] for name in file_names("coco")] == ["val"] * 3 + ["train"] * 3
    picture = split_paths(coco, "train").images / "more.jpg"
    picture.write_bytes(next(split_paths(coco, "val").images.iterdir()).read_bytes())
    split_paths(coco, "train").panoptic.unlink()

    monkeypatch.setattr(image_folders, "MOST_LISTED", 3)

    assert {name.partition("/")[0] for name in file_names("coco")} == {"val"}
    with pytest.raises(ValueError, match="no image 'train/more' in the folder of COCO"):
        folder_photograph("coco", "train/more")
    monkeypatch.setattr(image_folders, "MOST_LISTED", 2)
    (split_paths(coco, "train").images / "another.jpg").write_bytes(picture.read_bytes())
    with pytest.raises(ValueError, match=r"its splits \(val, train\) have too many images"):
        file_names("coco")


def test_what_is_no_such_folder_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COCO_ROOT", str(tmp_path))
    with pytest.raises(ValueError, match="val2017: there is no such folder"):
        file_names("coco")
    monkeypatch.setenv("CAMVID_ROOT", str(tmp_path / "none"))
    with pytest.raises(ValueError, match="is not a folder"):
        file_names("camvid")
