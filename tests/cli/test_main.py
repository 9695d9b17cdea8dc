"""The table of commands, and what is imported for one of them."""

from __future__ import annotations

import functools
import inspect
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

from rsp_lab.cli import main
from rsp_lab.cli.arguments import Decision


@pytest.mark.parametrize("name", main.COMMANDS)
def test_a_command_is_the_function_of_its_name_and_its_help_the_first_line_of_its_docstring(name: str) -> None:
    identifier = name.replace("-", "_")
    command = getattr(import_module(f"rsp_lab.cli.{identifier}"), identifier)

    assert inspect.getdoc(command).splitlines()[0] == main.COMMANDS[name]


def test_every_file_with_a_function_of_its_name_is_a_command() -> None:
    files = [path.stem for path in Path(main.__file__).parent.glob("*.py") if path.stem not in ("main", "__init__")]
    commands = {stem.replace("_", "-") for stem in files if hasattr(import_module(f"rsp_lab.cli.{stem}"), stem)}

    assert commands == set(main.COMMANDS)


def test_only_the_command_that_is_called_is_imported() -> None:
    code = """
import sys
from rsp_lab.cli.main import main
try:
    main(["bench", "--help"])
except SystemExit:
    print(*sorted(name for name in sys.modules if name.startswith("rsp_lab.cli.")), "torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.splitlines()[-1].split()

    assert {name for name in main.COMMANDS if f"rsp_lab.cli.{name.replace('-', '_')}" in loaded} == {"bench"}
    assert loaded[-1] == "False"


@pytest.mark.parametrize("word", ["export-html", "export_html"])
def test_a_command_has_its_options_by_either_spelling(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main.main([word, "--help"])

    assert ended.value.code == 0
    assert "--out FILE" in capsys.readouterr().out


def test_completions_know_the_options_of_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main.main(["--tyro-print-completion", "bash"])
    completions = capsys.readouterr().out

    for option in ("--channel", "--verdict", "--distances"):
        assert option in completions


@pytest.mark.parametrize("words", [[], ["compar"]])
def test_a_word_that_is_no_command(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main.main(words)

    assert ended.value.code == 2
    assert "export-html" in capsys.readouterr().err.replace("\n", " ")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["scenes", "-o", "out", "-n", "0"], "-n must be at least 1, got 0"),
        (["scenes", "-o", "out", "--seed", "-1"], "--seed must be from 0 to 4294967295, got -1"),
        (["scenes", "-o", "out", "--seed", "9" * 23], "--seed must be from 0 to 4294967295, got 999"),
        (["scenes", "-o", "out", "--difficulty.hidden", "2"], "--difficulty.hidden must be from 0.0 to 0.8, got 2"),
        (["scenes", "-o", "out", "--difficulty.decoy-gap", "9"], "--difficulty.decoy-gap must be from 0.4 to 2.0"),
        (["changes", "--seed", "-1"], "--seed must be from"),
        (["film", "run", "-o", "out", "--seed", "-1"], "--seed must be from"),
        (["residuals", "small-scenes", "--seed", "-1"], "--seed must be from"),
        (["residuals", "small-scenes", "--pixels", "0"], "--pixels must be at least 1, got 0"),
        (["surgery", "a", "--pixel", "1", "1", "--edit", "shuffle", "--seed", "9" * 23], "--seed must be from 0 to"),
        (["segments", "a", "-o", "out", "--score", "2"], "--score must be from 0 to 1, got 2"),
        (["segments", "a", "-o", "out", "--overlap", "nan"], "--overlap must be from 0 to 1, got nan"),
        (["segments", "a", "-o", "out", "--stuff-area", "-3"], "--stuff-area must not be negative, got -3"),
        (["surgery", "a", "--pixel", "1", "1", "--edit", "temperature", "--temperature", "0"], "--temperature must be"),
        (["bench", "relation", "--threads", "0"], "--threads must be at least 1, got 0"),
    ],
)
def test_numbers_out_of_range(arguments: list[str], says: str, fails: Callable[[list[str]], str]) -> None:
    assert says in fails(arguments)


def test_runs_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "rsp_lab", "--help"], capture_output=True, text=True, timeout=1500)

    assert done.returncode == 0
    for verb in ("models", "tables", "scenes", "compare", "bench"):
        assert verb in done.stdout


@pytest.mark.parametrize("pixel", [["--pixel", "3,5"], ["--pixel=3,5"], ["--pixel", "3", "5"]])
def test_a_pixel_is_written_as_in_a_link_or_as_two_words(pixel: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    command = import_module("rsp_lab.cli.explain").explain
    kept = functools.wraps(command)(lambda *given, **named: asked.extend([*given, *named.values()]))
    monkeypatch.setattr(import_module("rsp_lab.cli.explain"), "explain", kept)

    main.main(["explain", "photo.png", *pixel, "--rival", "7,8"])

    decision = next(one for one in asked if isinstance(one, Decision))
    assert (decision.pixel, decision.rival) == ((3, 5), "7,8")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["explain", "a.png", "--pixel", "1", "1", "-o", ""], "the value of -o is empty"),
        (["explain", "a.png", "--pixel", "1", "1", "--out="], "the value of --out is empty"),
        (["explain", "", "--pixel", "1", "1"], "the word after explain is empty"),
    ],
)
def test_an_empty_word_is_not_the_current_folder(
    words: list[str], says: str, fails: Callable[[list[str]], str]
) -> None:
    """``-o "$UNSET"`` wrote into the current folder."""
    assert f"{says}: give one, and see that the variable that it comes from is set." in fails(words)


@pytest.mark.parametrize(
    ("closed", "code", "out", "err"),
    [
        (">&-", 2, "", "rsp-lab: the standard output is closed"),
        ("2>&-", 0, "scenes-rsp4", ""),
        ("2>&- >&-", 2, "", ""),
    ],
)
def test_a_closed_stream_is_no_traceback(closed: str, code: int, out: str, err: str) -> None:
    command = f"'{sys.executable}' -m rsp_lab models {closed}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=1500)

    assert done.returncode == code
    assert out in done.stdout
    assert (done.stdout == "") == (out == "")
    assert done.stderr.startswith(err)
    assert done.stderr.count("\n") == bool(err)
