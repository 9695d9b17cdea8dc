"""check-data on COCO's panoptic layout with everything that goes wrong in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from rsp_lab.data.panoptic.coco import SplitPaths, split_paths
from tests.kit.coco_layout import NUMBERS, segment_maps, write_small_coco
from trainers.commands import main
from trainers.data.coco_check import check_coco

FIRST, SECOND, THIRD = (f"{number:012d}" for number in NUMBERS)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_small_coco(tmp_path)
    return tmp_path


def edit(path: Path, change: Any) -> None:
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def test_a_sound_folder(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-data", "coco", str(root)]) == 0
    text = capsys.readouterr().out
    assert "val: 3 pairs, 0 problem(s)" in text
    assert "12 x 17: 1 images" in text
    assert main(["check-data", "coco", str(root), "--json"]) == 0
    (report,) = json.loads(capsys.readouterr().out)
    maps = segment_maps()
    assert report["pixels"]["person"] == maps[0].areas[300] + maps[2].areas[5]
    assert report["pixels"]["sea"] == maps[0].areas[70_000]
    assert len(report["pixels"]) == 133
    assert sum(report["pixels"].values()) + report["ignored"] == sum(one.ids.numel() for one in maps)
    (notice,) = report["notices"]
    assert notice.endswith("instances_val2017.json: 1 crowd(s), which are no instances")


def test_every_split_that_is_there_is_read(root: Path) -> None:
    write_small_coco(root, "train")
    (root / "test2017").mkdir()
    Image.new("RGB", (8, 9)).save(root / "test2017" / "1.jpg")
    train, val, test = check_coco(root)
    assert (train.pairs, val.pairs, test.pairs) == (3, 3, 0)
    assert test.notices == ["1 images without a panoptic file: enough to predict, not to evaluate"]


def panoptic(change: Any) -> Any:
    return lambda paths: edit(paths.panoptic, change)


def segments(place: int, change: Any) -> Any:
    return panoptic(lambda data: change(data["annotations"][place]["segments_info"]))


def instances(change: Any) -> Any:
    return lambda paths: edit(paths.instances, change)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:50])


def repaint(path: Path) -> None:
    image = Image.open(path)
    image.putpixel((0, 0), (0, 0, 9))
    image.save(path)


FAULTS: dict[str, tuple[Any, str, int]] = {
    "id without entry": (segments(0, lambda all: all.pop(0)), "segments [70000] have pixels but no entry", 2),
    "id beyond the PNG": (
        segments(0, lambda all: all.append({"id": 9, "category_id": 1})),
        "segments [9] have an entry but no pixel",
        2,
    ),
    "pixels of another id": (lambda paths: repaint(paths.masks / f"{FIRST}.png"), "segments [589824] have pixels", 2),
    "area": (segments(0, lambda all: all[0].update(area=7)), "segment 70000 has the area 127, panoptic_val2017", 3),
    "box": (segments(0, lambda all: all[1].update(bbox=[2, 6, 3, 4])), "segment 300 has the bbox (2, 6, 3, 3)", 3),
    "unknown category": (segments(2, lambda all: all[1].update(category_id=12)), "unknown category 12", 2),
    "segment twice": (segments(2, lambda all: all.append(all[0])), "image 632 has the segment 5 more than once", 2),
    "image twice": (panoptic(lambda data: data["images"].append(data["images"][0])), "image 139 comes more than", 3),
    "annotation twice": (
        panoptic(lambda data: data["annotations"].append(data["annotations"][0])),
        "image 139 has more than one annotation",
        3,
    ),
    "other types": (panoptic(lambda data: data["annotations"][0].update(segments_info={})), "no 'segments_info'", 2),
    "PNG missing": (lambda paths: (paths.masks / f"{FIRST}.png").unlink(), f"{FIRST}.png: there is no such file", 2),
    "PNG cut short": (lambda paths: cut(paths.masks / f"{FIRST}.png"), f"{FIRST}.png: ", 2),
    "PNG grey": (
        lambda paths: Image.new("L", (17, 12)).save(paths.masks / f"{FIRST}.png"),
        "segment ids are a PNG in RGB of 8 bits, this is PNG of mode L",
        2,
    ),
    "PNG of another size": (
        lambda paths: Image.new("RGB", (9, 20)).save(paths.masks / f"{SECOND}.png"),
        f"{SECOND}.png: has 20 x 9 pixels (rows x columns), its image in panoptic_val2017.json 9 x 20",
        2,
    ),
    "picture missing": (lambda paths: (paths.images / f"{FIRST}.jpg").unlink(), f"{FIRST}.jpg: there is no such", 2),
    "picture cut short": (lambda paths: cut(paths.images / f"{FIRST}.jpg"), f"{FIRST}.jpg: ", 3),
    "picture of another size": (
        lambda paths: Image.new("RGB", (9, 20)).save(paths.images / f"{THIRD}.jpg"),
        f"{THIRD}.jpg: has 20 x 9 pixels (rows x columns), the panoptic file says 14 x 11",
        3,
    ),
    "instances missing": (lambda paths: paths.instances.unlink(), "instances_val2017.json: there is no such file", 3),
    "instances no JSON": (lambda paths: paths.instances.write_text("{7"), "damaged or no instances JSON file", 3),
    "instance of stuff": (
        instances(lambda data: data["annotations"][0].update(category_id=155)),
        "annotation 1 of image 632 is of sea, which is no thing",
        3,
    ),
    "instance of no image": (
        instances(lambda data: data["annotations"][0].update(image_id=1)),
        "annotations of 1 image(s) that the panoptic file does not have: 1",
        3,
    ),
    "instance twice": (instances(lambda data: data["annotations"][0].update(id=2)), "annotation 2 comes more than", 3),
    "instance without mask": (
        instances(lambda data: data["annotations"][0].update(segmentation=[[1, 2]])),
        "annotation 1 has a polygon that is not pairs of numbers",
        3,
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_and_does_not_stop_the_rest(root: Path, fault: str) -> None:
    spoil, message, pairs = FAULTS[fault]
    spoil(split_paths(root, "val"))
    (report,) = check_coco(root)
    (problem,) = report.problems
    assert message in problem
    assert str(root) in problem
    assert report.pairs == pairs


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "damaged or no panoptic JSON file"),
        ("7", "is no object"),
        ('{"annotations": [], "images": []}', "has no 'categories'"),
        ('{"annotations": 3}', "its 'annotations' is no list"),
    ],
)
def test_a_panoptic_file_that_cannot_be_read_does_not_stop_other_splits(root: Path, text: str, message: str) -> None:
    write_small_coco(root, "train")
    split_paths(root, "train").panoptic.write_text(text)
    train, val = check_coco(root)
    assert len(train.problems) == 1
    assert message in train.problems[0]
    assert (val.pairs, val.problems) == (3, [])


def spoil_much(paths: SplitPaths) -> None:
    for fault in ("PNG missing", "picture missing", "instances no JSON", "image twice"):
        FAULTS[fault][0](paths)
    (paths.images / "stray.jpg").write_bytes(b"")
    (paths.masks / "stray.png").write_bytes(b"")


def test_all_that_is_wrong_is_listed(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil_much(split_paths(root, "val"))
    assert main(["check-data", "coco", str(root)]) == 2
    out, err = capsys.readouterr()
    assert "val: 2 pairs, 4 problem(s)" in out
    assert out.count("that the panoptic file does not name: stray.") == 2
    assert err.strip().endswith("4 problem(s) in this data set; they are listed above. Mend those files.")


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no split of coco"):
        check_coco(tmp_path)
