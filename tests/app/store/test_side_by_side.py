"""Jobs at once: their results in order, what is done of them, and how they end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from app.store import side_by_side as module
from app.store.side_by_side import Report, side_by_side


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_results_come_in_the_order_of_the_jobs(threads: int) -> None:
    first_ends = threading.Event()

    def slow(report: Report) -> str:
        assert threads == 1 or first_ends.wait(60)
        return "slow"

    def quick(report: Report) -> str:
        first_ends.set()
        return "quick"

    assert side_by_side([slow, quick, lambda _: "last"]) == ["slow", "quick", "last"]
    assert torch.get_num_threads() == threads


def test_jobs_at_once_have_a_thread_of_torch_each(threads: int) -> None:
    together = threading.Barrier(2)

    def job(report: Report) -> int:
        if threads == 2:
            together.wait(60)  # which both must reach
        return torch.get_num_threads()

    assert side_by_side([job, job]) == [1, 1]
    later = threading.Thread(target=lambda: after.append(torch.get_num_threads()))
    after: list[int] = []
    later.start()
    later.join()
    assert after == [threads]


def test_the_caller_hears_what_is_done_in_its_own_thread(threads: int) -> None:
    heard, half = [], threading.Event()

    def report(share: float) -> None:
        heard.append((share, threading.current_thread()))
        if share >= 0.25:
            half.set()

    def job(report: Report) -> None:
        report(0.5)
        assert threads == 1 or half.wait(60)

    side_by_side([job, lambda _: None], report)

    shares = [share for share, _ in heard]
    assert shares == sorted(shares)
    assert 0.25 in shares or 0.75 in shares
    assert {thread for _, thread in heard} == {threading.current_thread()}


def test_what_the_report_raises_ends_the_work(threads: int) -> None:
    begun, told = [], threading.Event()

    def report(share: float) -> None:
        if begun:
            told.set()
            raise KeyError("stop")

    def job(report: Report) -> None:
        begun.append(1)
        for _ in range(10_000):
            report(0.1)
            told.wait(0.01)
        raise AssertionError("nobody ended this job")

    with pytest.raises(KeyError, match="stop"):
        side_by_side([job] * 5, report)

    assert len(begun) <= threads


def test_an_error_of_a_job_is_the_callers(threads: int) -> None:
    ended = []

    def good(report: Report) -> None:
        for _ in range(10_000):
            report(0.1)
            threading.Event().wait(0.001)
        ended.append(1)

    def bad(report: Report) -> None:
        raise ValueError("no such map")

    with pytest.raises(ValueError, match="no such map"):
        side_by_side([bad, good, good])

    assert not ended


def test_an_error_is_that_of_the_job_that_failed_and_of_none_that_was_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here the first job has been ended before the caller looks for what went wrong."""
    ended = threading.Event()

    class Patient(ThreadPoolExecutor):
        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            super().shutdown(wait=True, cancel_futures=cancel_futures)

    def good(report: Report) -> None:
        try:
            while True:
                report(0.1)
                threading.Event().wait(0.001)
        finally:
            ended.set()

    def bad(report: Report) -> None:
        raise ValueError("no such map")

    monkeypatch.setattr(module, "ThreadPoolExecutor", Patient)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(ValueError, match="no such map"):
            side_by_side([good, bad])
    finally:
        torch.set_num_threads(before)

    assert ended.is_set()
