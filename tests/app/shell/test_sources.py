"""Images of folders: which are listed, what a reader sees of them, and that replaced files are read again."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

from app.shell.text import as_read
from rsp_lab.data.labels import CAMVID
from rsp_lab.data.panoptic.coco import CocoPanoptic
from rsp_lab.data.panoptic.scene_files import write_coco_layout
from rsp_lab.data.sample import Sample
from rsp_lab.data.scenes.scene import draw_scene
from rsp_lab.explorer.payload import payload_header
from rsp_lab.models import weights
from rsp_lab.models.presets import tiny_baseline, tiny_rsp4
from rsp_lab.models.segmenter import Segmenter
from tests.kit.pages import explorer_payloads, run, workbench

Street = Callable[[int, int, int], Sample]
NAMES = tuple(f"my {name}" for name in CAMVID.classes)


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    for name in ("CAMVID_ROOT", "CITYSCAPES_ROOT", "COCO_ROOT", "FOLDER_ROOT"):
        monkeypatch.delenv(name, raising=False)
    return workbench()


@pytest.fixture
def own(tmp_path: Path, street: Street, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with labels in train, none in test, and two models of its classes."""
    root = tmp_path / "streets"
    for split in ("train", "test"):
        for seed in (1, 2):
            scene = street(seed, 96, 128)
            assert scene.label is not None
            image, label = (root / kind / split / f"{split}_{seed}" for kind in ("images", "labels"))
            for path in (image, label):
                path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(scene.image.permute(1, 2, 0).numpy()).save(image.with_suffix(".JPG"))
            if split == "train":
                Image.fromarray(scene.label.numpy() + 10).save(label.with_suffix(".png"))
    classes = [{"name": name, "id": 10 + i, "colour": "#010203"} for i, name in enumerate(NAMES)]
    (root / "classes.json").write_text(json.dumps({"classes": classes}))
    for name, preset in (("left", tiny_baseline), ("right", tiny_rsp4)):
        torch.manual_seed(0)
        (tmp_path / "runs" / name).mkdir(parents=True)
        weights.save(Segmenter(preset(NAMES, "streets")), tmp_path / "runs" / name / "best.safetensors", {})
    monkeypatch.setenv("RSP_LAB_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("FOLDER_ROOT", str(root))
    return root


BOTH = {"left": "runs: left/best", "right": "runs: right/best"}


def header(page: AppTest) -> dict[str, Any]:
    return payload_header(explorer_payloads(page)[0])


def test_a_folder_of_ones_own_is_a_source(page: AppTest, own: Path) -> None:
    run(page, source="Your folder", file="train/train_2", **BOTH)

    assert page.selectbox(key="file").options == [f"{s}/{s}_{i}" for s in ("test", "train") for i in (1, 2)]
    found = header(page)
    assert found["size"] == [96, 128]
    assert found["truth"] == "truth"
    assert found["classes"][3] == {"name": "my road", "colour": "#010203"}


def test_images_without_labels_are_shown_too(page: AppTest, own: Path) -> None:
    run(page, source="Your folder", file="test/test_1", **BOTH)

    assert header(page)["truth"] is None


def test_classes_that_are_written_anew_are_read_again(page: AppTest, own: Path) -> None:
    run(page, source="Your folder", file="train/train_2", **BOTH)
    text = (own / "classes.json").read_text()
    (own / "classes.json").write_text(text.replace('"id": 10,', '"id": 99,'))
    page.run()

    assert "class ids [10] are not in the table" in as_read(page.error[0].value)


def test_what_is_no_folder_of_ones_own_is_said(page: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page.query_params["source"] = "Your folder"
    page.run()
    assert "FOLDER_ROOT is not set" in as_read(page.error[0].value)
    monkeypatch.setenv("FOLDER_ROOT", str(tmp_path))
    page.run()
    assert "images: there is no such folder" in as_read(page.error[0].value)


def test_the_splits_that_are_there_are_listed_unseen_ones_first(
    page: AppTest, small_camvid: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMVID_ROOT", str(small_camvid))
    (small_camvid / "val").rename(small_camvid / "test")
    run(page, source="CamVid")

    assert page.selectbox(key="file").options == ["test/val_1", "test/val_2", "train/train_1", "train/train_2"]
    assert header(page)["truth"] is None


def test_pictures_in_coco_s_layout_are_a_source(page: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_coco_layout([draw_scene(500, 128, 256)], tmp_path, "val")
    monkeypatch.setenv("COCO_ROOT", str(tmp_path))
    pair = {"left": "scenes-panoptic-baseline", "right": "scenes-panoptic-rsp4d"}
    run(page, source="COCO", **pair)

    assert page.selectbox(key="file").options == [f"val/{CocoPanoptic(tmp_path, 'val').names[0]}"]
    assert header(page)["size"] == [128, 256]
    assert header(page)["truth"] == "truth"


def replace_file(path: Path, pixels: np.ndarray) -> None:
    """Other content of the very same size and name, a moment later."""
    before = path.stat()
    Image.fromarray(pixels).save(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000))


def camvid_page(page: AppTest, root: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv("CAMVID_ROOT", str(root))
    page.query_params["source"] = "CamVid"
    page.run()
    assert not page.exception
    assert not page.error
    return page


def test_an_image_that_is_replaced_is_read_again(
    page: AppTest, small_camvid: Path, street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = header(camvid_page(page, small_camvid, monkeypatch))

    replace_file(small_camvid / "val" / "val_1.png", street(7, 96, 128).image.permute(1, 2, 0).numpy())
    page.run()

    assert header(page)["id"] != first["id"]


def test_a_label_that_is_replaced_is_read_again(
    page: AppTest, small_camvid: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    camvid_page(page, small_camvid, monkeypatch)
    before = explorer_payloads(page)[0]
    label = small_camvid / "valannot" / "val_1.png"

    replace_file(label, np.full((96, 128), 3, np.uint8))
    page.run()

    # The image, and so what the models see of it, is as before; the truth beside it is another one.
    assert not page.error
    assert explorer_payloads(page)[0] != before


def test_a_file_that_is_added_is_listed(
    page: AppTest, small_camvid: Path, street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    camvid_page(page, small_camvid, monkeypatch)

    sample = street(3, 96, 128)
    assert sample.label is not None
    Image.fromarray(sample.image.permute(1, 2, 0).numpy()).save(small_camvid / "val" / "later.png")
    Image.fromarray(sample.label.numpy()).save(small_camvid / "valannot" / "later.png")
    page.run()

    assert page.selectbox(key="file").options[0] == "val/later"


def test_labels_count_where_the_classes_are_the_models(page: AppTest, own: Path) -> None:
    run(page, source="Your folder", file="train/train_2", **BOTH)
    assert header(page)["truth"] == "truth"

    page.selectbox(key="left").select("camvid-baseline")
    page.selectbox(key="right").select("camvid-rsp4")
    run(page)

    assert header(page)["truth"] is None
