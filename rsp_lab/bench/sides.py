"""Time and memory of calls side by side, turn and turn about, so that ratios can be trusted."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from rsp_lab.interruption import signals_wait

Report = Callable[[str], None]
CPU = torch.device("cpu")
CLASS_NAMES = tuple(f"class {i}" for i in range(19))
"""Of untrained networks: as many as Cityscapes has."""


def side_by_side(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Milliseconds of each call: the fastest of all rounds, as in timeit, since other work can only slow a call down.

    Sides take turns, so that a slow spell of the machine meets all of them, and have the same time in each round, that
    of the slowest one's call: a single call of two milliseconds would be at the mercy of a moment.
    """
    fastest = {name: float("inf") for name in calls}
    with torch.no_grad():
        turn = max(seconds_of(call) for call in calls.values())
        for _ in range(rounds):
            for name, call in calls.items():
                # The first call after another one pays for caches and freed memory that the other left behind.
                call()
                spent = 0.0
                while spent == 0 or spent + fastest[name] <= turn:
                    spent += (took := seconds_of(call))
                    fastest[name] = min(fastest[name], took)
    return {name: round(seconds * 1e3, 3) for name, seconds in fastest.items()}


def seconds_of(call: Callable[[], Any]) -> float:
    """How long one call takes, work on a GPU included."""
    _finished()
    began = time.perf_counter()
    call()
    _finished()
    return time.perf_counter() - began


def _finished() -> None:
    """Waits until a GPU, where there is one, has done what it was given."""
    if torch.accelerator.is_available():
        torch.accelerator.synchronize()


def peak_megabytes(call: Callable[[], Any], device: torch.device = CPU) -> float:
    """Peak of the bytes that tensors made during the call hold at one time, from the allocator's own events; on a GPU
    of CUDA from its allocator's own count."""
    if device.type == "cuda":
        return _peak_on_gpu(call, device)
    with torch.no_grad():
        call()
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as trace:
            kept = call()
        del kept
    held = peak = 0
    for change in _allocations(trace):
        held += change
        peak = max(peak, held)
    return round(peak / 1e6, 3)


def peak_bytes() -> int | None:
    """The most memory that this process ever had; None where the system does not say."""
    try:
        import resource  # of POSIX systems
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 2**10


def _peak_on_gpu(call: Callable[[], Any], device: torch.device) -> float:
    with torch.no_grad():
        call()
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        kept = call()
    del kept
    return round((torch.cuda.max_memory_allocated(device) - before) / 1e6, 3)


def _allocations(trace: profile) -> Iterator[int]:
    """Bytes of each allocation (positive) and release (negative) in order of time."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        trace.export_chrome_trace(str(path))
        events = json.loads(path.read_text())["traceEvents"]
    memory = [event for event in events if event.get("name") == "[memory]" and event["args"].get("Device Type") == 0]
    for event in sorted(memory, key=lambda event: event["ts"]):
        yield int(event["args"]["Bytes"])


def in_own_process(call: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """The row that a function measures in a new process, which ends with the call.

    Raises:
        RuntimeError: if the process ends without a row; what it has to say about that stands on stderr.
    """
    context = get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_send_row, args=(there, call, arguments))
    with signals_wait():
        process.start()
    there.close()
    try:
        row: dict[str, Any] = here.recv()
    except EOFError:
        raise RuntimeError("a process of the bench ended on an error, which stands above.") from None
    finally:
        process.kill()
        process.join()
    return row


def _send_row(there: Connection, call: Callable[..., dict[str, Any]], arguments: tuple[Any, ...]) -> None:
    there.send(call(*arguments))


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """torch's threads set to ``count`` for a while; None leaves them."""
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)
