"""Cityscapes' folder layout as it stands on the disk."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rsp_lab.data.images import read_image
from rsp_lab.data.label_files import read_label
from rsp_lab.data.labels import CITYSCAPES
from rsp_lab.data.scenes.files import write_cityscapes_layout
from rsp_lab.data.scenes.scene import Scene, draw_scene, draw_scene_pair
from rsp_lab.files import FileError


@pytest.fixture(scope="module")
def scene() -> Scene:
    return draw_scene(5, 64, 128, reading=1)


def test_files_hold_what_the_scene_holds(scene: Scene, tmp_path: Path) -> None:
    (path,) = write_cityscapes_layout([scene], tmp_path, "val")
    truth = tmp_path / "gtFine" / "val" / "car-bus"

    def mask(name: str) -> np.ndarray:
        return np.asarray(Image.open(truth / f"car-bus_000005_000001_gtFine_{name}.png"))

    assert path == tmp_path / "leftImg8bit/val/car-bus/car-bus_000005_000001_leftImg8bit.png"
    assert (read_image(path) == scene.image).all()
    assert (read_label(truth / "car-bus_000005_000001_gtFine_labelIds.png", CITYSCAPES) == scene.label).all()
    assert (mask("labelTrainIds") == scene.label.numpy()).all()
    assert (mask("instanceIds") == scene.instances.numpy()).all()
    ambiguity = scene.ambiguities[0]
    for name, expected in (("region", ambiguity.region), ("cue", ambiguity.cue), ("decoy", ambiguity.decoys[0])):
        assert (mask(name) == 255 * expected.numpy()).all()
    facts = json.loads((truth / "car-bus_000005_000001_gtFine_facts.json").read_text())
    assert facts == scene.to_dict()
    assert facts["ambiguities"][0]["class"] == "bus"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["gtFine", "leftImg8bit"]


def test_nothing_is_left_where_writing_fails(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(json, "dumps", full)
    with pytest.raises(FileError, match=rf"{tmp_path}: cannot be written .No space"):
        write_cityscapes_layout([scene], tmp_path, "val")
    assert list(tmp_path.iterdir()) == []


def test_wrong_requests(scene: Scene, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no split"):
        write_cityscapes_layout([scene], tmp_path, "trian")
    with pytest.raises(ValueError, match="one name"):
        write_cityscapes_layout([scene, scene], tmp_path, "val")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ValueError, match=r"not a folder\. Choose another place"):
        write_cityscapes_layout(list(draw_scene_pair(0, 64, 128)), tmp_path / "file" / "out", "val")
