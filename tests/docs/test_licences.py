"""The page of licences names every package that pyproject asks for, and only those."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_every_dependency_has_its_line():
    asked = runpy.run_path(str(DOCS / "licences.py"))["asked_for"]()
    lines = dict(re.findall(r"^\| ([\w-]+) \| .* \| (.+) \|$", (DOCS / "licences.md").read_text(), re.MULTILINE))
    lines.pop("package", None)
    assert set(lines) == set(asked)
    assert "not stated" not in lines.values()
