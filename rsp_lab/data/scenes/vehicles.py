"""Cars, buses and trucks: along the street in perspective, and across it from the side."""

from __future__ import annotations

from rsp_lab.data.scenes.actors import At
from rsp_lab.data.scenes.canvas import Canvas
from rsp_lab.data.scenes.light import GLASS, RGB, RUBBER, mixed

CAR_LONG, BUS_LONG = 4.3, 11.0
CAR_HIGH, BUS_HIGH = 1.48, 3.1
PANEL = (0.3, 0.82)
"""Heights between which car and bus show nothing but paint, metres."""

_CAR_SIDE = ((0.0, 0.32), (0.0, 0.92), (0.4, 1.46), (2.3, 1.48), (3.05, 0.98), (4.15, 0.82), (4.3, 0.32))


def _lamp_colour(leaving: bool) -> RGB:
    return (196, 36, 32) if leaving else (246, 240, 214)


def draw_car_along(canvas: Canvas, side: float, depth: float, paint: RGB, leaving: bool, part: int) -> None:
    """A car that stands or drives along the street; its near end is ``depth`` metres away."""
    inner = side - 0.88 if side > 0 else side + 0.88
    x, y = canvas.project(side, 0, depth + 1.2)
    canvas.shadow(x, y, 1.15 * canvas.metre(depth), 0.3 * canvas.metre(depth))

    def at(sideways: float, up: float, ahead: float) -> tuple[float, float]:
        return canvas.project(side + sideways, up, depth + ahead)

    def beside(up: float, ahead: float) -> tuple[float, float]:
        """On the flank, which leans in above the doors."""
        return canvas.project(inner + (side - inner) * max(0.0, up - 0.94) * 0.5, up, depth + ahead)

    flank, body = canvas.tone(paint, depth, canvas.light.shade), canvas.tone(paint, depth)
    glass = canvas.tone(GLASS, depth)
    for ahead in (0.85, 3.4):
        wx, wy = canvas.project(inner, 0.32, depth + ahead)
        m = canvas.metre(depth + ahead)
        canvas.disc(
            wx, wy, max(0.06, 0.42 * abs(side) / (depth + ahead)) * m, 0.32 * m, canvas.tone(RUBBER, depth), part
        )
    canvas.polygon([beside(up, ahead) for ahead, up in _CAR_SIDE], flank, part)
    pane = ((0.25, 0.95), (0.5, 1.36), (2.2, 1.38), (2.75, 0.98))
    canvas.polygon([beside(up, ahead) for ahead, up in pane], glass, part)
    for wheel in (-0.66, 0.66):
        (x0, y0), (x1, y1) = at(wheel - 0.14, 0.4, 0), at(wheel + 0.14, 0.0, 0)
        canvas.box(x0, y0, x1, y1, canvas.tone(RUBBER, depth), part)
    canvas.polygon([at(-0.88, 0.24, 0), at(-0.88, 0.94, 0), at(0.88, 0.94, 0), at(0.88, 0.24, 0)], body, part)
    canvas.polygon(
        [at(-0.84, 0.94, 0), at(-0.64, 1.47, 0.5), at(0.64, 1.47, 0.5), at(0.84, 0.94, 0)],
        canvas.tone(paint, depth, 0.92),
        part,
    )
    canvas.polygon([at(-0.72, 0.98, 0.02), at(-0.57, 1.4, 0.4), at(0.57, 1.4, 0.4), at(0.72, 0.98, 0.02)], glass, part)
    canvas.polygon(
        [at(-0.6, 1.1, 0.1), at(-0.57, 1.4, 0.4), at(0.1, 1.4, 0.4)],
        canvas.tone(mixed(GLASS, canvas.light.low, 0.55), depth),
        None,
    )
    for lamp in (-0.74, 0.74):
        (x0, y0), (x1, y1) = at(lamp - 0.13, 0.82, 0), at(lamp + 0.13, 0.64, 0)
        canvas.box(x0, y0, x1, y1, canvas.tone(_lamp_colour(leaving), depth), None)
    (x0, y0), (x1, y1) = at(-0.27, 0.58, 0), at(0.27, 0.46, 0)
    canvas.box(x0, y0, x1, y1, canvas.tone((226, 222, 200), depth), None)
    (x0, y0), (x1, y1) = at(-0.88, 0.4, 0), at(0.88, 0.24, 0)
    canvas.box(x0, y0, x1, y1, (20, 20, 24), None, 0.45)


