"""Paths of images and labels: which files of a folder count."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".gif", ".ppm", ".pgm")
"""Endings of the files that are taken for images or labels, in any case of their letters."""


def image_files(folder: Path) -> list[Path]:
    """What ends like an image in a folder and the folders in it, in order; what is hidden is left out.

    Hidden are names that begin with a dot, such as the ``._name.png`` that macOS puts beside each ``name.png``.
    """
    return sorted(
        path
        for path in (*folder.glob("*"), *folder.glob("*/*"))
        if path.suffix.lower() in IMAGE_ENDINGS
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and not path.is_dir()
    )


def name_list(names: Iterable[str], most: int = 5) -> str:
    """The first few of many names, in order, and how many more there are."""
    every = sorted(names)
    return ", ".join(every[:most]) + (f", ... and {len(every) - most} more" if len(every) > most else "")
