"""The Chromium on PATH, for what looks at the workbench from outside."""

from __future__ import annotations

import shutil

SHELL = "chromium-headless-shell"
"""A Chromium without windows: it draws the same pages with little more than half of the work."""
CHROMIUM_NAMES = (SHELL, "chromium", "chromium-browser", "google-chrome")


def find_chromium(*, windowed: bool = False) -> str | None:
    """Path of the first of :data:`CHROMIUM_NAMES` that is there.

    Args:
        windowed: rather a browser as readers have it, for what measures how long they wait.
    """
    names = (*CHROMIUM_NAMES[1:], SHELL) if windowed else CHROMIUM_NAMES
    return next(filter(None, map(shutil.which, names)), None)


def no_chromium() -> str:
    """What to say where there is none."""
    return f"no Chromium on PATH (looked for {', '.join(CHROMIUM_NAMES)})"


def chromium_path(*, windowed: bool = False) -> str:
    """As :func:`find_chromium`; where there is none, the program ends with a message."""
    found = find_chromium(windowed=windowed)
    if found is None:
        raise SystemExit(f"{no_chromium()}: install one, e.g. with `make chromium`.".capitalize())
    return found
