"""A Python whose processes have torch at once; the fixture ``forked_python`` puts it in ``sys.executable``'s place.

Importing torch and what stands beside it takes a process longer than most work that a test gives it. One process
imports them, computes nothing, and forks for every program that is started with :func:`python`. The fork becomes the
program: its words, folder, environment, open files, blocked signals and session are those it was started with, it
imports our own code itself, and it ends as Python does, but for freeing what it holds object by object, which takes a
second. :func:`python` is an executable that stands for the fork: signals that reach it reach the fork, and it ends as
the fork did.

What is about imports, or about an interpreter's last moments, needs an interpreter of its own.
"""

from __future__ import annotations

import array
import atexit
import fcntl
import gc
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, NoReturn

IMPORTED = (
    "captum.attr",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_pdf",
    "matplotlib.backends.backend_svg",
    "matplotlib.figure",
    "pandas",
    "plotly.graph_objects",
    "rich.progress",
    "scipy.stats",
    "streamlit.web.bootstrap",
    "streamlit.web.cli",
    "torch",
    "torch.utils.data",
    "torchvision.models",
    "torchvision.transforms",
    "tyro",
)
"""What takes long to import, and is none of ours. None of it reads the environment or starts a thread by then."""
_FORWARDED = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
_OPTIONS = ("-B", "-u")
"""Of Python, that may come before a program: nothing is compiled to files anyway, and output goes out at once."""
_LENGTH_BYTES = 4
_MOST_FILES = 200


@contextmanager
def forked_processes() -> Iterator[None]:
    """A block whose processes are forked with torch imported, whoever starts them."""
    from multiprocessing import set_executable, spawn

    import pytest

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "executable", python())
        before = spawn.get_executable()
        set_executable(python())
        try:
            yield
        finally:
            set_executable(before)


@cache
def python() -> str:
    """Path of the executable; elsewhere than on Linux it is this process's own Python.

    The first call starts the process that forks; it ends with this one, however this one ends.
    """
    if sys.platform != "linux":
        return sys.executable
    import subprocess
    import tempfile

    listener = socket.socket(socket.AF_UNIX)
    listener.bind("")  # an abstract name, which is no file
    listener.listen(64)
    ours, theirs = socket.socketpair()
    words = [sys.executable, "-I", __file__, "serve", str(listener.fileno()), str(theirs.fileno())]
    passed = (listener.fileno(), theirs.fileno())
    server = subprocess.Popen(words, pass_fds=passed, start_new_session=True)
    theirs.close()
    folder = tempfile.TemporaryDirectory(prefix="forked-python-")
    executable = Path(folder.name, "python")
    name = listener.getsockname()[1:].decode()
    listener.close()
    executable.write_text(f"#!/bin/sh\nexec '{sys.executable}' -I -S '{__file__}' run {name} \"$@\"\n")
    executable.chmod(0o700)
    _KEPT.extend((server, ours, folder))
    return str(executable)


_KEPT: list[object] = []
"""What lives as long as this process: its end is what ends the server and clears the folder away."""


@dataclass(frozen=True)
class Program:
    """What a fork becomes.

    Attributes:
        words: of the command line, after that of Python itself.
        folder: it runs in.
        environment: whole.
        blocked: numbers of the signals that wait.
        leads: it is the first process of a session of its own.
        files: numbers of the files that are open in it.
    """

    words: list[str]
    folder: str
    environment: dict[str, str]
    blocked: list[int]
    leads: bool
    files: list[int]

    def settle(self, files: list[int]) -> None:
        """Makes this process, just forked, the program's; ``files`` are its open ones."""
        for number, file in zip(self.files, [_moved(file, max(self.files) + 1) for file in files], strict=True):
            os.dup2(file, number)
            os.close(file)
        # The server's own remember what kind of files they were.
        sys.stdin = sys.__stdin__ = os.fdopen(0, closefd=False)
        sys.stdout = sys.__stdout__ = os.fdopen(1, "w", closefd=False)
        sys.stderr = sys.__stderr__ = os.fdopen(2, "w", 1, errors="backslashreplace", closefd=False)
        if self.leads:
            os.setsid()
        os.chdir(self.folder)
        os.environ.clear()
        os.environ.update(self.environment)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, self.blocked)
        search = self.environment.get("PYTHONPATH", "")
        sys.path[:0] = [path for path in search.split(os.pathsep) if path]

    def run(self) -> int:
        """Runs the program as the main module; its exit code, as Python has it."""
        try:
            self._run()
        except SystemExit as ended:
            if ended.code is None or isinstance(ended.code, int):
                return ended.code or 0
            print(ended.code, file=sys.stderr)
            return 1
        except BaseException as error:
            sys.excepthook(type(error), error, error.__traceback__)
            return -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
        return 0

    def _run(self) -> None:
        import runpy

        words = self.words
        while words[0] in _OPTIONS:
            words = words[1:]
        if self.environment.get("PYTHONUNBUFFERED") or "-u" in self.words[: -len(words)]:
            sys.stdout.reconfigure(write_through=True)  # type: ignore[union-attr]
        if words[0] == "-c":
            sys.argv[:] = ["-c", *words[2:]]
            sys.path.insert(0, "")
            main = sys.modules["__main__"] = ModuleType("__main__")
            exec(compile(words[1], "<string>", "exec"), vars(main))
        elif words[0] == "-m":
            sys.argv[:] = words[1:]
            sys.path.insert(0, os.getcwd())
            runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv[:] = words
            sys.path.insert(0, os.path.dirname(os.path.abspath(words[0])))
            runpy.run_path(words[0], run_name="__main__")


