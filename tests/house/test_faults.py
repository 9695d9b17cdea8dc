"""The table of faults names tests that are there, at least one per row."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "tests" / "FAULTS.md"


def missing(rows: list[str], root: Path) -> list[str]:
    """What rows name and is not there, and rows that name nothing."""
    found = []
    for row in rows:
        named = re.findall(r"`(tests/[^`]+)`", row.split("|")[3])
        found += [] if named else [row]
        for file, _, test in (one.partition("::") for one in named):
            text = (root / file).read_text() if (root / file).is_file() else ""
            found += [] if re.search(rf"^def {test or 'test_'}", text, re.MULTILINE) else [f"{file}::{test}"]
    return found


def rows() -> list[str]:
    return [line for line in TABLE.read_text().splitlines() if line.startswith("| ") and not line.startswith("| kind")]


def test_each_kind_of_fault_is_held_by_tests_that_are_there() -> None:
    assert len(rows()) > 30
    assert missing(rows(), ROOT) == []


def test_a_test_that_is_gone_is_found(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text("def test_one() -> None: ...\n")
    row = "| kind | right | `tests/test_a.py`, `tests/test_a.py::test_one`, `tests/test_a.py::test_two` |"

    assert missing([row, "| kind | right | none |"], tmp_path) == [
        "tests/test_a.py::test_two",
        "| kind | right | none |",
    ]
