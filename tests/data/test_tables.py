"""The class table of a model's classes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rsp_lab.data.labels import CAMVID
from rsp_lab.data.tables import table_for


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
