"""A brush over the photograph, and the mask that its strokes are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
import torch
from jaxtyping import Bool
from PIL import Image, ImageDraw
from torch import Tensor

from app.charts.on_image import photograph_uri
from app.shell.selection import Selection

KEY = "brush"
MOST_POINTS = 20_000
LARGEST_RADIUS = 60
_brush = st.components.v2.component("rsp_lab.brush", js=(Path(__file__).parent / "brush.js").read_text("utf-8"))
Strokes = list[tuple[list[tuple[int, int]], int]]
"""Points (y, x) in input pixels, and the brush's radius, of each stroke."""


def draw_brush(selection: Selection) -> Bool[Tensor, "y x"] | None:
    """The photograph to paint on; the mask that is painted, or None where nothing is."""
    image = selection.shown.sample.image
    size = image.shape[-2], image.shape[-1]
    painted = (st.session_state.get(KEY) or {}).get("painted")
    strokes = read_strokes(painted, selection.shown.digest, size)
    data = {
        "id": selection.shown.digest,
        "size": list(size),
        "source": photograph_uri(selection),
        "strokes": [{"points": points, "radius": radius} for points, radius in strokes],
    }
    # Without a callback of its own a value of the component is not kept.
    _brush(key=KEY, data=data, on_painted_change=lambda: None)
    return mask_of(strokes, size) if strokes else None


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
            found.append((inside, int(radius)))
    return found


def _is_on(point: Any, size: tuple[int, int]) -> bool:
    numbers = isinstance(point, list) and len(point) == 2 and all(isinstance(value, int | float) for value in point)
    return numbers and all(0 <= value < most for value, most in zip(point, size, strict=True))


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
