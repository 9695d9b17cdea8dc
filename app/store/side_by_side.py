"""Work on several models at once: a thread for each core, with one thread of torch's in each.

Maps are small, so that two cores do more on two models than together on one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

import torch
from streamlit.runtime.scriptrunner import add_script_run_ctx, get_script_run_ctx

T = TypeVar("T")
Report = Callable[[float], None]
_LOOK_S = 0.1


class _EndedError(Exception):
    """In a job whose results nobody waits for any more."""


def side_by_side(jobs: Sequence[Callable[[Report], T]], report: Report | None = None) -> list[T]:
    """What each job gives, in their order. Where torch may use one thread alone, one job follows the other.

    Args:
        jobs: each is called with a function that takes the share of it that is done, 0 to 1.
        report: called in the caller's own thread, several times a second, with the share of all that is done. What it
            raises ends the work: no job begins any more, and those that run end at their next report.

    Raises:
        Exception: what the first job that failed raised, by their order, or ``report``.
    """
    threads = torch.get_num_threads()
    cores = min(len(jobs), threads)
    shares, ended = [0.0] * len(jobs), threading.Event()

    def tell() -> None:
        if report is not None:
            report(sum(shares) / len(jobs))

    def reporter(place: int) -> Report:
        def keep(share: float) -> None:
            if ended.is_set():
                raise _EndedError
            shares[place] = share
            if cores < 2:
                tell()

        return keep

    if cores < 2:
        return [_whole(job, reporter(place)) for place, job in enumerate(jobs)]
    script = get_script_run_ctx(suppress_warning=True)

    def begin() -> None:
        torch.set_num_threads(1)
        add_script_run_ctx(threading.current_thread(), script)

    try:
        with ThreadPoolExecutor(cores, "side-by-side", begin) as pool:
            futures = [pool.submit(_whole, job, reporter(place)) for place, job in enumerate(jobs)]
            try:
                while wait(futures, _LOOK_S).not_done and not any(map(_failed, futures)):
                    tell()
            finally:
                # Where all are done there is nothing left to end.
                ended.set()
                pool.shutdown(wait=False, cancel_futures=True)
    finally:
        # A thread's number is also that of all threads that begin later.
        torch.set_num_threads(threads)
    # A job that was ended because of another one has no error of its own.
    broken = next((one for one in futures if _failed(one) and not isinstance(one.exception(), _EndedError)), None)
    return [(broken or future).result() for future in futures]


def _whole(job: Callable[[Report], T], report: Report) -> T:
    report(0.0)
    value = job(report)
    report(1.0)
    return value


def _failed(future: Future[T]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is not None
