"""How commands print: to stderr what happens, to stdout what was asked for."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import tyro

from rsp_lab.files import to_json

Json = Annotated[bool, tyro.conf.arg(name="json", help="print JSON instead of a table")]
"""Of a command that prints rows."""


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

    table = Table()
    for name in rows[0]:
        table.add_column(name, justify="left" if isinstance(rows[0][name], str) else "right")
    for row in rows:
        table.add_row(*("" if value is None else f"{value}" for value in row.values()))
    # As wide as the content when the output is no terminal: a pipe must not cut columns.
    Console(width=None if sys.stdout.isatty() else 200).print(table)
