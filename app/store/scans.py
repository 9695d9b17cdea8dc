"""Scans of data sets by name: the shipped ones, those of a folder, and those that were made here on request.

``RSP_LAB_SCANS`` names the folder; without it, it is ``scans`` in the folder that the workbench was started in.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path
from threading import Lock

import streamlit as st

from app.store.stamps import Stamp, stamp
from rsp_lab.analysis.scan.scan import Scan
from rsp_lab.analysis.scan.scan_file import STATE, read_scan, shipped_scans
from rsp_lab.files import readable_name

_MOST = 50
_MADE = 8


def scans_root() -> Path:
    """The folder that holds scans of the reader's own; it need not exist."""
    return Path(os.environ.get("RSP_LAB_SCANS") or "scans").absolute()


def scans() -> dict[str, Scan]:
    """All scans by name, e.g. ``"camvid"`` for a shipped one, ``"scans: mine"`` for one of the folder, ``"made: ..."``
    for one that was made here; files that are no scan are left out, see :func:`scan_problems`."""
    found = {name: _read(os.fsencode(path), stamp(path)) for name, path in _files().items()}
    return {**{name: one for name, one in found.items() if isinstance(one, Scan)}, **made_scans().all()}


def scan_problems() -> list[str]:
    """What is wrong with the files, a sentence each."""
    found = (_read(os.fsencode(path), stamp(path)) for path in _files().values())
    return [one for one in found if isinstance(one, str)]


def _files() -> dict[str, Path]:
    root = scans_root()
    own = [path for path in sorted(root.glob("*.json")) if not path.name.endswith(STATE) and path.is_file()]
    return {**shipped_scans(), **{f"scans: {readable_name(path.stem)}": path for path in own[:_MOST]}}


@st.cache_resource(max_entries=2 * _MOST, show_spinner=False)
def _read(path: bytes, changed: Stamp) -> Scan | str:
    """The scan of a file, or what is wrong with it."""
    try:
        return read_scan(os.fsdecode(path))
    except ValueError as problem:
        return str(problem)


class MadeScans:
    """The scans that readers asked for last, for all readers of this server."""

    def __init__(self) -> None:
        self._scans: OrderedDict[str, Scan] = OrderedDict()
        self._lock = Lock()

    def keep(self, scan: Scan) -> str:
        """Its name, under which :func:`scans` has it; of the same request the newer one stays."""
        name = f"made: {scan.data} {scan.split}, {scan.images} images, {' | '.join(scan.names)}"
        with self._lock:
            self._scans[name] = scan
            self._scans.move_to_end(name)
            while len(self._scans) > _MADE:
                self._scans.popitem(last=False)
        return name

    def all(self) -> dict[str, Scan]:
        """By name, the newest last."""
        with self._lock:
            return dict(self._scans)


@st.cache_resource(show_spinner=False)
def made_scans() -> MadeScans:
    """The one store of this server."""
    return MadeScans()
