"""Films of trainings by name: the shipped ones, those of a folder, and those beside runs.

``RSP_LAB_FILMS`` names the folder; without it, it is ``films`` in the folder that the workbench was started in. Beside
a run a film is ``film.json`` in its folder, or in a folder ``film`` there: what ``rsp-lab film RUN -o RUN/film``
writes.
"""

from __future__ import annotations

import os
from pathlib import Path

import streamlit as st

from app.store.run_folders import run_folders, runs_root
from app.store.stamps import Stamp, stamp
from rsp_lab.analysis.film.film import Film
from rsp_lab.analysis.film.film_file import STATE, read_film, shipped_films
from rsp_lab.files import readable_name
from rsp_lab.models.run_state import STEP

_MOST = 50
_NAMES = ("film.json", "film/film.json")


def films_root() -> Path:
    """The folder that holds films of the reader's own; it need not exist."""
    return Path(os.environ.get("RSP_LAB_FILMS") or "films").absolute()


def films() -> dict[str, Film]:
    """All films by name, e.g. ``"study-rsp4"`` for a shipped one, ``"films: mine"`` for one of the folder, ``"runs:
    mine"`` for one beside a run; files that are no film are left out, see :func:`film_problems`."""
    found = {name: _read(os.fsencode(path), stamp(path)) for name, path in _files().items()}
    return {name: one for name, one in found.items() if isinstance(one, Film)}


def film_problems() -> list[str]:
    """What is wrong with the files, a sentence each."""
    found = (_read(os.fsencode(path), stamp(path)) for path in _files().values())
    return [one for one in found if isinstance(one, str)]


def without_film() -> dict[str, Path]:
    """Folders of runs that kept states, of which there is no film yet, by name."""
    return {
        name: folder
        for name, folder in run_folders(runs_root()).items()
        if not any((folder / one).is_file() for one in _NAMES) and next(folder.glob(f"{STEP}*.safetensors"), None)
    }


def _files() -> dict[str, Path]:
    root = films_root()
    own = [path for path in sorted(root.glob("*.json")) if not path.name.endswith(STATE) and path.is_file()]
    beside = {
        f"runs: {name}": path
        for name, folder in run_folders(runs_root()).items()
        if (path := next((folder / one for one in _NAMES if (folder / one).is_file()), None)) is not None
    }
    return {**shipped_films(), **{f"films: {readable_name(path.stem)}": path for path in own[:_MOST]}, **beside}


@st.cache_resource(max_entries=2 * _MOST, show_spinner=False)
def _read(path: bytes, changed: Stamp) -> Film | str:
    """The film of a file, or what is wrong with it."""
    try:
        return read_film(os.fsdecode(path))
    except ValueError as problem:
        return str(problem)
