"""The drill of interrupted commands, short; the long one is part of ``make faults``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.usefixtures("forked_python")
def test_interrupted_commands_leave_nothing_and_end_the_same() -> None:
    """In a process of its own, because it forks, which is safe only before torch has computed anything."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.interruptions", "--each", "2", "export-html", "trade"],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all passed" in done.stdout
