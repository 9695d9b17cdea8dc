"""Entry point of ``rsp-lab``. Wrong input ends in one line on stderr and exit code 2."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import tyro

from rsp_lab.cli.output import open_closed_streams, say
from rsp_lab.figures.letters import collected_letters, missing_notice
from rsp_lab.files import StateMismatchError
from rsp_lab.interruption import EXIT_CODE, Interrupted, interruptible
from rsp_lab.text import spell_out

COMMANDS = {
    "models": "The weights that come with the package.",
    "tables": "What the paper's tables say, beside what is counted from the built modules; scores are the paper's.",
    "scenes": "Draws street scenes in which the deciding context is known, in the folder layout of Cityscapes or COCO.",
    "compare": (
        "Two models side by side on one photograph: predictions, decision flow, key and query, relation weights."
    ),
    "explain": (
        "The story of one pixel in two models: what each level and cell adds to the decision, what was refused, "
        "the gaze."
    ),
    "attribute": (
        "Which pixels of a photograph one pixel's decision rests on in two models, by captum, and whether that is true."
    ),
    "change": (
        "By what way a change of the picture changed a decision: content by level and cell, looking by step, exactly."
    ),
    "surgery": (
        "What a decision loses when a level is really taken away, or when weights of relations or attention are edited."
    ),
    "changes": (
        "By what way the cues of drawn scenes decide: mean absolute content by level and looking by step, with "
        "intervals."
    ),
    "flips": "Where two models part on one photograph, strongest first, each region with what tipped it.",
    "export-html": (
        "The explorer of two models on one photograph as one offline file: opens in any browser, and fetches nothing."
    ),
    "segments": (
        "Things and stuff of a photograph in panoptic models: the segments, what changed, and why each is what it is."
    ),
    "trade": (
        "What classes take from each other: target class by source class by level over a data set, in both models."
    ),
    "scan": (
        "What of a data set is worth a look: where two models part, who is right, what tipped it; and what context "
        "turned."
    ),
    "film": (
        "A training as a film: one decision at each state that a run kept, with its flow, gaze, change and regions."
    ),
    "arena": ("Which method tells the truth about a model? Deletion and insertion, new parameters, and drawn scenes."),
    "figures": (
        "The paper's figures and tables, and those of the analyses, for your models and images; --list names them."
    ),
    "pq": "Panoptic quality of a prediction in COCO's panoptic layout, of things, stuff and each category.",
    "residuals": "How exactly the ledgers of random pixels add up, in both precisions; fails where one does not.",
    "bench": ("Measures speed and memory side by side in one run."),
}
"""The first line of each command's docstring. A command is the function of its name in the module of its name."""

_OPTION = re.compile(r"--?[a-zA-Z][\w.-]*")
_PIXEL = re.compile(r"-?\d+,-?\d+")


def main(arguments: list[str] | None = None) -> None:
    """Entry point of ``rsp-lab``."""
    open_closed_streams()
    words = _pixels_in_two(sys.argv[1:] if arguments is None else arguments)
    _check_no_empty_word(words)
    spell_out(sys.stdout)
    # Imported before a signal raises in the midst of it: not every import fails as it should.
    commands = _commands(words)
    try:
        with interruptible(), collected_letters() as letters:
            tyro.extras.subcommand_cli_from_dict(commands, prog="rsp-lab", args=words)
    except BrokenPipeError:
        # The reader of the output, such as head, is gone; what is still buffered for it must not raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except StateMismatchError as error:
        say(f"rsp-lab: {' '.join(str(error).split())} (-o names another place, --fresh starts over)")
        raise SystemExit(2) from None
    except (ValueError, OSError, MemoryError) as error:
        say(f"rsp-lab: {' '.join(str(error).split()) or type(error).__name__}")
        raise SystemExit(2) from None
    except RuntimeError as error:
        say(f"rsp-lab: {_described(error)}")
        raise SystemExit(2) from None
    except Interrupted as stop:
        say(f"rsp-lab: {stop}")
        raise SystemExit(EXIT_CODE) from None
    if letters:
        say(f"rsp-lab: {missing_notice(letters)}")


def _check_no_empty_word(words: list[str]) -> None:
    """Ends the process where a word is empty, as that of a shell's variable that is not set.

    No option has a use for it, and as a path it would be the current folder.
    """
    for before, word in zip(["", *words], words, strict=False):
        option = before if not word else word[:-1]
        if not word or (word.endswith("=") and _OPTION.fullmatch(option)):
            what = f"the value of {option}" if _OPTION.fullmatch(option) else f"the word after {before or 'rsp-lab'}"
            say(f"rsp-lab: {what} is empty: give one, and see that the variable that it comes from is set.")
            raise SystemExit(2)


def _pixels_in_two(words: list[str]) -> list[str]:
    """Command line in which ``--pixel 120,300``, as links of the workbench write it, is ``--pixel 120 300``."""
    spread: list[str] = []
    for before, word in zip(["", *words], words, strict=False):
        value = word.removeprefix("--pixel=")
        if _PIXEL.fullmatch(value) and (before == "--pixel" or value != word):
            spread += [*(["--pixel"] if value != word else []), *value.split(",")]
        else:
            spread.append(word)
    return spread


def _commands(words: list[str]) -> dict[str, Callable[..., Any]]:
    """All commands by name. Only the one that is called for is imported: torch alone takes seconds."""
    # tyro's own options, which complete command lines in a shell, need the words of all.
    every = words[:1] and words[0].startswith("--tyro-")
    # As for tyro, export_html is export-html.
    called = {word.replace("_", "-") for word in words[:1]}
    return {name: _command(name) if every or name in called else _named(help_) for name, help_ in COMMANDS.items()}


def _command(name: str) -> Callable[..., Any]:
    identifier = name.replace("-", "_")
    command: Callable[..., Any] = getattr(import_module(f"rsp_lab.cli.{identifier}"), identifier)
    return command


def _named(help_: str) -> Callable[[], None]:
    def command() -> None: ...

    command.__doc__ = help_
    return command


def _described(error: RuntimeError) -> str:
    """The words of an error that a user can act on; any other one is raised again."""
    from rsp_lab.analysis.ledger.residual import LedgerError
    from rsp_lab.frozen.rules import FrozenError

    if isinstance(error, LedgerError | FrozenError):
        return " ".join(str(error).split())
    if type(error).__name__ == "OutOfMemoryError":  # of a GPU
        return "not enough memory on the device for this image; give a smaller one, or take another --device"
    # torch has no class of its own for it.
    if "can't allocate memory" in str(error):
        return "not enough memory for this image; give a smaller one"
    raise error
