"""What the tests of the command line share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rsp_lab.cli import main


@pytest.fixture
def fails(capsys: pytest.CaptureFixture[str]) -> Callable[[list[str]], str]:
    """Runs a command that must end with exit code 2; returns the one line it says."""

    def run(arguments: list[str]) -> str:
        with pytest.raises(SystemExit) as caught:
            main.main(arguments)
        lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("rsp-lab:")]
        assert caught.value.code == 2
        assert len(lines) == 1
        return lines[0]

    return run


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A file of a reader with networks of another make: ``other``, and ``gated``, of which no ledger adds up."""
    file = tmp_path / "mine.py"
    file.write_text(
        "from tests.kit.arena import scene_subject\n\n\ndef other():\n    return scene_subject()\n\n\n"
        "def gated():\n    return scene_subject(gated=True)\n"
    )
    return file
