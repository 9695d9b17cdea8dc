"""Scans by name: the shipped ones, those of a folder as it is now, and those that were made here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.store.scans import MadeScans, made_scans, scan_problems, scans
from rsp_lab.analysis.scan.scan_file import write_scan
from tests.kit.scans import card, small_scan


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RSP_LAB_SCANS", str(tmp_path))
    return tmp_path


def test_the_shipped_ones_are_there_and_scenes_first() -> None:
    assert list(scans())[:2] == ["scenes", "camvid"]
    assert scan_problems() == []


def test_a_folder_is_read_as_it_is_now(root: Path) -> None:
    path = write_scan(root / "mine.json", small_scan(card()))
    write_scan(root / "mine.state.json", small_scan(card()))
    assert len(scans()["scans: mine"].cards) == 1
    assert "scans: mine.state" not in scans()

    write_scan(path, small_scan(card(), card()))
    assert len(scans()["scans: mine"].cards) == 2


def test_names_that_are_no_text_are_written_with_their_bytes(root: Path) -> None:
    write_scan(root / os.fsdecode(b"mine\xff.json"), small_scan(card()))
    (root / os.fsdecode(b"other\xff.json")).write_text("{}")

    assert "scans: mine\\xff" in scans()
    assert ["other\\xff.json" in problem for problem in scan_problems()] == [True]


def test_what_is_no_scan_is_left_out_and_said(root: Path) -> None:
    (root / "other.json").write_text("{}")

    assert "scans: other" not in scans()
    assert ["other.json" in problem for problem in scan_problems()] == [True]


def test_made_ones_are_kept_by_name_and_bounded() -> None:
    made = MadeScans()
    names = [made.keep(small_scan(card(), images=number)) for number in range(12)]

    assert len(made.all()) == 8
    assert list(made.all()) == names[-8:]
    assert names[0].startswith("made: ")


def test_a_made_scan_is_among_all() -> None:
    name = made_scans().keep(small_scan(card()))

    assert list(scans())[-1] == name
