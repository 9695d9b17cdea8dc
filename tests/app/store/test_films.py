"""Films by name: the shipped ones, those of a folder, those beside runs; and runs that have none yet."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.store.films import film_problems, films, without_film
from rsp_lab.analysis.film.film_file import shipped_films, write_film
from tests.kit.films import film


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("films", "runs"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(f"RSP_LAB_{name.upper()}", str(tmp_path / name))
    return tmp_path


def run_folder(root: Path, name: str) -> Path:
    folder = root / "runs" / name
    folder.mkdir()
    (folder / "log.jsonl").touch()
    return folder


def test_films_of_folder_and_runs_stand_behind_the_shipped_ones(root: Path) -> None:
    write_film(root / "films" / "mine.json", film())
    folder = run_folder(root, "one") / "film"
    folder.mkdir()
    write_film(folder / "film.json", film())

    assert list(films()) == [*shipped_films(), "films: mine", "runs: one"]
    assert film_problems() == []


def test_names_that_are_no_text_are_written_with_their_bytes(root: Path) -> None:
    write_film(root / "films" / os.fsdecode(b"mine\xff.json"), film())
    write_film(run_folder(root, os.fsdecode(b"one\xfe")) / "film.json", film())

    assert list(films()) == [*shipped_films(), "films: mine\\xff", "runs: one\\xfe"]


def test_what_is_no_film_is_left_out_and_said(root: Path) -> None:
    (root / "films" / "other.json").write_text("{}")

    assert list(films()) == list(shipped_films())
    assert ["other.json" in problem for problem in film_problems()] == [True]


def test_runs_with_kept_states_and_without_a_film_are_named(root: Path) -> None:
    run_folder(root, "bare")
    folder = run_folder(root, "kept")
    (folder / "step-00000004.safetensors").touch()
    assert without_film() == {"kept": folder}

    write_film(folder / "film.json", film())
    assert without_film() == {}
