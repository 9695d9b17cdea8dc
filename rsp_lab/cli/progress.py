"""How far a long command is: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rsp_lab.cli.output import say

EVERY = 10.0
"""Seconds between two lines."""

ReportProgress = Callable[[int, int], None]
"""Takes what is done, and of how many."""


@contextmanager
def progress_on_stderr(command: str, unit: str, *, process: tuple[int, int] = (0, 1)) -> Iterator[ReportProgress]:
    """A function that shows on stderr how far a command is, and how long what is left will take.

    Args:
        command: at the beginning of the bar.
        unit: what is counted, e.g. images.
        process: rank and number of the processes that share the work; several on one terminal say lines.
    """
    if process[1] > 1 or not sys.stderr.isatty():
        yield _lines(unit if process[1] == 1 else f"{unit}, process {process[0] + 1} of {process[1]}")
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    # As they are: names of models may hold brackets and braces.
    words = TextColumn("{task.description}", markup=False), TextColumn("{task.fields[unit]}", markup=False)
    columns = words[0], BarColumn(), MofNCompleteColumn(), words[1], TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(command, total=None, unit=unit)
        yield lambda done, count: bar.update(task, completed=done, total=count)


def _lines(unit: str) -> ReportProgress:
    began = last = time.monotonic()
    before: int | None = None

    def report(done: int, count: int) -> None:
        nonlocal last, before
        # What an earlier call has done takes no time.
        before = done - 1 if before is None else before
        now = time.monotonic()
        if now - last < EVERY and done < count:
            return
        last = now
        say(f"{done} of {count} {unit}, about {(now - began) / (done - before) * (count - done):.0f} s left")

    return report