def serve(listener: socket.socket, parent: socket.socket) -> Program | None:
    """Forks for each program that is asked for, until the parent is gone; returns in each fork, with its program."""
    sys.argv[:] = [""]
    for name in IMPORTED:
        import_module(name)
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    running: dict[int, tuple[int, socket.socket]] = {}
    callers: dict[socket.socket, int] = {}
    while True:
        ready = select.select([listener, parent, *running, *callers], [], [])[0]
        if parent in ready:
            return None
        for one in ready:
            if one is listener:
                caller = listener.accept()[0]
                try:
                    program, files = _received(caller)
                except ConnectionError:  # the one that asks was killed meanwhile
                    caller.close()
                    continue
                if (process := os.fork()) == 0:
                    for other in (listener, parent, caller, *callers):
                        other.close()
                    for handle in running:
                        os.close(handle)
                    program.settle(files)
                    return program
                for file in files:
                    os.close(file)
                running[os.pidfd_open(process)] = process, caller
                callers[caller] = process
                with suppress(OSError):  # it may be gone by now: then there is something to read, which is nothing
                    caller.sendall(process.to_bytes(_LENGTH_BYTES, "little"))
            elif one in running:
                process, caller = running.pop(one)
                code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
                os.close(one)
                callers.pop(caller, None)
                with caller, suppress(OSError):  # the caller may be gone
                    caller.sendall(code.to_bytes(_LENGTH_BYTES, "little", signed=True))
            elif one in callers:  # nothing is said to us: the one that stands for the program was killed
                os.kill(callers.pop(one), signal.SIGKILL)


def _received(caller: socket.socket) -> tuple[Program, list[int]]:
    data, files, _, _ = socket.recv_fds(caller, _LENGTH_BYTES, _MOST_FILES)
    try:
        length = int.from_bytes(data + _read(caller, _LENGTH_BYTES - len(data)), "little")
        return Program(**json.loads(_read(caller, length))), files
    except ConnectionError:
        for file in files:
            os.close(file)
        raise


def _moved(file: int, least: int) -> int:
    """The same file under a number of at least ``least``."""
    moved = fcntl.fcntl(file, fcntl.F_DUPFD, least)
    os.close(file)
    return moved


def _read(connection: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        more = connection.recv(count - len(found))
        if not more:
            raise ConnectionResetError("the other process is gone")
        found += more
    return found


def stand_for(server: str, words: list[str]) -> int:
    """Asks for a program, passes signals on to it, and returns its exit code, negative for a signal."""
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, _FORWARDED)
    leads = os.getsid(0) == os.getpid()
    files = _open_files()
    program: dict[str, Any] = {
        "words": words,
        "folder": os.getcwd(),
        "environment": dict(os.environ),
        "blocked": sorted(map(int, blocked)),
        "leads": leads,
        "files": files,
    }
    data = json.dumps(program).encode()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(f"\0{server}")
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))]
        connection.sendmsg([len(data).to_bytes(_LENGTH_BYTES, "little")], ancillary)
        connection.sendall(data)
        process = int.from_bytes(_read(connection, _LENGTH_BYTES), "little")

        def forward(number: int, _frame: FrameType | None) -> None:
            # What reaches the first process of a session reaches all of it, as from a terminal.
            (os.killpg if leads else os.kill)(process, number)

        for number in _FORWARDED:
            signal.signal(number, forward)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _FORWARDED)
        return int.from_bytes(_read(connection, _LENGTH_BYTES), "little", signed=True)


def _open_files() -> list[int]:
    """Their numbers, without that of the folder in which they are listed."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            os.fstat(int(name))
            found.append(int(name))
    return sorted(found)


def end(code: int) -> NoReturn:
    """Ends this process, by a signal where the code is negative, without freeing memory object by object."""
    import threading

    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    if code < 0:
        with suppress(OSError):  # SIGKILL has no other way
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code & 255)


def main() -> Program | None:
    """The two programs that this file is."""
    if sys.argv[1] == "serve":
        listener, parent = (socket.socket(fileno=int(number)) for number in sys.argv[2:])
        return serve(listener, parent)
    try:
        return end(stand_for(sys.argv[2], sys.argv[3:]))
    except ConnectionError as problem:
        raise SystemExit(f"the process that forks is gone: {problem}") from None


if __name__ == "__main__":
    program = main()
    end(program.run() if program else 0)
