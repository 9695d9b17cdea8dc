"""Images of folders: which are listed, in which order, and what a reader sees of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

from rsp_lab.data.labels import CAMVID
from rsp_lab.data.sample import Sample
from rsp_lab.explorer.payload import payload_header
from rsp_lab.models import weights
from rsp_lab.models.presets import tiny_baseline, tiny_rsp4
from rsp_lab.models.segmenter import Segmenter
from tests.kit.pages import as_read, explorer_payloads, run

ENTRY = Path(__file__).parents[3] / "app" / "streamlit_app.py"
NAMES = tuple(f"my {name}" for name in CAMVID.classes)


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    for name in ("CAMVID_ROOT", "CITYSCAPES_ROOT", "FOLDER_ROOT"):
        monkeypatch.delenv(name, raising=False)
    return AppTest.from_file(str(ENTRY), default_timeout=1500)


@pytest.fixture
def own(tmp_path: Path, street: Callable[[int, int, int], Sample], monkeypatch: pytest.MonkeyPatch) -> Path:
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
