"""The bench of the start: medians over rounds in which every process has its turn."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from rsp_lab.bench import start
from rsp_lab.cli import main


def test_medians_of_turns(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    turns = []
    # The round that fills caches is slow, and so is one spell of the machine.
    factors = iter([100.0] * 4 + [1.0] * 12 + [50.0] * 4 + [1.0] * 12)
    took = {"import torch": 2.0, "import rsp_lab": 1.0, "from rsp_lab import *": 3.0, "--help": 0.5}

    def seconds_of(words: Sequence[str]) -> float:
        turns.append(words[-1])
        return took[words[-1]] * next(factors)

    monkeypatch.setattr(start, "_seconds_of", seconds_of)
    main.main(["bench", "start", "--json"])

    assert turns == [*took] * 8
    assert json.loads(capsys.readouterr().out) == [
        {
            "torch_s": 2.0,
            "import_s": 1.0,
            "names_s": 3.0,
            "help_s": 0.5,
            "import_ratio": 0.5,
            "names_ratio": 1.5,
            "help_ratio": 0.25,
        }
    ]


def test_a_process_that_fails_is_no_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "PROGRAMS", {"torch": ("-c", "raise SystemExit(3)")})
    with pytest.raises(RuntimeError, match="exit code 3"):
        start.bench_start(rounds=1)
