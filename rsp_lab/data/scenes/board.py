"""Boards and hoardings of road works: what hides the way from a region to its cue."""

from __future__ import annotations

from rsp_lab.data.scenes.actors import At
from rsp_lab.data.scenes.canvas import Canvas
from rsp_lab.data.scenes.light import RGB


def draw_board(canvas: Canvas, bounds: tuple[float, float, float, float], ground: float, at: At, rgb: RGB) -> None:
    """A board (left, top, right, bottom) on posts that reach down to row ``ground``, striped along its edges."""
    left, top, right, bottom = bounds
    m, part = at.m, canvas.part("fence")
    post = max(0.07 * m, 0.6)
    for x in (left + post, right - post):
        if ground > bottom:
            canvas.box(x - post / 2, bottom, x + post / 2, ground, canvas.tone((120, 122, 124), at.depth), part)
    canvas.box(left, top, right, bottom, canvas.tone(rgb, at.depth), part)
    high = bottom - top
    if high < 3:
        return
    for number in range(1, int((right - left) / (0.6 * m)) + 1):
        x = left + number * 0.6 * m
        if x < right - 2:
            canvas.box(x, top, x + max(0.025 * m, 0.5), bottom, (10, 10, 14), None, 0.22)
    band = min(0.16 * m, 0.3 * high)
    for low in {top, bottom - band}:
        canvas.box(left, low, right, low + band, canvas.tone((238, 236, 230), at.depth), None)
        step = 2 * band
        x = left
        while x < right:
            corners = [(x, low + band), (x + band, low), (x + step, low), (x + band, low + band)]
            inside = [(min(max(px, left), right), py) for px, py in corners]
            canvas.polygon(inside, canvas.tone((204, 44, 40), at.depth), None)
            x += step
    canvas.box(left, bottom - 0.5, right, bottom, (0, 0, 0), None, 0.3)
