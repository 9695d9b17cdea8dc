"""How commands print and write: to stderr what happens, to stdout what was asked for, and files all or none."""

from __future__ import annotations

import json as json_module
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


def say(text: str) -> None:
    """A line on stderr."""
    print(text, file=sys.stderr, flush=True)


def print_rows(rows: list[dict[str, Any]], as_json: bool) -> None:
    """A list of flat objects as JSON or as a table."""
    if as_json:
        print(json_module.dumps(rows, indent=1))
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


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """A temporary folder whose files move to ``out`` when all of them are written, or not at all.

    Folders that had to be made for ``out`` go again when nothing was written.
    """
    try:
        made = [folder for folder in (out, *out.parents) if not folder.exists()]
        out.mkdir(parents=True, exist_ok=True)
        unfinished = tempfile.TemporaryDirectory(dir=out, prefix=".unfinished-")
    except OSError as error:
        reason = error.strerror or str(error)
        raise ValueError(f"cannot write to {out}: {reason}. Choose another folder with -o.") from error
    try:
        with unfinished as folder:
            yield Path(folder)
            files = sorted(Path(folder).iterdir())
            for file in files:
                if (out / file.name).is_dir():
                    raise ValueError(f"{out / file.name} is a folder and in the way. Choose another folder with -o.")
            for file in files:
                os.replace(file, out / file.name)
    except BaseException:
        with suppress(OSError):
            for path in made:
                path.rmdir()
        raise
