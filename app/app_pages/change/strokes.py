"""Strokes over a photograph: as the browser tells them, as a link holds them, and the mask that they are."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool
from PIL import Image, ImageDraw
from torch import Tensor

MOST_POINTS = 20_000
LARGEST_RADIUS = 60
MOST_LETTERS = 6_000
"""Of a link, that all browsers and servers take."""
_DIGITS = 8
Strokes = list[tuple[list[tuple[int, int]], int]]
"""Points (y, x) in input pixels, and the brush's radius, of each stroke."""


def read_strokes(painted: Any, digest: str, size: tuple[int, int]) -> Strokes:
    """The strokes that the browser told of this photograph; none of what is no stroke on it."""
    if not isinstance(painted, dict) or painted.get("id") != digest or not isinstance(painted.get("strokes"), list):
        return []
    found: Strokes = []
    left = MOST_POINTS
    for stroke in painted["strokes"]:
        points, radius = (stroke.get("points"), stroke.get("radius")) if isinstance(stroke, dict) else (None, None)
        if not isinstance(points, list) or not isinstance(radius, int | float) or not 0 < radius <= LARGEST_RADIUS:
            continue
        inside = [(int(point[0]), int(point[1])) for point in points[:left] if _is_on(point, size)]
        left -= len(inside)
        if inside:
            found.append((thinned(inside, int(radius)), int(radius)))
    return found


def thinned(points: list[tuple[int, int]], radius: int) -> list[tuple[int, int]]:
    """Both ends, and of the points between those that lie at least a third of the radius from the one before."""
    kept = points[:1]
    for y, x in points[1:-1]:
        if (y - kept[-1][0]) ** 2 + (x - kept[-1][1]) ** 2 >= max(1, radius / 3) ** 2:
            kept.append((y, x))
    return [*kept, points[-1]] if len(points) > 1 else kept


def link_of(strokes: Strokes, digest: str) -> str | None:
    """The strokes on a photograph of this digest as a link holds them; None where they are too many for one."""
    parts = ["-".join([str(radius), *(f"{y}_{x}" for y, x in points)]) for points, radius in strokes]
    text = ".".join([digest[:_DIGITS], *parts])
    return text if len(text) <= MOST_LETTERS else None


def is_of(text: str, digest: str) -> bool:
    """Whether a link's strokes are those on a photograph of this digest."""
    return text.partition(".")[0] == digest[:_DIGITS]


def strokes_in(text: str, size: tuple[int, int]) -> Strokes:
    """Inverse of :func:`link_of`.

    Raises:
        ValueError: for what it does not write, or points that lie outside the photograph.
    """
    _, *parts = text[: MOST_LETTERS + 1].split(".")
    if len(text) > MOST_LETTERS or not parts or not all(re.fullmatch(r"\d{1,2}(-\d{1,5}_\d{1,5})+", p) for p in parts):
        raise ValueError("The link's strokes cannot be read. Paint again.")
    found: Strokes = []
    for part in parts:
        radius, *places = part.split("-")
        points = [tuple(map(int, place.split("_"))) for place in places]
        if not 0 < int(radius) <= LARGEST_RADIUS or not all(_is_on(list(point), size) for point in points):
            raise ValueError("The link's strokes do not lie on this photograph. Paint again.")
        found.append(([(y, x) for y, x in points], int(radius)))
    return found


def mask_of(strokes: Strokes, size: tuple[int, int]) -> Bool[Tensor, "y x"]:
    """Every pixel within a stroke's radius of its line."""
    picture = Image.new("1", (size[1], size[0]))
    pen = ImageDraw.Draw(picture)
    for points, radius in strokes:
        places = [(x, y) for y, x in points]
        pen.line(places, fill=1, width=2 * radius + 1, joint="curve")
        for x, y in places:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=1)
    return torch.from_numpy(np.array(picture, dtype=bool))


def _is_on(point: Any, size: tuple[int, int]) -> bool:
    numbers = isinstance(point, list) and len(point) == 2 and all(isinstance(value, int | float) for value in point)
    return numbers and all(0 <= value < most for value, most in zip(point, size, strict=True))
