"""Paths of images and labels: which files of a folder count."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".gif", ".ppm", ".pgm")
"""Endings of the files that are taken for images or labels, in any case of their letters."""


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
