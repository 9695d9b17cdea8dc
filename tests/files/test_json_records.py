"""Long lists are handed over object by object, and each is found again at its place."""

from __future__ import annotations

import json
import pickle
from array import array
from pathlib import Path

import pytest

from rsp_lab.files import FileError, JsonRecords, scan_json
from rsp_lab.files.json_data import JSON_DEPTH


def scanned(path: Path, *names: str):
    found = {name: [] for name in names}
    rest = scan_json(path, "list of things", {n: lambda *one, n=n: found[n].append(one) for n in names})
    return rest, found


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b" \r\n\t"])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_objects_are_handed_over_and_found_again(tmp_path, indent, start, ascii_only):
    path = tmp_path / "a.json"
    things = [{"id": 1, "name": "Ü, \u2028]}"}, {}, {"id": 2, "parts": [[1.25, -3e2], {"x": None}], "b": True}]
    data = {"info": {"a": "é"}, "things": things, "none": [], "more": [{"id": 9}]}
    path.write_bytes(start + json.dumps(data, indent=indent, ensure_ascii=ascii_only).encode() + b"\n ")

    rest, found = scanned(path, "things", "none")

    assert rest == {"info": {"a": "é"}, "things": 3, "none": 0, "more": [{"id": 9}]}
    assert [one for one, _ in found["things"]] == things
    assert found["none"] == []
    records = JsonRecords(path, "list of things", array("q", [byte for _, place in found["things"] for byte in place]))
    again = pickle.loads(pickle.dumps(records))  # noqa: S301
    assert [again[index] for index in (2, 0, 1)] == [things[2], things[0], things[1]]
    assert len(records) == 3


def test_an_object_without_the_list_is_read(tmp_path):
    (tmp_path / "a.json").write_text('{"b": 1}')
    assert scanned(tmp_path / "a.json", "things")[0] == {"b": 1}
    (tmp_path / "a.json").write_text("{}")
    assert scanned(tmp_path / "a.json", "things")[0] == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no object"),
        ("[1]", "is no object"),
        ("{", "Expecting value"),
        ('{"a"', "expecting a name and a colon"),
        ('{"a": 1', "expecting ',' or '}' at byte 7"),
        ('{"a": 1 "b": 2}', "expecting ',' or '}' at byte 8"),
        ("{3: 1}", "expecting a name and a colon"),
        ('{"a": 1} x', "it goes on after its end, at byte 9"),
        ('{"things": 3}', "its 'things' is no list"),
        ('{"things": {"a": 1}}', "its 'things' is no list"),
        ('{"things": [{}, 7]}', "element 1 of its 'things' is a number, expected an object"),
        ('{"things": [{"a": 1}', "expecting ',' or ']' at byte 20"),
        ('{"things": [{"a": NaN}]}', "NaN is no number of JSON"),
        ('{"things": [{"a": 99999999999999999999}]}', "beyond 64 bits"),
        ('{"things": [{"a": "\\ud800"}]}', "half a character"),
        ('{"things": [' + '{"a":' * (JSON_DEPTH + 1) + "1" + "}" * (JSON_DEPTH + 1) + "]}", "nested too deeply"),
        ('{"things": [' + '{"a":' * 100_000 + "1" + "}" * 100_000 + "]}", "nested too deeply"),
        (b'{"things": [{"a": "\xff"}]}', "can't decode byte"),
    ],
)
def test_what_is_refused_is_said_in_one_line(tmp_path, text, words):
    path = tmp_path / "a.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())

    with pytest.raises(FileError) as error:
        scan_json(path, "list of things", {"things": lambda *_: None}, remedy="Copy it again.")

    message = str(error.value)
    assert message.startswith(f"{path} is damaged or no list of things: ")
    assert words in message
    assert message.endswith(". Copy it again.")
    assert "\n" not in message


def test_what_is_no_file_is_named(tmp_path):
    with pytest.raises(FileError, match="this is a folder"):
        scan_json(tmp_path, "list of things", {})
    with pytest.raises(FileError, match="there is no such file"):
        scan_json(tmp_path / "no.json", "list of things", {})


def test_errors_of_the_caller_come_through(tmp_path):
    (tmp_path / "a.json").write_text('{"things": [{}]}')

    def refuse(*_):
        raise FileError("things are odd")

    with pytest.raises(FileError, match=r"^things are odd$"):
        scan_json(tmp_path / "a.json", "list of things", {"things": refuse})


def test_a_file_that_has_changed_is_said_to_have(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"things": [{"a": 1}]}')
    records = JsonRecords(path, "list of things", array("q", scanned(path, "things")[1]["things"][0][1]))
    path.write_text('{"other": true, "things": [{"a": 1}]}')
    with pytest.raises(FileError, match="It has changed since it was opened: open it again"):
        records[0]
    path.unlink()
    with pytest.raises(FileError, match="there is no such file"):
        records[0]
