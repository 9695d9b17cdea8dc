"""Paths that may be read from and written to, and the errors of files."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

AnyPath = str | PathLike[str]

_REMEDIES = {
    errno.ENOSPC: "Free some space",
    errno.EDQUOT: "Free some space",
    errno.EACCES: "Change its access rights, or choose another place",
    errno.EPERM: "Change its access rights, or choose another place",
    errno.ENAMETOOLONG: "Choose a shorter name",
}
_SPECIAL = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)
_KINDS = (*_SPECIAL, (stat.S_ISLNK, "a symbolic link"), (stat.S_ISDIR, "a folder"), (stat.S_ISREG, "a file"))


class FileError(ValueError):
    """A file that cannot be read or written; the message names it, says why, and what would help."""


class StateMismatchError(FileError):
    """Kept state that the present request cannot go on from: damaged, or of another question. Starting over helps."""


def readable_name(path: AnyPath) -> str:
    """The path as text that can be printed: bytes that are no UTF-8 as ``\\xff``, control characters likewise."""
    text = os.fsdecode(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(part if part.isprintable() else part.encode("unicode_escape").decode() for part in text)


def special_kind(file: int | AnyPath) -> str | None:
    """What a path or an open file's descriptor is if neither a file nor a folder, e.g. ``"a pipe"``; else None.

    Such a file may never end, or wait for ever; it is told by its type alone, without being opened.
    """
    try:
        mode = os.stat(file).st_mode
    except (OSError, ValueError):  # opening it says what is wrong
        return None
    return next((name for test, name in _SPECIAL if test(mode)), None)


def regular_file(path: AnyPath, what: str = "file") -> Path:
    """A path behind which a regular file lies, so that reading it ends.

    Raises:
        FileError: if nothing is there, or a folder, a named pipe, a device or a socket.
    """
    path, name = Path(path), readable_name(path)
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise FileError(f"{name}: there is no such file. Check the path.") from None
    except OSError as error:
        raise FileError(f"{name}: cannot be read ({error.strerror or error}). Change its access rights.") from error
    if stat.S_ISDIR(mode):
        raise FileError(f"{name}: this is a folder. Name a {what}.")
    if not stat.S_ISREG(mode):
        raise FileError(f"{name} is {kind_of(mode)}, which may never end. Save its content as a file and name that.")
    return path


def check_target(path: AnyPath, protect: Iterable[AnyPath] = ()) -> Path:
    """A path that :func:`write_atomic` would accept, found out before the work whose result is to go there.

    Only what is not there yet and regular files can be written to. A symbolic link is refused: to replace it would
    cut it, and to write through it would replace a file that the caller did not name.

    Args:
        path: to write to.
        protect: files that are being read, and so must not be replaced.

    Raises:
        FileError: if there is something else, if it is one of ``protect``, or if its folder cannot be written to.
    """
    path, name = Path(path), readable_name(path)
    with path_errors(path):
        try:
            mode = path.lstat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            mode = None
    if mode is not None and not stat.S_ISREG(mode):
        raise FileError(f"{name} is {kind_of(mode)}, and nothing is written over that. Name a file.")
    if mode is not None:
        for source in map(Path, protect):
            if source.exists() and path.samefile(source):
                raise FileError(f"{name} is what is being read, and would be replaced. Name another file.")
    check_place(path)
    return path


def check_place(path: Path) -> None:
    """Raises FileError unless something new can be made at a path: the nearest that is there above it is a folder."""
    folder = next((parent for parent in path.absolute().parents if os.path.lexists(parent)), path.absolute().parent)
    if not folder.is_dir():
        raise FileError(
            f"{readable_name(path)}: cannot be written, {readable_name(folder)} is not a folder. Choose another place."
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise FileError(
            f"{readable_name(path)}: cannot be written, {readable_name(folder)} is read-only. Choose another place."
        )


@contextmanager
def path_errors(path: Path, numbers: Sequence[int] | None = None) -> Iterator[None]:
    """Turns errors of the system in writing, all or those of ``numbers``, into a :class:`FileError` with the path."""
    try:
        yield
    except OSError as error:
        if numbers is not None and error.errno not in numbers:
            raise
        remedy = _REMEDIES.get(error.errno or 0, "Choose another place")
        raise FileError(f"{readable_name(path)}: cannot be written ({error.strerror or error}). {remedy}.") from error


def kind_of(mode: int) -> str:
    """A kind of file in words, from its mode."""
    return next((name for test, name in _KINDS if test(mode)), "no file")
