"""Paths of images and labels: which files of a folder count, what a path is called in a message."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from os import PathLike
from pathlib import Path

IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".gif", ".ppm", ".pgm")
"""Endings of the files that are taken for images or labels, in any case of their letters."""

_SPECIAL = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


def readable_name(path: str | PathLike[str]) -> str:
    """The path as text that can be printed: bytes that are no UTF-8 as ``\\xff``, control characters likewise."""
    text = os.fsdecode(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(part if part.isprintable() else part.encode("unicode_escape").decode() for part in text)


def special_kind(file: int | str | PathLike[str]) -> str | None:
    """What a path or an open file's descriptor is if neither a file nor a folder, e.g. ``"a pipe"``; else None.

    Such a file may never end, or wait for ever; it is told by its type alone, without being opened.
    """
    try:
        mode = os.stat(file).st_mode
    except (OSError, ValueError):  # opening it says what is wrong
        return None
    return next((name for test, name in _SPECIAL if test(mode)), None)


def image_files(paths: Iterable[Path]) -> list[Path]:
    """Those of ``paths`` that end like images, in order; hidden files and folders are left out.

    Hidden are names that begin with a dot, such as the ``._name.png`` that macOS puts beside each ``name.png``.
    """
    return sorted(
        path
        for path in paths
        if path.suffix.lower() in IMAGE_ENDINGS and not path.name.startswith(".") and not path.is_dir()
    )


def listed(names: Iterable[str], most: int = 5) -> str:
    """The first few of many names, in order, and whether there are more."""
    every = sorted(names)
    return ", ".join(every[:most]) + (f", ... and {len(every) - most} more" if len(every) > most else "")
