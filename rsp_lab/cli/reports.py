"""What commands write: figures in every format, and the result as JSON with the versions that made it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch

from rsp_lab._version import __version__
from rsp_lab.cli import arguments
from rsp_lab.figures.style import save
from rsp_lab.files import AnyPath, check_folder, check_replaceable, check_target, is_ours, whole_folder, write_json
from rsp_lab.interruption import kept


def check_output(
    path: Path, read: Iterable[AnyPath] = (), *, ending: str | None = None, vouched: bool = False, option: str = "-o"
) -> None:
    """Refuses a place for a file that a command must not write to, before its work.

    Args:
        path: of the file.
        read: files that are being read.
        ending: of the kind of file that it should be; default: what its name says.
        vouched: whether it is known for ours.
        option: by which another place is chosen.

    Raises:
        FileError: if nothing can be written there, or something is there that rsp_lab did not write.
    """
    check_target(path, read)
    check_replaceable(path, ending=ending, vouched=vouched, remedy=f"move it, or choose another place with {option}.")


def kept_state(shown: Path, folder: Path, states: str) -> Callable[[], str]:
    """The note of :func:`rsp_lab.interruption.kept` for work whose state is kept in files.

    Args:
        shown: the file or folder that the note names.
        folder: in which the files are.
        states: what they are called, as a pattern.
    """

    def note() -> str:
        if not any(folder.glob(states)):
            return "nothing was kept yet"
        return f"what is done is kept in {shown}, and the same command goes on"

    return note


@dataclass(frozen=True)
class ReportFiles:
    """What a command writes into a folder, by which it is known before the work whether it may.

    Attributes:
        report: the JSON file; where it is ours, so are the others beside it. None: each file speaks for itself.
        figures: names without endings; a * stands for whatever comes of the work.
        others: names of further files.
        formats: endings of the figures.
    """

    report: str | None
    figures: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    formats: tuple[str, ...] = arguments.FORMATS

    def check(self, out: Path | None, read: Iterable[AnyPath] = ()) -> None:
        """Refuses a folder that cannot be written to, or that holds what must not be replaced.

        Raises:
            FileError: if so; the message names the file.
        """
        if out is None:
            return
        check_folder(out)
        read = list(read)
        names = [f"{stem}.{ending}" for stem in self.figures for ending in self.formats]
        for name in (*([] if self.report is None else [self.report]), *names, *self.others):
            for path in sorted(out.glob(name)) if "*" in name else [out / name]:
                self._check(out, path, read)

    @contextmanager
    def folder(self, out: Path, read: Iterable[AnyPath] = ()) -> Iterator[Path]:
        """:func:`rsp_lab.files.whole_folder` that replaces nothing but what is ours."""
        read = list(read)
        self.check(out, read)
        with whole_folder(out, protect=read, check=partial(self._check, out, read=read)) as folder:
            yield folder

    def _check(self, out: Path, path: Path, read: Iterable[AnyPath]) -> None:
        own = self.report is not None and path != out / self.report and is_ours(out / self.report)
        check_output(path, read, vouched=own)


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
def report_folder(out: Path | None, read: Iterable[Path], files: ReportFiles) -> Iterator[Path | None]:
    """A folder that becomes ``out`` with all ``files`` of a report, or leaves nothing; files that were ``read`` stay.

    None where no files are wanted. A folder that cannot be written to is refused before the work in the block.
    """
    if out is None:
        yield None
        return
    with kept("nothing was written"), files.folder(out, read) as folder:
        yield folder


def write_report(
    folder: Path, name: str, facts: Mapping[str, Any], figures: Mapping[str, Any], *, indent: int | None = 1
) -> None:
    """``NAME.json`` with the facts, and each matplotlib figure, by the name of its files, in all formats."""
    for stem, figure in figures.items():
        for ending in arguments.FORMATS:
            save(figure, folder / f"{stem}.{ending}")
    write_json(folder / f"{name}.json", facts, indent=indent)
