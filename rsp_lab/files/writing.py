"""Files and folders that appear whole or not at all.

A write works in a hidden folder ``.unfinished-*`` beside its target and holds a lock meanwhile. A process that is
killed leaves the folder without the lock, and the next write to the same place removes it.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path

from rsp_lab.files.paths import AnyPath, FileError, check_place, check_target, kind_of, path_errors, readable_name

UNFINISHED = ".unfinished-"
"""Start of the names of what a write has not finished yet."""
_LOCK = re.compile(re.escape(UNFINISHED) + r"[0-9a-f]{16}\.lock")
_WRITING = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)
"""What only goes wrong when something is written."""


def write_atomic(path: AnyPath, content: bytes | str, *, protect: Iterable[AnyPath] = ()) -> Path:
    """Writes a file so that a reader, a crash or a full disk sees the old content or the new, never a part.

    Missing folders are made, permissions are the default ones, text is UTF-8, and what killed writes left in the same
    folder is removed.

    Args:
        path: to write to; see :func:`check_target` for what is refused.
        content: all of the file.
        protect: files that are being read, and so must not be replaced.

    Returns:
        ``path``.

    Raises:
        FileError: if the target is refused or cannot be written.
    """
    path = check_target(path, protect)
    # File names that are no UTF-8 reach texts as lone surrogates, which no encoding takes.
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    with path_errors(path), _folders(path.parent), _workspace(path.parent) as folder:
        with (folder / "content").open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(folder / "content", path)
        _sync(path.parent)
    return path


@contextmanager
def whole_folder(
    out: AnyPath, *, protect: Iterable[AnyPath] = (), check: Callable[[Path], object] | None = None
) -> Iterator[Path]:
    """A temporary folder that becomes ``out`` when the block ends well; otherwise nothing is there.

    A folder that is there already keeps its other files; those of the same name are replaced, in the order of their
    names. Folders that had to be made for ``out`` go again when nothing was written.

    Args:
        out: the folder to write.
        protect: files that are being read, and so must not be replaced.
        check: raises for a file in ``out`` that must not be replaced either; JSON files are written first then.

    Raises:
        FileError: if the folder cannot be written to, or a file in it may not be replaced; then none is.
    """
    out, protect = check_folder(out), list(protect)
    remove_unfinished(out)
    home = out if out.is_dir() else out.parent
    with ExitStack() as stack:
        with path_errors(out):
            stack.enter_context(_folders(home))
            folder = stack.enter_context(_workspace(home))
        try:
            with path_errors(out, _WRITING):
                yield folder
        except FileError as error:
            if str(folder) not in str(error):
                raise
            raise FileError(str(error).replace(str(folder), str(out))) from error
        files = sorted(path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir())
        for name in files:
            check_target(out / name, protect)
            if check is not None:
                check(out / name)
        if check is not None:
            # A report vouches for what lies beside it: written first, it does so too where this is cut short.
            files.sort(key=lambda name: (name.suffix != ".json", name))
        with path_errors(out):
            for name in files:
                _sync(folder / name)
            if not out.exists():
                os.rename(folder, out)
                return
            for name in files:
                (out / name).parent.mkdir(parents=True, exist_ok=True)
                os.replace(folder / name, out / name)


def check_folder(out: AnyPath) -> Path:
    """A path at which :func:`whole_folder` would write, found out before the work whose result is to go there.

    Raises:
        FileError: if it is no folder, or none can be made there.
    """
    out = Path(out)
    if os.path.lexists(out) and not out.is_dir():
        raise FileError(f"{readable_name(out)} is {kind_of(out.lstat().st_mode)}, not a folder. Choose another place.")
    if not out.exists():
        check_place(out)
    return out


def remove_unfinished(folder: AnyPath) -> None:
    """Removes what killed writes left in a folder; what a living process is writing stays."""
    folder = Path(folder)
    try:
        locks = [folder / name for name in os.listdir(folder) if _LOCK.fullmatch(name)]
    except OSError:
        return
    for lock in locks:
        with suppress(OSError):  # another process was faster, or the folder is read-only
            descriptor = os.open(lock, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
            if _locked(descriptor):
                _remove(lock, descriptor)
            else:
                os.close(descriptor)


@contextmanager
def _workspace(home: Path) -> Iterator[Path]:
    """A new hidden folder in ``home``, for as long as the block lasts; a lock beside it says that it is in use."""
    remove_unfinished(home)
    while True:
        lock = home / f"{UNFINISHED}{secrets.token_hex(8)}.lock"
        descriptor = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
        # Between the two calls another process may take the new file for one that was left behind.
        if _locked(descriptor) is not False and lock.exists():
            break
        os.close(descriptor)
    try:
        folder = lock.with_suffix("")
        folder.mkdir()
        yield folder
    finally:
        _remove(lock, descriptor)


def _remove(lock: Path, descriptor: int) -> None:
    """The folder first, as only a lock that is there can tell that its folder was left behind."""
    shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
    os.close(descriptor)
    with suppress(OSError):
        lock.unlink()


def _locked(descriptor: int) -> bool | None:
    """Whether the open file is now this process's alone; None where the file system has no locks."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return None
    return True


@contextmanager
def _folders(folder: Path) -> Iterator[None]:
    """Makes a folder and those above it; where the block fails, they go again as far as they are empty."""
    made = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        with suppress(OSError):
            for one in made:
                one.rmdir()
        raise


def _sync(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    folder = path.is_dir()
    if folder and sys.platform == "win32":
        return  # where folders cannot be opened
    descriptor = os.open(path, os.O_RDONLY if folder else os.O_RDWR)
    try:
        with suppress(OSError) if folder else nullcontext():  # some file systems have nothing to wait for
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
