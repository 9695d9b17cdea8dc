"""A header is checked against its file, so that what is only promised costs nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from rsp_lab.files import FileError, TensorFacts, read_safetensors_header

GOOD: dict[str, Any] = {
    "__metadata__": {"format": "x"},
    "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
    "b": {"dtype": "U8", "shape": [], "data_offsets": [8, 9]},
}


def written(path: Path, header: Any, data: int = 9) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(data))
    return path


def test_a_header_says_what_safetensors_wrote(tmp_path: Path) -> None:
    dtypes = (torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.bool, torch.float64, torch.complex64)
    tensors = {str(dtype): torch.zeros((2, index), dtype=dtype) for index, dtype in enumerate(dtypes)}
    save_file(tensors, tmp_path / "x", {"key": "ü"})

    header = read_safetensors_header(tmp_path / "x")

    assert header.metadata == {"key": "ü"}
    assert {name: facts.shape for name, facts in header.tensors.items()} == {
        n: tuple(t.shape) for n, t in tensors.items()
    }
    assert header.tensors["torch.bfloat16"] == TensorFacts("BF16", (2, 2))


def test_the_hand_made_header_is_good(tmp_path: Path) -> None:
    header = read_safetensors_header(written(tmp_path / "x", GOOD))

    assert header.metadata == {"format": "x"}
    assert header.tensors == {"a": TensorFacts("F32", (2,)), "b": TensorFacts("U8", ())}


def test_a_file_without_tensors_or_metadata_is_one(tmp_path: Path) -> None:
    header = read_safetensors_header(written(tmp_path / "x", {}, data=0))

    assert (header.metadata, header.tensors) == ({}, {})


def _entry(**changes: Any) -> dict[str, Any]:
    return {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changes}}


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (b"null", "is null, expected an object"),
        (b"[]", "is a list, expected an object"),
        (b"{", "Expecting"),
        (b"[" * 10_000, "nested deeper"),
        ({"__metadata__": ["a"]}, "its metadata are not texts by name"),
        ({"__metadata__": {"a": 1}}, "its metadata are not texts by name"),
        ({"a": None}, "unknown type"),
        ({"a": 7}, "unknown type"),
        (_entry(dtype="F7"), "a has the unknown type 'F7'"),
        (_entry(dtype=["F32"]), "unknown type"),
        (_entry(shape="2"), "no shape"),
        (_entry(shape=[-2]), "no shape"),
        (_entry(shape=[True, 2]), "no shape"),
        (_entry(shape=[2.0]), "no shape"),
        (_entry(shape=[1] * 100), "no shape"),
        (_entry(shape=[3]), "another place in the file than its shape (3,) needs"),
        (_entry(shape=[10**18, 10**18]), "another place in the file"),
        (_entry(data_offsets=[0]), "no place"),
        (_entry(data_offsets=[8, 0]), "another place"),
        (_entry(data_offsets=[1, 9]), "do not follow"),
        (_entry(shape=[500_000_000], data_offsets=[0, 2_000_000_000]), "promise 2,000,000,000 bytes, it has 9"),
        (_entry(), "promise 8 bytes, it has 9"),
        (_entry() | {"b": {"dtype": "U8", "shape": [5], "data_offsets": [4, 9]}}, "do not follow"),
    ],
)
def test_what_does_not_hold_is_said_in_one_line(tmp_path: Path, header: Any, words: str) -> None:
    path = written(tmp_path / "x", header)

    with pytest.raises(FileError) as error:
        read_safetensors_header(path, "record", remedy="Capture again.")

    message = str(error.value)
    assert message.startswith(f"{path} is damaged or no record: ")
    assert words in message
    assert message.endswith(". Capture again.")


@pytest.mark.parametrize("content", [b"", b"1234567", b"\xff" * 100, (10).to_bytes(8, "little") + b"{}"])
def test_other_files_are_no_safetensors_files(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)

    with pytest.raises(FileError, match="its first bytes are not those of a safetensors file"):
        read_safetensors_header(tmp_path / "x")


def test_a_huge_header_is_not_read(tmp_path: Path) -> None:
    """A sparse file: 1 GB of promises that takes no space."""
    with (tmp_path / "x").open("wb") as file:
        file.write((10**9).to_bytes(8, "little"))
        file.truncate(2 * 10**9)

    with pytest.raises(FileError, match="first bytes"):
        read_safetensors_header(tmp_path / "x")


@pytest.mark.parametrize("path", ["/dev/zero", "fifo", ".", "nothing"])
def test_only_regular_files_are_opened(tmp_path: Path, path: str) -> None:
    os.mkfifo(tmp_path / "fifo")

    with pytest.raises(FileError, match=r"never end|a folder|no such file"):
        read_safetensors_header(tmp_path / path)
