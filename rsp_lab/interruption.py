"""Being asked to stop. SIGINT, as from Ctrl-C, and SIGTERM, as from a scheduler, are alike to every command.

A command ends with one line and the exit code 130. Nothing heavy is imported here: the first lines of a program call
:func:`exit_on_signals`, before the imports that take seconds, and its last one :func:`outlast_signals`.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType, TracebackType
from typing import Any, NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM)
EXIT_CODE = 130
"""Of a program that was asked to stop, by whichever signal."""
_ONE_REQUEST_S = 1.0
"""A terminal and a launcher such as torchrun both pass one request on: a second signal so soon is no second one."""
_open: list[_Request] = []


class Interrupted(KeyboardInterrupt):
    """A command was asked to stop; the text says so, what is kept of its work, and how to go on."""


class _Request:
    """Whether a block of :func:`interruptible` was asked to stop, and when first."""

    def __init__(self) -> None:
        self.since: float | None = None
        self._lost = False

    def receive(self, _number: int, _frame: FrameType | None) -> None:
        if self.since is None or self._lost:
            self.since, self._lost = self.since or time.monotonic(), False
            raise KeyboardInterrupt
        if time.monotonic() - self.since > _ONE_REQUEST_S:
            _end("interrupted at once")

    @contextmanager
    def insisting(self) -> Iterator[None]:
        """Raises again what was raised where Python must drop it, as in a callback of a weak reference.

        Drawing is full of such moments, and the interpreter would print a traceback and go on.
        """

        def dropped(what: sys.UnraisableHookArgs) -> None:
            if self.since is None or what.exc_type is not KeyboardInterrupt:
                before(what)
                return
            self._lost = True
            # Not from here, which the interpreter would drop too; and a Timer might wait for a lock that is held here.
            _thread.start_new_thread(self._remind, ())

        before, sys.unraisablehook = sys.unraisablehook, dropped
        try:
            yield
        finally:
            sys.unraisablehook = before

    def _remind(self) -> None:
        time.sleep(0.005)
        if self._lost and self in _open:
            _thread.interrupt_main()


@contextmanager
def interruptible() -> Iterator[None]:
    """A block that a signal ends, whatever is being done in it.

    The first signal raises KeyboardInterrupt where the block is, so that files and processes are cleared away. A later
    one, when that takes long, ends the process at once.

    Raises:
        Interrupted: for a KeyboardInterrupt, and, once a signal came, for any other exception too: what was cut short
            by it, such as an import, may fail in a way of its own.
    """
    request = _Request()
    _open.append(request)
    try:
        with request.insisting(), handled_by(request.receive):
            yield
    except Interrupted:
        raise
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) or request.since is not None:
            raise Interrupted("interrupted") from None
        raise
    finally:
        _open.remove(request)


@contextmanager
def kept(note: str | Callable[[], str]) -> Iterator[None]:
    """A block whose interruption is told with a note, made then where it is a function: what is kept of the work, and
    how to go on."""
    try:
        yield
    except Interrupted:
        raise
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) or any(request.since is not None for request in _open):
            raise Interrupted(f"interrupted; {note if isinstance(note, str) else note()}") from None
        raise


class StopSignal:
    """Makes a wish to stop of a signal, for a block of work that stops well at moments of its own choice only.

    A second one does what it would have done without this.

    Attributes:
        asked: whether a signal came.
    """

    def __init__(self) -> None:
        self.asked = False
        self._since = 0.0
        self._handling = ExitStack()

    def __enter__(self) -> StopSignal:
        self._handling.enter_context(handled_by(self._receive))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._handling.close()

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        if not self.asked:
            self.asked, self._since = True, time.monotonic()
        elif time.monotonic() - self._since > _ONE_REQUEST_S:
            self._handling.close()
            signal.raise_signal(number)


@contextmanager
def handled_by(handler: Callable[[int, FrameType | None], Any]) -> Iterator[None]:
    """A block in which both signals call ``handler``; in a thread beside the main one, which gets none, a plain one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in SIGNALS}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def exit_on_signals(program: str) -> None:
    """From here on, a signal ends this process at once, with one line: for a program that has yet to be imported."""
    for number in SIGNALS:
        signal.signal(number, lambda _number, _frame: _end(f"{program}: interrupted"))


def outlast_signals() -> None:
    """From here on, signals do nothing: for a process whose work is done and said, in its last moments.

    Python shuts down without its handlers: a signal would end the process without a line, and with another exit code
    than that of the work.
    """
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def leave_signals_to_parent(_worker: int = 0) -> None:
    """For a process that works for another: Ctrl-C reaches both, and the parent alone decides when this one ends."""
    outlast_signals()


@contextmanager
def signals_wait() -> Iterator[None]:
    """A block that signals do not enter but follow; a process that is started in it never gets them.

    Such a process ends by ``kill()``.
    """
    if not hasattr(signal, "pthread_sigmask"):  # as on Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(line: str) -> NoReturn:
    # Whatever is being written or imported now, no code of it runs any more.
    os.write(2, f"{line}\n".encode())
    os._exit(EXIT_CODE)
