"""The code is formatted, and clean under ruff and mypy: the same commands as ``make lint``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("command", ["ruff check", "ruff format --check", "mypy"])
def test_is_clean(command: str) -> None:
    result = subprocess.run([sys.executable, "-m", *command.split()], cwd=ROOT, capture_output=True, text=True)

    assert result.returncode == 0, f"{command} complains:\n{result.stdout}{result.stderr}"