def draw_box_along(canvas: Canvas, side: float, depth: float, paint: RGB, leaving: bool, part: int, bus: bool) -> None:
    """A bus, or a truck with a closed body, along the street."""
    long, high, half = (BUS_LONG, BUS_HIGH, 1.24) if bus else (7.5, 3.3, 1.2)
    inner = side - half if side > 0 else side + half
    x, y = canvas.project(side, 0, depth + 1.5)
    canvas.shadow(x, y, 1.6 * canvas.metre(depth), 0.3 * canvas.metre(depth))

    def flank(near: float, far: float, low: float, top: float) -> list[tuple[float, float]]:
        corners = ((near, low), (near, top), (far, top), (far, low))
        return [canvas.project(inner, up, depth + ahead) for ahead, up in corners]

    def face(left: float, right: float, low: float, top: float) -> list[tuple[float, float]]:
        return [
            canvas.project(side + dx, up, depth) for dx, up in ((left, low), (left, top), (right, top), (right, low))
        ]

    glass, body = canvas.tone(GLASS, depth), canvas.tone(paint, depth)
    for ahead in (1.8, long - 2.2):
        wx, wy = canvas.project(inner, 0.45, depth + ahead)
        m = canvas.metre(depth + ahead)
        canvas.disc(
            wx, wy, max(0.08, 0.5 * abs(side) / (depth + ahead)) * m, 0.46 * m, canvas.tone(RUBBER, depth), part
        )
    canvas.polygon(flank(0, long, 0.35, high), canvas.tone(paint, depth, canvas.light.shade), part)
    if bus:
        for start in range(6):
            near = 0.5 + start * 1.7
            canvas.polygon(flank(near, near + 1.5, 1.5, 2.5), glass, None)
    for wheel in (-0.9, 0.9):
        canvas.polygon(face(wheel - 0.18, wheel + 0.18, 0.0, 0.5), canvas.tone(RUBBER, depth), part)
    canvas.polygon(face(-half, half, 0.35, high), body, part)
    if bus or not leaving:
        canvas.polygon(face(-half + 0.12, half - 0.12, 1.35, 2.45), glass, None)
        canvas.polygon(
            face(-half + 0.12, -0.1, 1.9, 2.45), canvas.tone(mixed(GLASS, canvas.light.low, 0.45), depth), None
        )
        canvas.polygon(face(-0.7, 0.7, 2.62, 2.9), canvas.tone((40, 40, 36), depth), None)
    else:
        canvas.polygon(face(-0.02, 0.02, 0.6, high - 0.1), canvas.tone(paint, depth, 0.7), None)
    for lamp in (-0.95, 0.95):
        canvas.polygon(face(lamp - 0.15, lamp + 0.15, 0.65, 0.85), canvas.tone(_lamp_colour(leaving), depth), None)
    canvas.polygon(face(-half, half, 0.35, 0.55), (20, 20, 24), None, 0.5)


def draw_wheel(canvas: Canvas, at: At, facing: int, ahead: float, radius: float, part: int) -> None:
    """A wheel seen from the side."""
    ((x, y),) = at.points(facing, (ahead, radius))
    m = at.m
    canvas.disc(x, y, radius * m, radius * m, canvas.tone(RUBBER, at.depth), part)
    canvas.disc(x, y, 0.6 * radius * m, 0.6 * radius * m, canvas.tone((156, 158, 162), at.depth), part)
    canvas.disc(x, y, 0.2 * radius * m, 0.2 * radius * m, canvas.tone((70, 72, 76), at.depth), part)


