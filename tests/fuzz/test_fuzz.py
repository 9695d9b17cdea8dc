"""The fuzzer, short; the long run is ``make fuzz``. What it is made of can fail, too."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.fuzz.__main__ import fuzz
from tests.fuzz.case import CLEAN, HANG, LEFT, TRACEBACK, WRONG, Case, judge
from tests.fuzz.kinds import KINDS

CASES = 300


def test_nothing_bad_comes_of_some_cases_of_every_kind(tmp_path: Path, unchecked: None) -> None:
    counts, failures = fuzz(0, range(CASES), tmp_path)

    assert not failures, "\n\n".join(failures)
    assert sum(counts.values(), Counter()) == {CLEAN: CASES}
    assert all(counts[name] for name in KINDS)


def test_each_bad_outcome_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.case.LIMIT_S", 1)
    given = tmp_path / "given"
    given.write_text("given")

    def crash() -> None:
        raise KeyError("x")

    def spin() -> None:
        while True:
            pass

    assert judge(Case(crash, (ValueError,)), tmp_path)[0] == TRACEBACK
    assert judge(Case(spin, ()), tmp_path)[0] == HANG
    assert judge(Case(lambda: 3, (), lambda answer: answer == 4), tmp_path)[0] == WRONG
    assert judge(Case(lambda: given.write_text("other"), (), inputs=(given,)), tmp_path)[0] == WRONG
    assert judge(Case(lambda: (tmp_path / ".unfinished-1").write_text(""), ()), tmp_path)[0] == LEFT
    assert judge(Case(lambda: (tmp_path / "out").write_text(""), (), output=tmp_path / "out"), tmp_path)[0] == CLEAN
