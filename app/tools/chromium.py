"""The Chromium on PATH, for what looks at the workbench from outside."""

from __future__ import annotations

import shutil

SHELL = "chromium-headless-shell"
"""Chromium as a program that only runs headless: the same pages, and a start that takes far less work."""
CHROMIUM_NAMES = (SHELL, "chromium", "chromium-browser", "google-chrome")


def find_chromium(*, whole: bool = False) -> str | None:
    """Path of the first of :data:`CHROMIUM_NAMES` that is there.

    Args:
        whole: rather the whole browser, as readers have it, for what measures how long they wait.
    """
    names = (*CHROMIUM_NAMES[1:], SHELL) if whole else CHROMIUM_NAMES
    return next(filter(None, map(shutil.which, names)), None)


def no_chromium() -> str:
    """What to say where there is none."""
    return f"no Chromium on PATH (looked for {', '.join(CHROMIUM_NAMES)})"


def chromium_path(*, whole: bool = False) -> str:
    """As :func:`find_chromium`; where there is none, the program ends with a message."""
    found = find_chromium(whole=whole)
    if found is None:
        raise SystemExit(f"There is {no_chromium()}: install one, e.g. with `make chromium`.")
    return found
