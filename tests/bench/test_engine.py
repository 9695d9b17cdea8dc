"""The bench of the two frozen passes: every number is there, and both give the same ledger."""

from __future__ import annotations

import pytest

from rsp_lab.bench.engine import as_subject, engine_case
from rsp_lab.models import presets
from tests.kit.networks import network


@pytest.mark.parametrize("preset", ["baseline", "rsp2"])
def test_both_sides_answer_alike(preset: str) -> None:
    model = network(getattr(presets, preset)(), selective=True)
    row = engine_case(model.float(), (64, 128), 1)

    names = {f"{side}_{what}_ms" for side in ("head", "engine") for what in ("ledger", "further", "level_ledger")}
    names |= {"head_ledger_mb", "engine_ledger_mb"}
    ratios = {"ledger_ratio", "further_ratio", "level_ledger_ratio", "memory_ratio"}
    assert set(row) == {"height", "width", "gap", *names, *ratios}
    assert all(row[name] > 0 for name in (*names, *ratios))
    assert row["gap"] < 1e-4
    assert row["ledger_ratio"] == pytest.approx(row["engine_ledger_ms"] / row["head_ledger_ms"], abs=0.01)


def test_the_subject_is_cut_at_the_q_maps() -> None:
    model = network(presets.rsp4())
    assert as_subject(model).cut == tuple(f"model.head.taps.q{x}" for x in range(2, 8))