def draw_car_across(canvas: Canvas, tail: At, facing: int, paint: RGB, part: int) -> None:
    """A car seen from the side; ``tail`` is the ground under its rear end."""
    body, low = canvas.tone(paint, tail.depth), canvas.tone(paint, tail.depth, 0.72)
    glass = canvas.tone(GLASS, tail.depth)
    canvas.polygon(tail.points(facing, *_CAR_SIDE), body, part)
    canvas.polygon(tail.points(facing, (0.0, 0.32), (0.0, 0.42), (4.28, 0.42), (4.3, 0.32)), low, part)
    for pane in (
        ((0.3, 0.95), (0.55, 1.38), (1.2, 1.4), (1.2, 0.95)),
        ((1.3, 0.95), (1.3, 1.4), (2.2, 1.4), (2.8, 0.95)),
    ):
        canvas.polygon(tail.points(facing, *pane), glass, part)
        canvas.polygon(
            tail.points(facing, pane[1], pane[2], pane[0]),
            canvas.tone(mixed(GLASS, canvas.light.low, 0.4), tail.depth),
            None,
        )
    canvas.limb(tail.points(facing, (1.25, 0.36), (1.25, 0.93)), 0.025 * tail.m, low, None)
    canvas.polygon(
        tail.points(facing, (4.1, 0.62), (4.24, 0.62), (4.2, 0.78), (4.0, 0.8)),
        canvas.tone((240, 236, 214), tail.depth),
        part,
    )
    canvas.polygon(
        tail.points(facing, (0.0, 0.7), (0.12, 0.7), (0.12, 0.88), (0.0, 0.88)),
        canvas.tone((190, 36, 32), tail.depth),
        part,
    )
    for ahead in (0.8, 3.45):
        draw_wheel(canvas, tail, facing, ahead, 0.33, part)


def draw_bus_across(canvas: Canvas, tail: At, facing: int, paint: RGB, part: int) -> None:
    """A bus seen from the side; ``tail`` is the ground under its rear end."""
    body, low = canvas.tone(paint, tail.depth), canvas.tone(paint, tail.depth, 0.72)
    outline = ((0.0, 0.32), (0.0, 2.95), (0.2, BUS_HIGH), (10.7, BUS_HIGH), (11.0, 2.7), (11.0, 0.32))
    canvas.polygon(tail.points(facing, *outline), body, part)
    canvas.polygon(tail.points(facing, (0.0, 0.32), (0.0, 0.42), (11.0, 0.42), (11.0, 0.32)), low, part)
    canvas.polygon(
        tail.points(facing, (0.2, 2.95), (0.2, BUS_HIGH), (10.7, BUS_HIGH), (10.8, 2.95)),
        canvas.tone(paint, tail.depth, 1.12),
        part,
    )
    glass, shine = canvas.tone(GLASS, tail.depth), canvas.tone(mixed(GLASS, canvas.light.low, 0.4), tail.depth)
    doors = (4.6, 9.3)
    for number in range(9):
        start = 0.35 + number * 1.17
        lowest = 0.5 if any(start - 0.1 < door < start + 1.1 for door in doors) else 1.35
        canvas.polygon(
            tail.points(facing, (start, lowest), (start, 2.65), (start + 1.03, 2.65), (start + 1.03, lowest)),
            glass,
            part,
        )
        canvas.polygon(tail.points(facing, (start, 1.9), (start, 2.65), (start + 0.7, 2.65)), shine, None)
        if lowest < 1:
            canvas.limb(tail.points(facing, (start + 0.5, 0.5), (start + 0.5, 2.6)), 0.05 * tail.m, body, None)
    for ahead in (3.1, 8.6):
        draw_wheel(canvas, tail, facing, ahead, 0.46, part)
