"""Sides are measured in turns and in equal shares; how fast things are is for the benches to report, not for tests."""

from __future__ import annotations

import os
from functools import partial
from itertools import groupby
from multiprocessing import active_children

import pytest
import torch

from rsp_lab.bench import sides


def test_peak_memory_by_hand() -> None:
    def call() -> torch.Tensor:
        first = torch.ones(1_000_000)  # 4 MB
        second = first + 1  # 8 MB held
        del first
        return second + 1  # 8 MB held

    assert sides.peak_megabytes(call) == pytest.approx(8, abs=0.1)


def test_sides_take_turns() -> None:
    order: list[str] = []
    times = sides.side_by_side({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, rounds=2)

    assert [name for name, _ in groupby(order)] == ["a", "b", "a", "b", "a", "b"]
    assert set(times) == {"a", "b"}


def test_sides_have_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now, calls = 0.0, {"slow": 0, "fast": 0}

    def spend(name: str, seconds: float) -> None:
        nonlocal now
        now += seconds
        calls[name] += 1

    monkeypatch.setattr(sides.time, "perf_counter", lambda: now)
    times = sides.side_by_side({"slow": partial(spend, "slow", 8.0), "fast": partial(spend, "fast", 0.5)}, rounds=3)

    assert times == {"slow": 8000.0, "fast": 500.0}
    # Each is called once at first and once more a round without a clock.
    assert calls == {"slow": 1 + 3 * 2, "fast": 1 + 3 * 17}


def test_threads_are_given_back() -> None:
    before = torch.get_num_threads()
    with sides.threads(1):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


@pytest.mark.usefixtures("forked_python")
def test_a_row_comes_from_another_process_of_which_nothing_is_left() -> None:
    row = sides.in_own_process(eval, "{'process': __import__('os').getpid()}")

    assert row["process"] != os.getpid()
    assert active_children() == []
