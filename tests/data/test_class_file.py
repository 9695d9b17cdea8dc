"""Class tables that people write down, and how each mistake in one is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rsp_lab.data.class_file import read_classes
from rsp_lab.data.labels import ClassTable
from rsp_lab.files import FileError


def of_json(folder: Path, data: Any) -> ClassTable:
    path = folder / "classes.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    return read_classes(path)


def of_csv(folder: Path, text: str | bytes) -> ClassTable:
    path = folder / "classes.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_classes(path)


def test_everything_written_down(tmp_path: Path) -> None:
    table = of_json(
        tmp_path,
        {
            "name": "mine",
            "classes": [
                {"name": "road", "id": 7, "colour": [128, 64, 128]},
                {"name": " 歩行者 ", "id": 0, "color": "#dC143c"},
                {"name": "crane", "id": 3, "ignore": True},
            ],
            "ignore": [9, 255],
        },
    )
    assert table == ClassTable(
        "mine",
        ("road", "歩行者"),
        ((128, 64, 128), (220, 20, 60)),
        raw_ids=((7, 0), (0, 1), (3, 255), (9, 255), (255, 255)),
    )


def test_names_suffice(tmp_path: Path) -> None:
    table = of_json(tmp_path, {"classes": [{"name": "a"}, {"name": "b"}, {"name": "c"}]})
    assert (table.name, table.classes) == ("folder", ("a", "b", "c"))
    assert len(set(table.palette)) == 3
    assert table.raw_ids == ((0, 0), (1, 1), (2, 2), (255, 255))
    assert of_csv(tmp_path, "name\na\nb\nc\n").raw_ids == table.raw_ids


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_csv_says_the_same_as_json(tmp_path: Path, mark: str) -> None:
    rows = [
        ("Name", " id", "COLOR", "ignore"),
        ("road", "7", "#804080", ""),
        ("", "", "", ""),
        ("person", "0", "#DC143C", "no"),
        ("void", "3", "", "yes"),
    ]
    text = "\ufeff" + "\r\n".join(mark.join(row) for row in rows) + "\r\n"
    table = of_csv(tmp_path, text)
    assert table == ClassTable(
        "folder",
        ("road", "person"),
        ((128, 64, 128), (220, 20, 60)),
        raw_ids=((7, 0), (0, 1), (3, 255), (255, 255)),
    )


def entry(**changes: Any) -> dict[str, Any]:
    return {"classes": [{"name": "a", "id": 0}, {"name": "b", "id": 1, **changes}]}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("", "no class table"),
        ("[" * 10_000, "no class table"),
        ("[]", "is a list, expected an object"),
        ({}, "has no list “classes”"),
        ({"classes": {}}, "has no list “classes”"),
        ({"classes": []}, "declares no class"),
        ({"classes": ["road"]}, "class 1: is no object with a name"),
        ({"classes": [{"name": "a", "ignore": True, "id": 1}]}, "declares no class"),
        ({"classes": [{"name": f"c{i}"} for i in range(255)]}, "declares 255 classes"),
        ({"classes": [{"name": "a"}], "labels": 1}, "'labels' is unknown"),
        (entry(colur="#000000"), "class 2: 'colur' is unknown"),
        (entry(name="a"), "'a' comes twice"),
        (entry(name=""), "class 2: a name is a text"),
        (entry(name=None), "class 2: a name is a text"),
        (entry(name="a\nb"), "class 2: a name is a text"),
        (entry(name="x" * 101), "class 2: a name is a text"),
        (entry(id=0), "the id 0 stands for two things"),
        (entry(id=None), "class 2: has no id, though others have"),
        *((entry(id=wrong), "class 2: an id is a whole number from 0 to 254") for wrong in (255, -1, 1.0, "1", True)),
        ('{"classes": [{"name": "a", "id": ' + "9" * 400 + "}]}", "beyond 64 bits"),
        (entry() | {"ignore": [1]}, "the id 1 stands for two things"),
        (entry() | {"ignore": 256}, "ignore: an id is a whole number from 0 to 255"),
        (entry(ignore="yes"), "class 2: ignore is true or false"),
        *(
            (entry(colour=wrong), "class 2: a colour is")
            for wrong in ([1, 2], [1, 2, 256], [1, 2, -3], [1, 2, 3.0], "red", "#12345", "#12345g", "#１２３４５６", 7)
        ),
    ],
)
def test_a_mistake_in_json_is_named(tmp_path: Path, data: Any, said: str) -> None:
    with pytest.raises(FileError, match=said) as error:
        of_json(tmp_path, data)
    assert "classes.json" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names the columns"),
        ("id,colour\n0,#000000\n", "names the columns"),
        ("name,name\na,b\n", "names the columns"),
        ("name,colur\na,#000000\n", "'colur' is unknown"),
        ("name\n", "declares no class"),
        ("name,id\na,0,1\n", "line 2: has 3 cells, its first line 2"),
        ("name,id\na,0\nb,one\n", "line 3: an id is a whole number"),
        ("name,id\na,0\nb," + "9" * 400 + "\n", "line 3: an id is a whole number"),
        ("name,id\na,0\nb,\n", "line 3: has no id"),
        ("name,colour\na,red\n", "line 2: a colour is"),
        ("name,id,ignore\na,0,perhaps\n", "line 2: ignore is yes or no"),
        ("name,id,ignore\na,0,\nv,,yes\n", "line 3: has no id"),
        ('name\n"a\n', "no class table"),
        (b"name\n\xff\n", "Save it as CSV in UTF-8"),
        (b"name\n" + b"a" * 1_000_001, "more than 1,000,000 bytes"),
    ],
)
def test_a_mistake_in_csv_is_named(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(FileError, match=said) as error:
        of_csv(tmp_path, text)
    assert "classes.csv" in str(error.value)
    assert "\n" not in str(error.value)
