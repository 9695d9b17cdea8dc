"""Run folders: the one place on disk, beside the data sets, from which the workbench reads what a reader names.

``RSP_LAB_RUNS`` names it; without it, it is ``runs`` in the folder that the workbench was started in.
"""

from __future__ import annotations

import os
from pathlib import Path

from rsp_lab.files import readable_name

LOG, CONFIG = "log.jsonl", "config.json"
"""What a run writes into its folder, beside its weights."""
_MOST = 200
_DEPTH = 4
# States of a run hold optimiser and progress, not a model to look at.
_STATES = ("last", "step-", "nonfinite-")


def runs_root() -> Path:
    """The folder that holds run folders; it need not exist."""
    return Path(os.environ.get("RSP_LAB_RUNS") or "runs").absolute()


def run_weights(root: Path) -> dict[str, Path]:
    """Weights files below ``root`` by name, e.g. ``"runs: tiny/best"``, newest first; no links that lead out."""
    files = [path for path in _files(root, "*.safetensors") if not path.name.startswith(_STATES)]
    files.sort(key=lambda path: -_changed(path))
    return {f"runs: {_name(path.with_suffix(''), root)}": path for path in files[:_MOST]}


def run_folders(root: Path) -> dict[str, Path]:
    """Folders below ``root`` with a log or a configuration by name, e.g. ``"tiny"``; the newest log first."""
    found = {path.parent for name in (LOG, CONFIG) for path in _files(root, name)}
    newest = sorted(found, key=lambda folder: (-max(_changed(folder / LOG), _changed(folder / CONFIG)), folder))
    return {_name(folder, root): folder for folder in newest[:_MOST]}


def _name(path: Path, root: Path) -> str:
    """What the page and a link call it: a name on the disk need not be text."""
    return readable_name(path.relative_to(root).as_posix())


def _files(root: Path, pattern: str) -> list[Path]:
    found: list[Path] = []
    inside = root.resolve()
    for depth in range(_DEPTH):
        # A run may remove a file while it is being listed.
        found += [path for path in root.glob("*/" * depth + pattern) if path.is_file()]
    return [path for path in found if path.resolve().is_relative_to(inside)]


def _changed(path: Path) -> int:
    """Nanoseconds; 0 for what is not there any more."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
