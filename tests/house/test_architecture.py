"""ARCHITECTURE.md has a line for every package, and no line for a package that is not there."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAMS = ("rsp_lab", "app", "trainers")
MANY_LINES = 400


def packages_in(folder: Path) -> set[str]:
    return {
        file.parent.relative_to(folder).as_posix() for name in PROGRAMS for file in (folder / name).rglob("__init__.py")
    }


def packages_listed(page: str) -> list[str]:
    return re.findall(r"^\| `([\w/]+)` \|", page[page.index("## Packages") : page.index("## Words")], re.MULTILINE)


def test_every_package_has_its_line() -> None:
    listed = packages_listed((ROOT / "ARCHITECTURE.md").read_text("utf-8"))

    assert len(listed) == len(set(listed))
    assert set(listed) == packages_in(ROOT)


def test_a_package_without_a_line_is_found(tmp_path: Path) -> None:
    for name in PROGRAMS:
        (tmp_path / name / "cellar").mkdir(parents=True)
        (tmp_path / name / "cellar" / "__init__.py").write_text("")

    assert packages_in(tmp_path) == {f"{name}/cellar" for name in PROGRAMS}


def test_long_files_are_a_reason_to_look() -> None:
    """A warning, not a wall: a file is cut where it holds two concepts."""
    for file in (file for name in PROGRAMS for file in (ROOT / name).rglob("*.py")):
        lines = len(file.read_text("utf-8").splitlines())
        if lines > MANY_LINES:
            warnings.warn(f"{file.relative_to(ROOT)} has {lines} lines: does it hold two concepts?", stacklevel=1)
