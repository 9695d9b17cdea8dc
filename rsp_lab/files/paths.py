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
_KINDS = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISDIR, "a folder"),
)


class FileError(ValueError):
    """A file that cannot be read or written; the message names it, says why, and what would help."""


class StateMismatchError(FileError):
    """Kept state that the present request cannot go on from: damaged, or of another question. Starting over helps."""


def regular_file(path: AnyPath, what: str = "file") -> Path:
    """A path behind which a regular file lies, so that reading it ends.

    Raises:
        FileError: if nothing is there, or a folder, a named pipe, a device or a socket.
    """
    path = Path(path)
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise FileError(f"{path}: there is no such file. Check the path.") from None
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror or error}). Change its access rights.") from error
    if stat.S_ISDIR(mode):
        raise FileError(f"{path}: this is a folder. Name a {what}.")
    if not stat.S_ISREG(mode):
        raise FileError(f"{path}: is {kind_of(mode)}, which may never end. Save its content as a file and name that.")
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
    path = Path(path)
    with path_errors(path):
        try:
            mode = path.lstat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            mode = None
    if mode is not None and not stat.S_ISREG(mode):
        raise FileError(f"{path}: is {kind_of(mode)}, and nothing is written over that. Name a file.")
    if mode is not None:
        for source in map(Path, protect):
            if source.exists() and path.samefile(source):
                raise FileError(f"{path}: is what is being read, and would be replaced. Name another file.")
    folder = next((parent for parent in path.absolute().parents if parent.exists()), path.absolute().parent)
    if not folder.is_dir():
        raise FileError(f"{path}: cannot be written, {folder} is not a folder. Choose another place.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise FileError(f"{path}: cannot be written, {folder} is read-only. Choose another place.")
    return path


@contextmanager
def path_errors(path: Path, numbers: Sequence[int] | None = None) -> Iterator[None]:
    """Turns errors of the system in writing, all or those of ``numbers``, into a :class:`FileError` with the path."""
    try:
        yield
    except OSError as error:
        if numbers is not None and error.errno not in numbers:
            raise
        remedy = _REMEDIES.get(error.errno or 0, "Choose another place")
        raise FileError(f"{path}: cannot be written ({error.strerror or error}). {remedy}.") from error


def kind_of(mode: int) -> str:
    """A kind of file in words, from its mode."""
    return next((name for test, name in _KINDS if test(mode)), "not a regular file")
