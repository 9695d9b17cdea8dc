"""Programs in forks are what they are in an interpreter of their own."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.kit.forked_python import IMPORTED, python

INTERPRETER = sys.executable
pytestmark = pytest.mark.usefixtures("forked_python")
BOTH = pytest.mark.parametrize("executable", [INTERPRETER, "forked"])
SURROUNDINGS = """
import json, os, signal, sys
blocked = sorted(int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, []))
main = sys.modules["__main__"]
os.environ.pop("PWD", None)  # which a shell updates
print(json.dumps([sys.argv, os.getcwd(), dict(os.environ), sys.path, blocked, os.getsid(0) == os.getpid(),
    sys.stdin.read(), main.__name__, main is sys.modules[__name__], sys.executable, sys.flags.dev_mode]))
print("and more", file=sys.stderr)
raise SystemExit(7)
"""


def run(executable: str, *words: str, **options: object) -> tuple[int, str, str]:
    path = python() if executable == "forked" else executable
    done = subprocess.run([path, *words], capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("form", ["-c", "-m", "file"])
@pytest.mark.parametrize("leads", [False, True])
def test_a_program_has_the_surroundings_it_was_started_in(form: str, leads: bool, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(SURROUNDINGS)
    words = {"-c": ["-c", SURROUNDINGS], "-m": ["-m", "program"], "file": ["program.py"]}[form]
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}/elsewhere", "ONE": "naïve\nline"}
    options = {"cwd": tmp_path, "env": environment, "input": "a line", "start_new_session": leads}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    try:
        expected, found = (run(one, *words, "a word", "-m", **options) for one in (INTERPRETER, "forked"))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    assert (found[0], found[2]) == (expected[0], expected[2]) == (7, "and more\n")
    assert json.loads(found[1]) == json.loads(expected[1])


@BOTH
@pytest.mark.parametrize(
    ("code", "returned", "said"),
    [
        ("pass", 0, ""),
        ("raise SystemExit('a reason')", 1, "a reason\n"),
        ("import os; os.kill(os.getpid(), 9)", -signal.SIGKILL, ""),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM, ""),
        ("import atexit, os; atexit.register(os.write, 2, b'last')", 0, "last"),
        ("import threading, time; threading.Timer(0.1, lambda: print(1)).start()", 0, ""),
    ],
)
def test_a_program_ends_as_it_does(executable: str, code: str, returned: int, said: str) -> None:
    assert run(executable, "-c", code)[::2] == (returned, said)


@BOTH
def test_an_error_ends_a_program_with_its_traceback(executable: str) -> None:
    returned, _, said = run(executable, "-c", "1 / 0")

    assert returned == 1
    assert said.splitlines()[-1] == "ZeroDivisionError: division by zero"
    assert run(executable, "-c", "raise KeyboardInterrupt")[0] == -signal.SIGINT


@BOTH
@pytest.mark.parametrize("leads", [False, True])
def test_signals_reach_the_program(executable: str, leads: bool) -> None:
    code = r"""
import os, signal, subprocess, sys, time
def told(number, _):
    os.write(1, signal.Signals(number).name.encode() + b"\n")
    sys.exit(number == signal.SIGTERM and 5)
signal.signal(signal.SIGTERM, told)
try:
    os.write(1, b"ready\n")
    time.sleep(600)
except KeyboardInterrupt:
    os.write(1, b"SIGINT\n")
    time.sleep(600)
"""
    path = python() if executable == "forked" else executable
    process = subprocess.Popen([path, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=leads)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    send = os.killpg if leads else os.kill
    send(process.pid, signal.SIGINT)
    assert process.stdout.readline() == "SIGINT\n"
    send(process.pid, signal.SIGTERM)

    assert process.communicate()[0] == "SIGTERM\n"
    assert process.returncode == 5


def test_a_program_does_not_outlive_the_one_that_stands_for_it() -> None:
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    process = subprocess.Popen([python(), "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    program = int(process.stdout.readline())
    os.kill(program, 0)

    process.kill()
    process.communicate()
    with pytest.raises(ProcessLookupError):  # noqa: PT012 - until it is gone
        for _ in range(6000):
            os.kill(program, 0)
            time.sleep(0.1)


@pytest.mark.parametrize("sent", ["nothing", "half", "all"])
def test_one_that_is_killed_while_it_asks_ends_its_program_and_no_other(sent: str, tmp_path: Path) -> None:
    """On a loaded machine it is gone before it is told which process its program is."""
    mark = tmp_path / "alive"
    code = f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    program = {"folder": str(tmp_path), "environment": dict(os.environ), "blocked": [], "leads": False, "files": [0]}
    data = json.dumps({"words": ["-c", code], **program}).encode()
    server = re.search(r" run (\S+) ", Path(python()).read_text())
    assert server

    with socket.socket(socket.AF_UNIX) as asking, open(os.devnull) as nothing:
        asking.connect(f"\0{server[1]}")
        if sent != "nothing":
            socket.send_fds(asking, [len(data).to_bytes(4, "little")], [nothing.fileno()])
            asking.sendall(data if sent == "all" else data[: len(data) // 2])

    assert run("forked", "-c", "print('here')") == (0, "here\n", "")
    if mark.exists() and (number := mark.read_text()):
        with pytest.raises(ProcessLookupError):  # noqa: PT012 - until it is gone
            for _ in range(6000):
                os.kill(int(number), 0)
                time.sleep(0.1)


def test_what_takes_long_is_imported_and_nothing_of_ours() -> None:
    code = f"import sys; print([name for name in {IMPORTED} if name not in sys.modules])"
    code += "; print([name for name in sys.modules if name.split('.')[0] in ('rsp_lab', 'app', 'trainers', 'tests')])"

    assert run("forked", "-c", code) == (0, "[]\n[]\n", "")


def test_spawned_processes_are_forks_too() -> None:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_tell, args=(there,))
    process.start()

    assert here.recv() == (True, process.name)
    process.join()
    assert process.exitcode == 0


def _tell(there: object) -> None:
    name = multiprocessing.current_process().name
    there.send(("plotly.graph_objects" in sys.modules, name))  # type: ignore[attr-defined]
