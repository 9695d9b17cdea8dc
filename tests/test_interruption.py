"""SIGINT and SIGTERM: one line and the exit code 130, wherever a program is; each case in a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from rsp_lab.interruption import Interrupted, handled_by, interruptible, kept

ROOT = Path(__file__).parents[1]
BOTH = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
BEGINNING = """
import os, signal, subprocess, sys, time, weakref
from rsp_lab import interruption
from rsp_lab.interruption import *
NUMBER = signal.Signals(int(sys.argv[1]))

def ask(number=NUMBER):
    os.kill(os.getpid(), number)
    time.sleep(0)  # where the interpreter looks for signals

def program(work):
    try:
        with interruptible():
            work()
        print("went on")
    except Interrupted as stop:
        print(f"program: {stop}", file=sys.stderr)
        raise SystemExit(EXIT_CODE)
"""


def run(code: str, number: signal.Signals) -> tuple[int, str, str]:
    """Exit code, output and errors of a script that begins with :data:`BEGINNING`."""
    words = [sys.executable, "-c", BEGINNING + code, str(int(number))]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@BOTH
def test_a_signal_ends_a_block_after_it_was_cleared_away(number: signal.Signals) -> None:
    code = """
def work():
    try:
        ask()
        time.sleep(60)
    finally:
        print("cleared away")
program(work)
"""
    assert run(code, number) == (130, "cleared away\n", "program: interrupted\n")


@BOTH
def test_a_signal_in_a_callback_that_drops_errors_is_not_lost(number: signal.Signals) -> None:
    """As weak references have them: the interpreter prints what is raised in one, and goes on."""
    code = """
class Thing: pass
def work():
    thing = Thing()
    gone = weakref.ref(thing, lambda _: ask())
    del thing
    for _ in range(6000):
        time.sleep(0.01)
program(work)
"""
    assert run(code, number) == (130, "", "program: interrupted\n")


def test_an_error_that_callbacks_drop_is_still_printed() -> None:
    code = """
class Thing:
    def __del__(self): raise ValueError("of its own")
program(lambda: Thing())
"""
    returned, out, err = run(code, signal.SIGINT)

    assert (returned, out) == (0, "went on\n")
    assert "of its own" in err


@BOTH
def test_what_a_signal_turns_into_is_an_interruption(number: signal.Signals) -> None:
    """As of an extension that says that its import failed."""
    code = """
def work():
    try:
        ask()
        time.sleep(60)
    except KeyboardInterrupt:
        raise ImportError("numpy.core.multiarray failed to import") from None
program(work)
"""
    assert run(code, number) == (130, "", "program: interrupted\n")


def test_one_request_that_comes_twice_leaves_the_clearing_away_in_peace() -> None:
    code = """
def work():
    try:
        ask(signal.SIGINT)
        time.sleep(60)
    finally:
        ask(signal.SIGTERM)
        print("cleared away")
program(work)
"""
    assert run(code, signal.SIGINT) == (130, "cleared away\n", "program: interrupted\n")


@BOTH
def test_a_second_request_ends_what_takes_long_to_clear_away(number: signal.Signals) -> None:
    code = """
interruption._ONE_REQUEST_S = 0
def work():
    try:
        ask()
        time.sleep(60)
    finally:
        time.sleep(0.01)
        ask()
        time.sleep(60)
program(work)
"""
    assert run(code, number) == (130, "", "interrupted at once\n")


@BOTH
def test_what_is_kept_is_said(number: signal.Signals) -> None:
    code = """
def work():
    with kept("images 0 to 3 are kept"):
        with kept("an inner block says it first"):
            pass
        ask()
        time.sleep(60)
program(work)
"""
    assert run(code, number) == (130, "", "program: interrupted; images 0 to 3 are kept\n")


@BOTH
def test_a_program_that_is_still_imported(number: signal.Signals) -> None:
    code = """
exit_on_signals("program")
try:
    ask()
    time.sleep(60)
except BaseException:
    print("an import went on with an error")
"""
    assert run(code, number) == (130, "", "program: interrupted\n")


@BOTH
def test_a_wish_to_stop_waits_for_its_moment_and_a_second_one_does_not(number: signal.Signals) -> None:
    code = """
interruption._ONE_REQUEST_S = 0
def work():
    with StopSignal() as stop:
        assert not stop.asked
        ask()
        print("at work", stop.asked, flush=True)
        time.sleep(0.01)
        ask()
        time.sleep(60)
program(work)
"""
    assert run(code, number) == (130, "at work True\n", "program: interrupted\n")


def test_a_wish_to_stop_that_comes_twice_is_one() -> None:
    code = """
def work():
    with StopSignal() as stop:
        ask(signal.SIGINT)
        ask(signal.SIGTERM)
        print(stop.asked)
program(work)
"""
    assert run(code, signal.SIGINT) == (0, "True\nwent on\n", "")


@BOTH
def test_a_process_that_works_for_another_gets_no_signals_and_the_other_all(number: signal.Signals) -> None:
    code = """
CHILD = "import os, signal, sys; os.kill(os.getpid(), int(sys.argv[1])); print('child went on', flush=True)"
def work():
    with signals_wait():
        process = subprocess.Popen([sys.executable, "-c", CHILD, str(int(NUMBER))])
        ask()
        print("started", flush=True)
    try:
        time.sleep(60)
    finally:
        process.wait()
program(work)
"""
    returned, out, err = run(code, number)

    assert (returned, err) == (130, "program: interrupted\n")
    assert sorted(out.splitlines()) == ["child went on", "started"]


@BOTH
def test_a_worker_leaves_signals_to_its_parent(number: signal.Signals) -> None:
    assert run("leave_signals_to_parent(3)\nask()\nprint('went on')", number) == (0, "went on\n", "")


def test_errors_without_a_signal_are_left_alone() -> None:
    with pytest.raises(ValueError, match="wrong"), interruptible(), kept("nothing"):
        raise ValueError("wrong")
    with pytest.raises(SystemExit), interruptible(), kept("nothing"):
        raise SystemExit(2)


def test_a_keyboard_interrupt_is_told_however_it_came() -> None:
    with pytest.raises(Interrupted, match=r"^interrupted$"), interruptible():
        raise KeyboardInterrupt
    with pytest.raises(Interrupted, match=r"^interrupted; half is kept$"), interruptible(), kept("half is kept"):
        raise KeyboardInterrupt
    with pytest.raises(Interrupted, match="after 3 updates"), interruptible(), kept("half is kept"):
        raise Interrupted("stopped after 3 updates")


def test_handlers_are_given_back_and_left_alone_beside_the_main_thread() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    inside: list[object] = []

    def work() -> None:
        with interruptible(), handled_by(lambda *_: None):
            inside.extend(signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert inside == before

    work()
    assert inside[2:] != before
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_note_may_be_made_when_it_is_needed() -> None:
    done: list[int] = []

    def work() -> None:
        with interruptible(), kept(lambda: f"{len(done)} are kept"):
            done.extend([1, 2])
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match=r"^interrupted; 2 are kept$"):
        work()
