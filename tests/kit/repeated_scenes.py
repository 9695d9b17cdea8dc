"""Scenes that are drawn once: tests ask for the same few over and over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import lru_cache, wraps
from typing import Any

from rsp_lab.data.scenes import scene

ROOM = 64
"""Drawings that are kept, those asked for last."""


def remember_scenes() -> None:
    """From now on a scene that was drawn before is a copy of that drawing; :func:`scenes_as_drawn` is without it."""
    draw = scene._readings
    kept = lru_cache(ROOM)(draw)

    @wraps(draw)
    def drawn(*of: Any) -> list[scene.Scene]:
        # Of its own: a test may write into it, to see that it is refused.
        return deepcopy(kept(*of))

    scene._readings = drawn


@contextmanager
def scenes_as_drawn() -> Iterator[None]:
    """A block in which every scene is drawn anew."""
    remembering = scene._readings
    scene._readings = getattr(remembering, "__wrapped__", remembering)
    try:
        yield
    finally:
        scene._readings = remembering
