"""Procedural street scenes with exact labels, for a workbench that ships no photographs.

A scene has CamVid's classes and is a pure function of its seed and size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFilter

from rsp_lab.data.labels import CAMVID
from rsp_lab.data.sample import Sample

Colour = tuple[int, int, int]
Points = list[tuple[float, float]]

BRICKS: tuple[Colour, ...] = ((150, 92, 74), (176, 158, 132), (120, 110, 104), (198, 182, 158), (134, 74, 62))
PAINTS: tuple[Colour, ...] = ((150, 28, 30), (34, 54, 110), (214, 214, 210), (40, 42, 46), (200, 170, 60))
CLOTHES: tuple[Colour, ...] = ((60, 66, 90), (130, 40, 44), (48, 84, 66), (190, 180, 160), (36, 36, 40), (206, 128, 44))


@dataclass
class _Canvas:
    """Two pictures of one size, drawn together: colours, and train ids."""

    height: int
    width: int
    rng: np.random.Generator

    def __post_init__(self) -> None:
        self.picture = Image.new("RGB", (self.width, self.height))
        self.ids = Image.new("L", (self.width, self.height), CAMVID.index("sky"))
        self._brush, self._pen = ImageDraw.Draw(self.picture), ImageDraw.Draw(self.ids)
        self.horizon = self.height * self.rng.uniform(0.42, 0.5)
        self.vanish = self.width * self.rng.uniform(0.42, 0.58)

    def polygon(self, points: Points, rgb: Colour, name: str | None) -> None:
        """A filled polygon; without a class name it is only a marking on what is already there."""
        self._brush.polygon(points, fill=rgb)
        if name is not None:
            self._pen.polygon(points, fill=CAMVID.index(name))

    def box(self, x: float, y: float, width: float, height: float, rgb: Colour, name: str | None) -> None:
        """An upright rectangle whose lower edge has its middle at (x, y)."""
        half = width / 2
        self.polygon([(x - half, y - height), (x + half, y - height), (x + half, y), (x - half, y)], rgb, name)

    def disc(self, x: float, y: float, ry: float, rx: float, rgb: Colour, name: str | None) -> None:
        """A filled ellipse around (x, y)."""
        bounds = (x - rx, y - ry, x + rx, y + ry)
        self._brush.ellipse(bounds, fill=rgb)
        if name is not None:
            self._pen.ellipse(bounds, fill=CAMVID.index(name))

    def line(self, points: Points, width: float, rgb: Colour, name: str | None) -> None:
        stroke = max(1, round(width))
        self._brush.line(points, fill=rgb, width=stroke)
        if name is not None:
            self._pen.line(points, fill=CAMVID.index(name), width=stroke)

    def ground(self, side: float, depth: float) -> tuple[float, float, float]:
        """Pixel (x, y) and pixels a metre of a place on the ground.

        Args:
            side: metres right of the middle of the road.
            depth: metres from the camera, from 4.
        """
        metre = 0.9 * self.height / depth
        return self.vanish + side * metre, self.horizon + 1.6 * metre, metre

    def pick(self, colours: tuple[Colour, ...]) -> Colour:
        shade = self.rng.uniform(0.82, 1.12)
        return _shaded(colours[int(self.rng.integers(len(colours)))], shade)


def draw_scene(seed: int, height: int = 360, width: int = 480) -> Sample:
    """A street in perspective: same seed and size, same bytes.

    Raises:
        ValueError: if the size is below 64 x 64.
    """
    if min(height, width) < 64:
        raise ValueError(f"a scene needs at least 64 x 64 pixels, got {height} x {width}.")
    canvas = _Canvas(height, width, np.random.default_rng((seed, height, width)))
    _draw_sky(canvas)
    for side in (-1, 1):
        _draw_houses(canvas, side)
    _draw_street(canvas)
    things = [_draw_tree] * 4 + [_draw_pole] * 4 + [_draw_fence] * 2 + [_draw_car] * 5
    things += [_draw_person] * 5 + [_draw_bicyclist] * 2
    rng = canvas.rng
    # Far things first, so that near ones cover them.
    for depth, which in sorted(((rng.uniform(7, 42), int(i)) for i in rng.permutation(len(things))), reverse=True):
        things[which](canvas, depth, 1 if rng.random() < 0.5 else -1)
    return Sample(f"scene-{seed}", _finished(canvas), torch.from_numpy(np.array(canvas.ids)))


def _draw_sky(canvas: _Canvas) -> None:
    top, low = np.array([104, 146, 198.0]), np.array([214, 224, 232.0])
    share = np.linspace(0, 1, canvas.height)[:, None, None] * np.ones((1, canvas.width, 1))
    canvas.picture.paste(Image.fromarray((top + (low - top) * share**0.7).astype(np.uint8)))
    for _ in range(6):
        x, y = canvas.rng.uniform(0, canvas.width), canvas.rng.uniform(0, 0.6 * canvas.horizon)
        for _ in range(5):
            dx, dy = canvas.rng.normal(0, (0.06 * canvas.width, 0.012 * canvas.height))
            canvas.disc(x + dx, y + dy, 0.02 * canvas.height, 0.06 * canvas.width, (232, 236, 240), None)


def _draw_houses(canvas: _Canvas, side: int) -> None:
    depth, fronts = 60.0, []
    while depth > 5:
        near = max(depth - canvas.rng.uniform(6, 12), 4.5)
        fronts.append((depth, near, canvas.rng.uniform(6, 14), canvas.pick(BRICKS)))
        depth = near
    for far, near, tall, rgb in fronts:
        corners = []
        for at in (far, near):
            x, y, metre = canvas.ground(side * 9.0, at)
            corners.append((x, y, y - tall * metre))
        (x0, y0, t0), (x1, y1, t1) = corners
        if near < 6:
            edge = float(canvas.width if side > 0 else 0)
            canvas.polygon([(x1, t1), (edge, t1), (edge, y1), (x1, y1)], rgb, "building")
        canvas.polygon([(x0, t0), (x1, t1), (x1, y1), (x0, y0)], rgb, "building")
        glass = _shaded((70, 84, 100), canvas.rng.uniform(0.8, 1.3))
        for row in np.arange(1.2, tall - 1.6, 3.0):
            for start in np.arange(0.1, 0.85, 0.22):
                quad = []
                for share, up in ((start, row), (start + 0.12, row), (start + 0.12, row + 1.6), (start, row + 1.6)):
                    x, y, metre = canvas.ground(side * 9.0, far + (near - far) * share)
                    quad.append((x, y - up * metre))
                canvas.polygon(quad, glass, None)


def _draw_street(canvas: _Canvas) -> None:
    for half, rgb, name in ((9.0, (150, 146, 142), "pavement"), (5.2, (96, 96, 100), "road")):
        points = [canvas.ground(side * half, depth)[:2] for side, depth in ((-1, 90), (1, 90), (1, 1.5), (-1, 1.5))]
        canvas.polygon(points, rgb, name)
    for side in (-1, 1):
        curb = [canvas.ground(side * at, depth)[:2] for at, depth in ((5.2, 90), (5.4, 90), (5.4, 1.5), (5.2, 1.5))]
        canvas.polygon(curb, (186, 184, 180), "pavement")
    for start in np.arange(2.0, 60.0, 5.0):
        dash = [(-0.08, start + 2.4), (0.08, start + 2.4), (0.08, start), (-0.08, start)]
        canvas.polygon([canvas.ground(side, depth)[:2] for side, depth in dash], (208, 208, 204), "road")


def _draw_tree(canvas: _Canvas, depth: float, side: int) -> None:
    x, y, m = canvas.ground(side * 7.4, depth)
    canvas.box(x, y, 0.35 * m, 3.0 * m, (84, 66, 50), "tree")
    for _ in range(26):
        dx, dy = canvas.rng.normal(0, (0.8 * m, 0.7 * m))
        green = _shaded((62, 96, 46), canvas.rng.uniform(0.6, 1.4))
        canvas.disc(x + dx, y - 4.4 * m + dy, 0.55 * m, 0.6 * m, green, "tree")


def _draw_pole(canvas: _Canvas, depth: float, side: int) -> None:
    x, y, m = canvas.ground(side * 5.7, depth)
    tall = canvas.rng.uniform(2.6, 6.5)
    canvas.box(x, y, max(0.14 * m, 2), tall * m, (104, 106, 108), "pole")
    if tall < 4:
        canvas.disc(x, y - tall * m, 0.42 * m, 0.42 * m, (178, 36, 40), "sign symbol")
        canvas.disc(x, y - tall * m, 0.28 * m, 0.28 * m, (236, 236, 232), None)
    else:
        canvas.line([(x, y - tall * m), (x - side * 1.6 * m, y - (tall + 0.2) * m)], 0.12 * m, (104, 106, 108), "pole")


def _draw_fence(canvas: _Canvas, depth: float, side: int) -> None:
    ends = [canvas.ground(side * 8.6, at) for at in (depth + 6, depth)]
    (x0, y0, m0), (x1, y1, m1) = ends
    canvas.polygon([(x0, y0), (x0, y0 - 1.1 * m0), (x1, y1 - 1.1 * m1), (x1, y1)], (92, 88, 78), "fence")
    for at in np.arange(depth, depth + 6, 0.5):
        x, y, m = canvas.ground(side * 8.6, at)
        canvas.line([(x, y), (x, y - 1.1 * m)], 0.05 * m, (58, 56, 50), None)


def _draw_car(canvas: _Canvas, depth: float, side: int) -> None:
    x, y, m = canvas.ground(side * canvas.rng.choice((1.9, 4.2)), depth)
    paint = canvas.pick(PAINTS)
    canvas.disc(x, y, 0.12 * m, 1.0 * m, (40, 40, 42), "road")
    for wheel in (-0.68, 0.68):
        canvas.box(x + wheel * m, y, 0.26 * m, 0.4 * m, (24, 24, 26), "car")
    canvas.box(x, y - 0.2 * m, 1.8 * m, 0.72 * m, paint, "car")
    roof = [(x + dx * m, y - up * m) for dx, up in ((-0.82, 0.9), (-0.6, 1.45), (0.6, 1.45), (0.82, 0.9))]
    canvas.polygon(roof, _shaded(paint, 0.85), "car")
    canvas.box(x, y - 0.92 * m, 1.2 * m, 0.42 * m, (58, 70, 82), None)
    for lamp in (-0.72, 0.72):
        canvas.box(x + lamp * m, y - 0.62 * m, 0.26 * m, 0.18 * m, (186, 30, 28) if side > 0 else (240, 236, 214), None)
    canvas.box(x, y - 0.34 * m, 0.5 * m, 0.14 * m, (226, 222, 196), None)


def _draw_person(canvas: _Canvas, depth: float, side: int) -> None:
    x, y, m = canvas.ground(side * canvas.rng.uniform(5.8, 8.2), depth)
    _draw_body(canvas, x, y, m, "pedestrian")


def _draw_bicyclist(canvas: _Canvas, depth: float, side: int) -> None:
    x, y, m = canvas.ground(side * canvas.rng.uniform(3.0, 4.4), depth)
    for wheel in (-0.5, 0.5):
        canvas.disc(x + wheel * m, y - 0.34 * m, 0.34 * m, 0.34 * m, (30, 30, 32), "bicyclist")
        canvas.disc(x + wheel * m, y - 0.34 * m, 0.26 * m, 0.26 * m, (98, 98, 102), None)
    frame = [(x + dx * m, y - up * m) for dx, up in ((-0.5, 0.34), (-0.2, 0.85), (0.4, 0.9), (0.5, 0.34))]
    canvas.line(frame, 0.09 * m, (150, 34, 36), "bicyclist")
    _draw_body(canvas, x - 0.05 * m, y - 0.3 * m, 0.88 * m, "bicyclist")


def _draw_body(canvas: _Canvas, x: float, y: float, m: float, name: str) -> None:
    legs, coat = canvas.pick(CLOTHES), canvas.pick(CLOTHES)
    stride = canvas.rng.uniform(0.08, 0.22)
    for foot in (-stride, stride):
        canvas.line([(x, y - 0.85 * m), (x + foot * m, y)], 0.17 * m, legs, name)
    canvas.disc(x, y - 1.12 * m, 0.4 * m, 0.24 * m, coat, name)
    canvas.disc(x, y - 1.62 * m, 0.15 * m, 0.12 * m, (206, 164, 136), name)


def _finished(canvas: _Canvas) -> torch.Tensor:
    """The picture with the grain, light and softness of a photograph, uint8 [3, y, x]."""
    rng, shape = canvas.rng, (canvas.height, canvas.width)
    pixels: np.ndarray = np.asarray(
        canvas.picture.filter(ImageFilter.GaussianBlur(canvas.height / 600)), dtype=np.float32
    )
    blotch = rng.integers(0, 256, (shape[0] // 12 + 1, shape[1] // 12 + 1), dtype=np.uint8)
    light = np.asarray(Image.fromarray(blotch).resize(shape[::-1], Image.Resampling.BICUBIC), dtype=np.float32)
    pixels = pixels * (0.94 + 0.12 * light[:, :, None] / 255) + rng.normal(0, 3.5, (*shape, 1)).astype(np.float32)
    return torch.from_numpy(np.clip(pixels, 0, 255).astype(np.uint8)).permute(2, 0, 1)


def _shaded(rgb: Colour, factor: float) -> Colour:
    red, green, blue = (min(255, round(part * factor)) for part in rgb)
    return red, green, blue
