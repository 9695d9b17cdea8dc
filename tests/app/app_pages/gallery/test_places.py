"""Where a card's image is, and the address of its decision."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from app.app_pages.gallery.places import address, colours_of, data_words, image_key, photograph_of
from app.shell.cards import hindrance
from app.store.image_folders import file_names
from rsp_lab.analysis.scan.masks import mask_text
from rsp_lab.analysis.scan.scan import SceneReading
from rsp_lab.data.panoptic.categories import COCO_PANOPTIC, STREET_PANOPTIC
from rsp_lab.data.panoptic.coco import CocoPanoptic
from rsp_lab.data.panoptic.street_scenes import PanopticScenes
from rsp_lab.data.scenes.dataset import SMALL
from rsp_lab.data.scenes.scene import draw_scene
from tests.kit.coco_layout import write_small_coco
from tests.kit.scans import TURNED, card, small_scan

PAIR = ("scenes-baseline", "scenes-rsp4")
SCENES = small_scan(card(**TURNED), names=PAIR, data="scenes", split="test")
CAMVID = small_scan(card(sample="val_1"), names=("camvid-baseline", "camvid-rsp4"), data="camvid")


def test_a_drawn_scene_is_drawn_again() -> None:
    shown = photograph_of(SCENES, SCENES.cards[0])

    assert torch.equal(shown.sample.image, draw_scene(2_000_002, case="car-bus", reading=1).image)


def test_a_photograph_is_that_of_the_folder(small_camvid: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMVID_ROOT", str(small_camvid))

    assert "val/val_1" in file_names("camvid")
    assert photograph_of(CAMVID, CAMVID.cards[0]).sample.name == "val_1"
    assert colours_of(CAMVID)["road"].startswith("#")
    with pytest.raises(ValueError, match="no image 'val/street'"):
        photograph_of(CAMVID, card())
    with pytest.raises(ValueError, match="smaller than the image that was scanned"):
        photograph_of(CAMVID, card(sample="val_1", box=(0, 0, 400, 20)))


def test_images_are_told_apart_without_being_read(small_camvid: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMVID_ROOT", str(small_camvid))
    other = card(sample="val_2")
    assert image_key(CAMVID, CAMVID.cards[0]) == image_key(CAMVID, CAMVID.cards[0])
    assert image_key(CAMVID, CAMVID.cards[0]) != image_key(CAMVID, other)
    before = image_key(CAMVID, other)
    (small_camvid / "val" / "val_2.png").write_bytes((small_camvid / "val" / "val_1.png").read_bytes())
    assert image_key(CAMVID, other) != before
    assert image_key(SCENES, SCENES.cards[0]) != image_key(replace(SCENES, data="small-scenes"), SCENES.cards[0])


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CAMVID_ROOT", raising=False)

    with pytest.raises(ValueError, match="CAMVID_ROOT is not set"):
        photograph_of(CAMVID, CAMVID.cards[0])
    assert colours_of(CAMVID) == {}
    monkeypatch.delenv("COCO_ROOT", raising=False)
    with pytest.raises(ValueError, match="COCO_ROOT is not set"):
        photograph_of(replace(CAMVID, data="coco"), CAMVID.cards[0])
    with pytest.raises(ValueError, match="images of ade20k are not shown here"):
        photograph_of(replace(CAMVID, data="ade20k"), CAMVID.cards[0])


def test_a_scene_with_things_told_apart_is_the_same_picture() -> None:
    """Its card is that of a sample like any other, which its name tells."""
    name = PanopticScenes("test", SMALL)[2].name
    scan = replace(SCENES, data="small-panoptic-scenes", names=("scenes-panoptic-baseline", "scenes-panoptic-rsp4d"))
    one = card(sample=name)

    shown = photograph_of(scan, one)

    assert torch.equal(shown.sample.image, PanopticScenes("test", SMALL)[2].image)
    assert image_key(scan, one) != image_key(scan, card(sample=f"{name[:-1]}{1 - int(name[-1])}"))
    assert hindrance(scan, one) == ""
    assert address("mine", scan, one)["scene"] == "1"
    assert "things told apart" in data_words(scan)
    assert set(colours_of(scan)) == set(STREET_PANOPTIC.semantic.classes)
    for lost in ("street", "car-bus-2000002-2", "tower-5-0"):
        with pytest.raises(ValueError, match="not shown here"):
            image_key(scan, card(sample=lost))
        assert "cannot be chosen" in hindrance(scan, card(sample=lost))


def test_a_picture_of_coco_is_a_file_of_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_small_coco(tmp_path)
    monkeypatch.setenv("COCO_ROOT", str(tmp_path))
    samples = CocoPanoptic(tmp_path, "val")
    scan = replace(CAMVID, data="coco")
    one = card(sample=samples.names[0], box=(0, 0, 8, 10), mask=mask_text(np.ones((8, 10), dtype=bool)))

    assert torch.equal(photograph_of(scan, one).sample.image, samples[0].image)
    assert set(colours_of(scan)) == set(COCO_PANOPTIC.semantic.classes)
    assert hindrance(replace(scan, names=PAIR), one) == ""
    link = address("mine", replace(scan, names=PAIR), one)
    # The first file is what the source begins with: it need not be said.
    assert (link["source"], link["left"], link.get("file")) == ("COCO", PAIR[0], None)
    assert data_words(scan) == "2 images of COCO, split val"
    with pytest.raises(ValueError, match=r"no image 'val/\.\./secret'"):
        image_key(scan, card(sample="../secret"))
    before = image_key(scan, one)
    Image.new("RGB", (17, 12)).save(samples.paths.images / "000000000139.jpg")
    assert image_key(scan, one) != before


def test_what_the_workbench_cannot_open_is_said() -> None:
    one = SCENES.cards[0]
    assert hindrance(SCENES, one) == ""
    assert hindrance(CAMVID, CAMVID.cards[0]) == ""
    assert "no model first" in hindrance(small_scan(card(), data="camvid"), card())
    train = replace(one, scene=SceneReading("car-bus", 5, 0))
    assert "scenes of the test split" in hindrance(SCENES, train)
    assert "another size" in hindrance(replace(SCENES, data="small-scenes"), one)


def test_an_address_is_a_whole_decision() -> None:
    # The shipped pair and drawn scenes are what the workbench opens with: they need not be said.
    assert address("scenes", SCENES, SCENES.cards[0]) == {
        "case": "car-bus",
        "scene": "2",
        "reading": "bus",
        "class": "bus",
        "rival": "car",
        "pixel": "20,40",
        "scan": "scenes",
        "card": "1",
    }
    tiny = replace(SCENES, names=("scenes-baseline-tiny", PAIR[1]))
    assert address("tiny", tiny, tiny.cards[0])["left"] == "scenes-baseline-tiny"
    assert "right" not in address("tiny", tiny, tiny.cards[0])
    photograph = address("camvid", CAMVID, CAMVID.cards[0])
    assert (photograph["source"], photograph["file"]) == ("CamVid", "val/val_1")
    assert (photograph["class"], photograph["rival"]) == ("sky", "road")


def test_what_a_scan_is_of() -> None:
    assert data_words(SCENES) == "2 drawn scenes, split test"
    assert data_words(CAMVID) == "2 images of CamVid, split val"
    assert data_words(replace(CAMVID, data="coco")) == "2 images of COCO, split val"
