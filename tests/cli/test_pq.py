from __future__ import annotations

import json

import pytest

from rsp_lab.cli import main
from rsp_lab.data.panoptic.coco import split_paths
from tests.kit.coco_layout import write_small_coco


@pytest.fixture
def files(tmp_path):
    """A truth, and a prediction that lacks a person."""
    for name in ("truth", "prediction"):
        write_small_coco(tmp_path / name)
    truth, prediction = (split_paths(tmp_path / name, "val") for name in ("truth", "prediction"))
    data = json.loads(prediction.panoptic.read_text())
    data["annotations"][2]["segments_info"][1]["category_id"] = 17
    prediction.panoptic.write_text(json.dumps({"annotations": data["annotations"]}))
    return truth, prediction


def test_groups_and_classes_are_printed(files, capsys):
    main.main(["pq", *(str(file.panoptic) for file in files)])
    rows = {" ".join(line.split()[:-6]): line.split()[-6:] for line in capsys.readouterr().out.splitlines()}
    assert rows["person"] == ["100.0", "100.0", "100.0", "1", "0", "0"]
    assert rows["dog"] == ["0.0", "0.0", "0.0", "0", "0", "1"]
    assert rows["all"] == ["50.0", "50.0", "50.0", "2", "1", "1"]
    assert len(rows) == 1 + 3 + 133


def test_json_has_every_number(files, capsys):
    main.main(["pq", *(str(file.panoptic) for file in files), "--json"])
    data = json.loads(capsys.readouterr().out)
    assert list(data)[:4] == ["all", "things", "stuff", "by_class"]
    assert len(data["by_class"]) == 133
    for score in (data["all"], data["things"], data["stuff"], *data["by_class"].values()):
        assert {"pq", "sq", "rq", "tp", "fp", "fn"} <= score.keys()
    assert (data["things"]["pq"], data["stuff"]["pq"]) == (pytest.approx(1 / 3), 1.0)
    assert data["by_class"]["cat"]["fp"] == data["by_class"]["dog"]["fn"] == 1


def test_folders_may_lie_elsewhere(files, tmp_path, capsys):
    truth, prediction = files
    truth.masks.rename(tmp_path / "a")
    prediction.masks.rename(tmp_path / "b")
    words = ["pq", str(truth.panoptic), str(prediction.panoptic)]
    main.main([*words, "--truth-folder", str(tmp_path / "a"), "--prediction-folder", str(tmp_path / "b"), "--json"])
    assert json.loads(capsys.readouterr().out)["images"] == 3


def test_other_categories_are_those_of_the_truth(files, capsys):
    truth, prediction = files
    for file in files:
        data = json.loads(file.panoptic.read_text())
        for annotation in data["annotations"]:
            for segment in annotation["segments_info"]:
                segment["category_id"] = 4
        data["categories"] = [{"id": 4, "name": "blob", "isthing": 1}]
        file.panoptic.write_text(json.dumps(data))
    main.main(["pq", str(truth.panoptic), str(prediction.panoptic), "--json"])
    data = json.loads(capsys.readouterr().out)
    assert list(data["by_class"]) == ["blob"]
    assert (data["all"]["pq"], data["stuff"]["pq"]) == (1.0, None)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda paths: paths.panoptic.unlink(), "there is no such file. Check the path."),
        (lambda paths: paths.panoptic.write_text("no"), "is damaged or no panoptic JSON file"),
        (lambda paths: next(paths.masks.iterdir()).unlink(), "there is no such file. Check the path."),
    ],
)
def test_what_cannot_be_scored_is_one_line(files, capsys, spoil, message):
    spoil(files[1])
    with pytest.raises(SystemExit) as stop:
        main.main(["pq", *(str(file.panoptic) for file in files)])
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if "images, about" not in line]
    assert (stop.value.code, out, len(lines)) == (2, "", 1)
    assert lines[0].startswith("rsp-lab: ")
    assert message in lines[0]
