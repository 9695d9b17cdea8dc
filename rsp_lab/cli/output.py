"""How commands print: to stderr what happens, to stdout what was asked for."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any, TextIO

import tyro

from rsp_lab.files import to_json

Json = Annotated[bool, tyro.conf.arg(name="json", help="print JSON instead of a table")]
"""Of a command that prints rows."""
_WIDEST = 10_000
"""Columns of letters of a table that goes into a pipe or a file, at the most."""


def open_closed_streams() -> None:
    """Messages go nowhere where stderr is closed; where stdout is, the process ends: it could not answer.

    What a shell closes by ``>&-`` is no stream in Python, and the next file that is opened would take its number: what
    a library prints would go into that.
    """
    if sys.stderr is None:
        sys.stderr = _nowhere(2)
    if sys.stdout is None:
        say("rsp-lab: the standard output is closed, so that no answer can be printed: send it to a file or /dev/null.")
        raise SystemExit(2)


def _nowhere(number: int) -> TextIO:
    """A stream that drops what it is given, under the number of a closed one where that is still free."""
    opened = os.open(os.devnull, os.O_WRONLY)
    try:
        os.fstat(number)
    except OSError:
        os.dup2(opened, number)
    return os.fdopen(opened, "w")


def say(text: str) -> None:
    """A line on stderr."""
    print(text, file=sys.stderr, flush=True)


def print_rows(rows: list[dict[str, Any]], as_json: bool) -> None:
    """A list of flat objects as JSON or as a table."""
    if as_json:
        print(to_json(rows))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for name in rows[0]:
        # What has no room goes on in the next line instead of being cut.
        table.add_column(Text(name), justify="left" if isinstance(rows[0][name], str) else "right", overflow="fold")
    for row in rows:
        # By name: rows need not have their cells in one order, nor all of them. As text: a name may hold brackets.
        cells = (row.get(name) for name in rows[0])
        table.add_row(*(Text("" if value is None else f"{value}") for value in cells))
    # As wide as the content when the output is no terminal: a pipe must not break lines.
    Console(width=None if sys.stdout.isatty() else _WIDEST).print(table)
