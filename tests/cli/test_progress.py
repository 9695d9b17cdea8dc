"""How far a command is: lines now and then, and what they say is left."""

from __future__ import annotations

import pytest

from rsp_lab.cli import progress as module
from rsp_lab.cli.progress import progress_on_stderr


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds, moved by the test."""
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_lines_are_seconds_apart_and_the_last_one_is_always_said(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with progress_on_stderr("trade", "images") as report:
        for done in range(1, 6):
            clock[0] += 4
            report(done, 5)

    assert capsys.readouterr().err.splitlines() == [
        "3 of 5 images, about 8 s left",
        "5 of 5 images, about 0 s left",
    ]


def test_what_an_earlier_call_has_done_takes_no_time(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with progress_on_stderr("trade", "images", process=(1, 4)) as report:
        clock[0] += 12
        report(91, 100)

    assert capsys.readouterr().err == "91 of 100 images, process 2 of 4, about 108 s left\n"


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(module.sys.stderr, "isatty", lambda: True, raising=False)
    # Of a model whose name would mean something to the bar.
    with progress_on_stderr("net[v2] {0}", "pairs of {x}") as report:
        report(3, 7)
        report(7, 7)

    shown = capsys.readouterr().err
    assert "net[v2] {0}" in shown
    assert "pairs of {x}" in shown
    assert "7/7" in shown
