"""Run folders: the one place on disk, beside the data sets, from which the workbench reads what a reader names.

``RSP_LAB_RUNS`` names it; without it, it is ``runs`` in the folder that the workbench was started in.
"""

from __future__ import annotations

import os
from pathlib import Path

_MOST = 200
_DEPTH = 4
# States of a run hold optimiser and progress, not a model to look at.
_STATES = ("last", "step-", "nonfinite-")


def runs_root() -> Path:
    """The folder that holds run folders; it need not exist."""
    return Path(os.environ.get("RSP_LAB_RUNS") or "runs").absolute()


def run_weights(root: Path) -> dict[str, Path]:
    """Weights files below ``root`` by name, e.g. ``"runs: tiny/best"``, newest first; no links that lead out."""
    inside = root.resolve()
    files = [path for path in _files(root, "*.safetensors") if not path.name.startswith(_STATES)]
    files = [path for path in files if path.resolve().is_relative_to(inside)]
    files.sort(key=lambda path: -path.stat().st_mtime_ns)
    return {f"runs: {path.relative_to(root).with_suffix('').as_posix()}": path for path in files[:_MOST]}


def _files(root: Path, pattern: str) -> list[Path]:
    found: list[Path] = []
    for depth in range(_DEPTH):
        # A run may remove a file while it is being listed.
        found += [path for path in root.glob("*/" * depth + pattern) if path.is_file()]
    return found
