"""JSON is read within bounds, with an error that names the file, and written so that every reader takes it."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rsp_lab.files import FileError, parse_json, read_json, to_json, write_json
from rsp_lab.files.json_data import JSON_DEPTH


def test_plain_data_comes_back(tmp_path: Path) -> None:
    value = {"a": [1, -2.5, None, True, "ü\u2028"], "b": {"c": []}, "large": 2**63 - 1}

    write_json(tmp_path / "x.json", value)

    assert read_json(tmp_path / "x.json", "scores") == value
    assert (tmp_path / "x.json").read_text().endswith("}\n")


def test_a_byte_order_mark_is_no_data(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(b"\xef\xbb\xbf[1]")

    assert read_json(tmp_path / "x.json", "scores", list) == [1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 10_000 + "]" * 10_000, "nested deeper than 64 levels"),
        ('{"a":' * 200_000 + "1" + "}" * 200_000, "nested deeper than 64 levels"),
        ("[" * (JSON_DEPTH + 1) + "]" * (JSON_DEPTH + 1), "nested deeper than 64 levels"),
        ('{"step": ' + "7" * 400 + "}", "the integer 77777777... of 400 digits is beyond 64 bits"),
        ('{"step": -' + "7" * 400 + "}", "beyond 64 bits"),
        ('{"step": 9223372036854775808}', "beyond 64 bits"),
        ('{"a": 1e400}', "the number 1e400 is not finite"),
        ('{"a": NaN}', "NaN is no number of JSON"),
        ('{"a": -Infinity}', "-Infinity is no number of JSON"),
        ('{"a": "\\ud800"}', "half a character"),
        ('{"\\udfff": 1}', "half a character"),
        ("[]", "is a list, expected an object"),
        ("null", "is null, expected an object"),
        ("true", "is true or false, expected an object"),
        ('"words"', "is a text, expected an object"),
        ("7", "is a number, expected an object"),
        ("", "Expecting value"),
        ("{", "Expecting"),
        ("{} {}", "Extra data"),
    ],
)
def test_what_is_refused_is_said_in_one_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "question.json"
    path.write_text(text)

    with pytest.raises(FileError) as error:
        read_json(path, "question", remedy="Start over.")

    message = str(error.value)
    assert message.startswith(f"{path} is damaged or no question: ")
    assert words in message
    assert message.endswith(". Start over.")
    assert len(message) < 200 + len(str(path))
    assert "\n" not in message


def test_nesting_up_to_the_bound_is_read() -> None:
    assert parse_json("[" * JSON_DEPTH + "]" * JSON_DEPTH, "x", list)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\xff\xfe{}")

    with pytest.raises(FileError, match="can't decode byte"):
        read_json(tmp_path / "x", "scores")


@pytest.mark.parametrize("path", ["/dev/zero", "fifo"])
def test_endless_input_is_refused(tmp_path: Path, path: str) -> None:
    os.mkfifo(tmp_path / "fifo")

    with pytest.raises(FileError, match=r"may never end\. Save its content as a file"):
        read_json(tmp_path / path, "scores")


def test_a_file_beyond_the_bound_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "x").write_text(" " * 10 + "{}")

    assert read_json(tmp_path / "x", "scores", most=12) == {}
    with pytest.raises(FileError, match="more than 11 bytes"):
        read_json(tmp_path / "x", "scores", most=11)


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"nothing: there is no such file"):
        read_json(tmp_path / "nothing", "scores")
    with pytest.raises(FileError, match=r"this is a folder. Name a scores"):
        read_json(tmp_path, "scores")


def test_what_is_not_finite_is_written_as_null() -> None:
    value: dict[str, Any] = {"a": math.nan, "b": [math.inf, (-math.inf, 1.5)], "c": np.float32("nan")}

    assert json.loads(to_json(value)) == {"a": None, "b": [None, [None, 1.5]], "c": None}


def test_numbers_and_arrays_of_libraries_are_written_as_plain_ones() -> None:
    value = {"a": np.int64(3), "b": np.float64(0.5), "c": np.array([[1, 2]]), "d": torch.tensor([0.25, math.nan])}
    value |= {"e": torch.tensor(True), "f": np.bool_(False), 7: "key"}

    written = json.loads(to_json(value, indent=None))

    assert written == {"a": 3, "b": 0.5, "c": [[1, 2]], "d": [0.25, None], "e": True, "f": False, "7": "key"}


def test_half_a_character_of_a_file_name_can_be_read_again() -> None:
    assert parse_json(to_json({"image": "\udcff.png"}), "x") == {"image": "\\udcff.png"}


def test_what_has_no_json_is_named() -> None:
    with pytest.raises(TypeError, match="set"):
        to_json({"a": {1}})
