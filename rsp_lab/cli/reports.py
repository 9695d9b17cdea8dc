"""What commands write: figures in every format, and the result as JSON with the versions that made it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch

from rsp_lab._version import __version__
from rsp_lab.cli import arguments
from rsp_lab.figures.style import save
from rsp_lab.files import whole_folder, write_json
from rsp_lab.interruption import kept


@runtime_checkable
class Result(Protocol):
    """A labelled result of the analysis."""

    def to_dict(self) -> dict[str, Any]: ...


def about_run(**about: Any) -> dict[str, Any]:
    """What a result is about, and the versions that made it."""
    return {**about, "rsp_lab": __version__, "torch": torch.__version__}


def report_facts(result: Result, **about: Any) -> dict[str, Any]:
    """A result as plain data, after :func:`about_run`."""
    return {**about_run(**about), **result.to_dict()}


@contextmanager
def report_folder(out: Path | None, read: Iterable[Path]) -> Iterator[Path | None]:
    """A folder that becomes ``out`` with all files of a report, or leaves nothing; files that were ``read`` stay.

    None where no files are wanted. A folder that cannot be written to is refused before the work in the block.
    """
    if out is None:
        yield None
        return
    with kept("nothing was written"), whole_folder(out, protect=read) as folder:
        yield folder


def write_report(
    folder: Path, name: str, facts: Mapping[str, Any], figures: Mapping[str, Any], *, indent: int | None = 1
) -> None:
    """``NAME.json`` with the facts, and each matplotlib figure, by the name of its files, in all formats."""
    for stem, figure in figures.items():
        for ending in arguments.FORMATS:
            save(figure, folder / f"{stem}.{ending}")
    write_json(folder / f"{name}.json", facts, indent=indent)
