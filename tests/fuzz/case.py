"""One case of the fuzzer and the judgement of what came of it."""

from __future__ import annotations

import hashlib
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CLEAN, TRACEBACK, HANG, WRONG, LEFT = "clean", "traceback", "hang", "wrong silently", "left behind"
OUTCOMES = (CLEAN, TRACEBACK, HANG, WRONG, LEFT)
LIMIT_S = 120
"""Seconds after which a case hangs; any of them takes less than one on a quiet machine."""


class Hang(BaseException):
    """Raised by the alarm; no handler of the product may take it for an error of its own."""


@dataclass(frozen=True)
class Case:
    """A request and how to tell whether its answer is right.

    Attributes:
        run: the request; it returns an answer or raises.
        refusals: kinds of exception by which the product refuses, with a message.
        right: whether an answer is right, by a way of its own; None where any answer is.
        inputs: files that must stay as they are.
        output: file or folder that the request may write.
    """

    run: Callable[[], Any]
    refusals: tuple[type[BaseException], ...]
    right: Callable[[Any], bool] | None = None
    inputs: tuple[Path, ...] = ()
    output: Path | None = None


def judge(case: Case, folder: Path) -> tuple[str, str]:
    """The outcome of a case, one of :data:`OUTCOMES`, and what there is to say about it."""
    before = _contents(folder)
    outcome, detail = CLEAN, ""
    try:
        with _alarm():
            answer = case.run()
            if case.right is not None and not case.right(answer):
                outcome, detail = WRONG, f"answered {answer!r:.300}"
    except Hang:
        outcome, detail = HANG, f"no answer in {LIMIT_S} s"
    except case.refusals as refusal:
        if not str(refusal).strip():
            outcome, detail = TRACEBACK, f"{type(refusal).__name__} without a message"
    except BaseException:
        outcome, detail = TRACEBACK, traceback.format_exc(limit=-6)
    if outcome == CLEAN:
        outcome, detail = _left(before, _contents(folder), case)
    return outcome, detail


def _left(before: dict[Path, str], after: dict[Path, str], case: Case) -> tuple[str, str]:
    changed = [path.name for path in case.inputs if before.get(path) != after.get(path)]
    if changed:
        return WRONG, f"changed its input {', '.join(changed)}"
    own = case.output
    strange = [path for path in after if path not in before and own != path and own not in path.parents]
    # A process that is alive may hold its lock; what it worked on must be gone.
    if own is not None:
        strange += [path for path in after if own in path.parents and "unfinished" in path.name]
    return (LEFT, ", ".join(str(path.relative_to(path.anchor)) for path in strange)) if strange else (CLEAN, "")


def _contents(folder: Path) -> dict[Path, str]:
    return {
        path: hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in sorted(folder.rglob("*"))
        if not path.is_fifo()
    }


@contextmanager
def _alarm() -> Iterator[None]:
    def ring(*_: object) -> None:
        raise Hang

    previous = signal.signal(signal.SIGALRM, ring)
    signal.alarm(LIMIT_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)
