"""rsp-lab scenes: files in Cityscapes' layout, and all scenes on one sheet."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from rsp_lab.cli import main, scenes


def test_scenes_on_one_sheet(tmp_path: Path) -> None:
    main.main(
        ["scenes", "-o", str(tmp_path), "-n", "1", "--size", "64", "128", "--pairs", "--sheet", f"{tmp_path}/a.png"]
    )

    with Image.open(tmp_path / "a.png") as sheet:
        assert sheet.width > 1000


def test_scenes_are_the_same_every_time(tmp_path: Path, fails: Callable[[list[str]], str]) -> None:
    for folder in ("a", "b"):
        main.main(["scenes", "-o", str(tmp_path / folder), "-n", "2", "--seed", "7", "--size", "64", "128"])
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*") if p.is_file())

    assert len(files) == 2 * 9
    images = [p.as_posix() for p in files if p.name.endswith("_leftImg8bit.png")]
    assert [re.sub(r"[01]_left", "#_left", name) for name in images] == [
        "leftImg8bit/train/car-bus/car-bus_000008_00000#_leftImg8bit.png",
        "leftImg8bit/train/road-pavement/road-pavement_000007_00000#_leftImg8bit.png",
    ]
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert "at least 1" in fails(["scenes", "-o", str(tmp_path / "c"), "-n", "0"])
    assert "2 to 19 pixels away" in fails(
        ["scenes", "-o", str(tmp_path / "c"), "--size", "64", "128", "--distance", "60"]
    )
    assert "no case" in fails(["scenes", "-o", str(tmp_path / "c"), "--case", "tree-bush"])
    assert not (tmp_path / "c").exists()


def test_both_readings_of_a_scene(tmp_path: Path, fails: Callable[[list[str]], str]) -> None:
    wanted = ["-n", "1", "--size", "64", "128", "--case", "car-bus", "--split", "val", "--pairs"]
    main.main(["scenes", "-o", str(tmp_path / "a"), *wanted])
    facts = [json.loads(path.read_text()) for path in sorted((tmp_path / "a").rglob("*_facts.json"))]

    assert [fact["ambiguities"][0]["class"] for fact in facts] == ["car", "bus"]
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    assert "Choose another place" in fails(["scenes", "-o", str(blocked / "out"), *wanted])


def test_scenes_in_coco_s_layout_are_the_same_every_time(tmp_path: Path) -> None:
    words = ["scenes", "-n", "2", "--size", "64", "128", "--layout", "coco", "--split", "val", "--pairs"]
    for folder in ("a", "b"):
        main.main([*words, "-o", str(tmp_path / folder)])
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*") if p.is_file())

    names = [f"{name}-{reading}.png" for name in ("person-rider-0", "road-pavement-1") for reading in (0, 1)]
    assert [file.as_posix() for file in files] == [
        "annotations/instances_val2017.json",
        *(f"annotations/panoptic_val2017/{name}" for name in names),
        "annotations/panoptic_val2017.json",
        *(f"val2017/{name}" for name in names),
    ]
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize("layout", ["cityscapes", "coco"])
def test_scenes_replace_their_like_and_nothing_else(
    layout: str, tmp_path: Path, fails: Callable[[list[str]], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the folder of COCO itself, the panoptic file of all its pictures was replaced by that of a few scenes."""
    words = ["scenes", "-n", "1", "--layout", layout, "--split", "val", "--size", "64", "128", "-o", str(tmp_path)]
    foreign = '{"images": [{"file_name": "000000000139.jpg"}], "annotations": []}'
    main.main(words)
    main.main([*words, "--pairs"])
    files = list(tmp_path.rglob("*.json"))
    for path in files:
        path.write_text(foreign)
    monkeypatch.setattr(scenes.scene, "draw_scene", lambda *_, **__: pytest.fail("a scene was drawn"))

    said = fails(words)

    assert "is there and was not written by rsp_lab, and would be replaced: move it" in said
    assert {path.read_text() for path in files} == {foreign}
