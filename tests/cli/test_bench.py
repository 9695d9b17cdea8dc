"""The benches measure what they say; how fast things are is for the benches to report, not for tests."""

from __future__ import annotations

import json
from functools import partial
from itertools import groupby

import numpy as np
import pytest
import torch

from rsp_lab import bench
from rsp_lab.analysis.trade.run import trade_matrix
from rsp_lab.cli import main
from rsp_lab.models import presets
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.shapes import Window


def test_relation_bench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(bench, "RELATION_CASES", ((24, 32, Window(7)), (24, 32, Window(3, 3))))
    main.main(["bench", "relation", "--json"])
    rows = json.loads(capsys.readouterr().out)

    keys = {"height", "width", "kernel_size", "dilation", "reference_extra_mb", "fast_extra_mb"}
    keys |= {f"{who}_{what}" for who in ("reference", "fast") for what in ("ms", "backward_ms")}
    assert [set(row) for row in rows] == [keys, keys]
    assert [(row["kernel_size"], row["dilation"]) for row in rows] == [(7, 1), (3, 3)]
    # 49 copies of 192 channels are unfolded: 24 x 32 cells of 4 bytes each, plus at least the products.
    assert rows[0]["reference_extra_mb"] > 49 * 192 * 24 * 32 * 4 / 1e6
    assert rows[0]["fast_extra_mb"] >= 128 * 24 * 32 * 4 / 1e6


def test_peak_memory_by_hand() -> None:
    def call() -> torch.Tensor:
        first = torch.ones(1_000_000)  # 4 MB
        second = first + 1  # 8 MB held
        del first
        return second + 1  # 8 MB held

    assert bench._peak_megabytes(call) == pytest.approx(8, abs=0.1)


def test_sides_take_turns() -> None:
    order: list[str] = []
    times = bench._side_by_side({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, rounds=2)

    assert [name for name, _ in groupby(order)] == ["a", "b", "a", "b", "a", "b"]
    assert set(times) == {"a", "b"}


def test_sides_have_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now, calls = 0.0, {"slow": 0, "fast": 0}

    def spend(name: str, seconds: float) -> None:
        nonlocal now
        now += seconds
        calls[name] += 1

    monkeypatch.setattr(bench.time, "perf_counter", lambda: now)
    sides = {"slow": partial(spend, "slow", 8.0), "fast": partial(spend, "fast", 0.5)}
    times = bench._side_by_side(sides, rounds=3)

    assert times == {"slow": 8000.0, "fast": 500.0}
    # Each is called once at first and once more a round without a clock.
    assert calls == {"slow": 1 + 3 * 2, "fast": 1 + 3 * 17}


def test_analysis_bench() -> None:
    torch.manual_seed(0)
    model = Segmenter(presets.tiny_rsp4(("a", "b", "c"))).eval()
    row = bench._analysis_case(model, (64, 96), 1)

    assert row["levels"] == 6
    named = {f"{what}_ms" for what in ("forward", "context_ledger", "ledger", "head", "level_ledger")}
    named |= {"plain_images_per_s", "trade_images_per_s"}
    assert set(row) == {"height", "width", "levels", *named}
    assert all(row[name] > 0 for name in named)


def test_the_trade_bench_has_every_zone() -> None:
    """What is measured is the whole trade: the statistics of an image in which all classes occur."""
    torch.manual_seed(0)
    model = Segmenter(presets.tiny_rsp4(("a", "b", "c"))).eval()
    sample = bench._patchwork((64, 96), 3)

    assert set(sample.label.unique().tolist()) == {0, 1, 2, 3}
    total = bench._trade_of_one(bench.empty_sum((model, model), "labels"), model, sample)
    expected = trade_matrix((model, model), [sample])
    np.testing.assert_array_equal(total.result(("left", "right"), "labels").values.mean, expected.values.mean)
    assert bench._plain_inference(model, sample).shape == (1, 64, 96)


def test_threads_are_given_back() -> None:
    before = torch.get_num_threads()
    with bench.threads(1):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
