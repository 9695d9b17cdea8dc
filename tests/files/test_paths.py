"""What may be read and written is found out before the work."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rsp_lab.files import FileError, check_target, regular_file


def test_a_file_and_a_link_to_one_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    (tmp_path / "link").symlink_to("x")

    assert regular_file(tmp_path / "x") == tmp_path / "x"
    assert regular_file(str(tmp_path / "link")) == tmp_path / "link"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nothing", "there is no such file"),
        ("x/deeper", "there is no such file"),
        ("", "this is a folder. Name a label file"),
        ("fifo", "is a pipe"),
        ("/dev/zero", "is a device"),
        ("x" * 300, "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "x").touch()
    os.mkfifo(tmp_path / "fifo")

    with pytest.raises(FileError) as error:
        regular_file(tmp_path / name, "label file")

    assert str(error.value).startswith(str(tmp_path / name))
    assert words in str(error.value)


def test_a_target_that_would_be_accepted_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("before")

    assert check_target(tmp_path / "x", protect=[tmp_path / "y"]) == tmp_path / "x"
    assert check_target(tmp_path / "new" / "y") == tmp_path / "new" / "y"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x").read_text() == "before"


@pytest.mark.parametrize("name", ["x" * 300, "fifo", ""])
def test_a_target_that_would_be_refused_is_so_before(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "fifo")

    with pytest.raises(FileError):
        check_target(tmp_path / name)
