"""The class table of a model's classes, and labels told in them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from rsp_lab.data.labels import CAMVID, CITYSCAPES, IGNORE_INDEX
from rsp_lab.data.panoptic.categories import COCO_PANOPTIC, STREET_PANOPTIC, THINGS
from rsp_lab.data.panoptic.street_scenes import scene_segments
from rsp_lab.data.scenes.dataset import SMALL
from rsp_lab.data.scenes.scene import draw_scene
from rsp_lab.data.tables import labels_in, table_for


@pytest.fixture(autouse=True)
def _no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FOLDER_ROOT", raising=False)


@pytest.mark.parametrize("name", ["", "ade", "cityscapes"])
def test_classes_without_a_table_get_colours_of_their_own(name: str) -> None:
    table = table_for(("a", "b", "c"), name)
    assert table.classes == ("a", "b", "c")
    assert len(set(table.palette)) == 3
    assert not table.raw_ids
    assert table_for(CAMVID.classes, "camvid") is CAMVID


def test_classes_of_a_folder_get_its_colours_and_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    classes = [{"name": "b", "id": 7, "colour": "#010203"}, {"name": "a", "id": 3, "colour": [4, 5, 6]}]
    (tmp_path / "classes.json").write_text(json.dumps({"classes": classes}))
    monkeypatch.setenv("FOLDER_ROOT", str(tmp_path))
    table = table_for(("b", "a"), "whatever")
    assert table.palette == ((1, 2, 3), (4, 5, 6))
    assert dict(table.raw_ids) == {7: 0, 3: 1, 255: 255}
    assert not table_for(("a", "b"), "").raw_ids
    assert table_for(CAMVID.classes, "camvid") is CAMVID


def test_a_folder_that_is_no_data_set_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOLDER_ROOT", str(tmp_path))
    (tmp_path / "classes.json").write_text("[")
    assert table_for(("a",), "").classes == ("a",)


def test_labels_that_tell_things_apart_say_what_is_a_thing() -> None:
    scene, classes = draw_scene(3, *SMALL, case="person-rider"), STREET_PANOPTIC.semantic.classes
    told = labels_in(classes, scene.label, CITYSCAPES)
    assert told is not None

    # The scene's own segments: the same, but for things too small to count, which they leave out.
    expected = scene_segments(scene).semantic(STREET_PANOPTIC)
    counted = expected != IGNORE_INDEX
    assert counted.float().mean() > 0.9
    assert torch.equal(told[counted], expected[counted])
    names = {CITYSCAPES.classes[i]: classes[int(told[scene.label == i][0])] for i in scene.label.unique() if i < 255}
    assert names["rider"] == names["person"] == THINGS
    assert names["road"] == "road"
    assert bool((told[scene.label == IGNORE_INDEX] == IGNORE_INDEX).all())


def test_labels_of_other_classes_say_nothing() -> None:
    label = torch.tensor([[0, 10, IGNORE_INDEX]], dtype=torch.uint8)

    assert labels_in(CAMVID.classes, label, CAMVID) is label
    assert labels_in(CAMVID.classes, label, CITYSCAPES) is None
    assert labels_in(CITYSCAPES.classes, label, STREET_PANOPTIC.semantic) is None
    assert labels_in(COCO_PANOPTIC.semantic.classes, label, CITYSCAPES) is None
