"""The example of foreign networks runs, and its accounts add up."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

import rsp_lab as rl

SCRIPT = Path(__file__).parents[1] / "examples" / "your_network.py"

pytestmark = pytest.mark.usefixtures("one_thread", "unchecked_module")


def test_every_network_of_the_example_is_exact(capsys: pytest.CaptureFixture[str]) -> None:
    names = runpy.run_path(str(SCRIPT))
    subjects = names["subjects"]()
    assert len(subjects) >= 2
    for subject in subjects:
        assert rl.check(subject, names["IMAGE"]).exact
        assert rl.context_ledger(subject, names["IMAGE"], rl.PixelTarget(60, 130)).residual < 1e-5
    names["main"]()
    assert capsys.readouterr().out.count("its ledgers are exact") == len(subjects)
