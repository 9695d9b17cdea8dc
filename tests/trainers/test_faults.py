"""The fault drill, short: see ``python -m trainers.faults``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.usefixtures("forked_python")
def test_kills_and_faults_leave_runs_whole(tmp_path: Path) -> None:
    """In a process of its own, because it forks, which is safe only before torch has computed anything."""
    command = [sys.executable, "-m", "trainers.faults", "--kills", "3", "--output", str(tmp_path / "result.json")]
    done = subprocess.run(
        command,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=1500,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["kills"]["kills"] == 3
    assert result["kills"]["runs that differ"] == 0
    assert result["panoptic kills"]["kills"] == 1
    assert result["panoptic kills"]["runs that differ"] == 0
    assert set(result["faults"].values()) == {"ok"}
