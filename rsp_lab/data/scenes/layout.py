"""The street itself: sky, houses, ground, furniture, and the traffic in which a case is planted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rsp_lab.data.scenes import actors, light, vehicles
from rsp_lab.data.scenes.actors import place
from rsp_lab.data.scenes.canvas import Canvas
from rsp_lab.data.scenes.light import RGB, mixed, pick

FAR = 90.0
WALL = 9.0
"""Metres from the middle of the street to the houses."""
KERB = 5.2
"""Metres from the middle of the street to the kerb."""
ASPHALT: RGB = (92, 93, 98)
SLABS: RGB = (156, 152, 146)
STONE: RGB = (190, 187, 180)


@dataclass(frozen=True)
class Plan:
    """What traffic keeps clear of.

    Attributes:
        nearest: metres from the camera at which traffic begins.
        open_side: -1 or 1 where that side of the street has one asphalt up to the houses, 0 for none.
    """

    nearest: float
    open_side: int = 0


def draw_backdrop(canvas: Canvas, rng: np.random.Generator) -> None:
    """Sky, far houses and both rows of houses."""
    _draw_sky(canvas, rng)
    _draw_skyline(canvas, rng)
    for side in (-1, 1):
        _draw_houses(canvas, rng, side)


def _draw_sky(canvas: Canvas, rng: np.random.Generator) -> None:
    bands = 48
    for band in range(bands):
        top, bottom = (canvas.horizon * 1.05 * (band + i) / bands for i in (0, 1))
        rgb = mixed(canvas.light.zenith, canvas.light.low, (band / bands) ** 0.8)
        canvas.box(0, top, canvas.width, bottom + 0.5, rgb, None)
    white = mixed(canvas.light.low, (255, 255, 255), 0.5)
    u = canvas.unit
    for _ in range(round(9 * canvas.light.clouds)):
        x, y = rng.uniform(0, canvas.width), rng.uniform(0, 0.7 * canvas.horizon)
        for _ in range(9):
            dx, dy = rng.normal(0, 0.12 * u), rng.normal(0, 0.014 * u)
            canvas.disc(x + dx, y + dy, rng.uniform(0.05, 0.13) * u, rng.uniform(0.012, 0.03) * u, white, None, 0.16)


def _draw_skyline(canvas: Canvas, rng: np.random.Generator) -> None:
    part, x = canvas.part("building"), 0.0
    rgb = pick(rng, light.FACADES)
    while x < canvas.width:
        wide = rng.uniform(0.05, 0.13) * canvas.unit
        top = canvas.horizon - rng.uniform(0.06, 0.17) * canvas.unit
        canvas.box(
            x, top, x + wide, canvas.horizon + 0.04 * canvas.unit, canvas.tone(rgb, 110, rng.uniform(0.85, 1.05)), part
        )
        x += wide


def _draw_houses(canvas: Canvas, rng: np.random.Generator, side: int) -> None:
    depth, part = FAR, canvas.part("building")
    while depth > 2.2:
        near = max(depth - rng.uniform(7, 15), 1.9)
        tall, rgb = rng.uniform(7.5, 16), pick(rng, light.FACADES)
        factor = 1.0 if side != canvas.light.sun else canvas.light.shade
        _draw_facade(canvas, rng, side, (depth, near), tall, canvas.tone(rgb, near + 3, factor), part)
        depth = near


def _draw_facade(
    canvas: Canvas, rng: np.random.Generator, side: int, span: tuple[float, float], tall: float, rgb: RGB, part: int
) -> None:
    far, near = span

    def quad(start: float, end: float, low: float, top: float) -> list[tuple[float, float]]:
        corners = ((start, low), (start, top), (end, top), (end, low))
        return [canvas.project(side * WALL, up, far + (near - far) * share) for share, up in corners]

    canvas.polygon(quad(0, 1, 0, tall), rgb, part)
    canvas.polygon(quad(0, 1, tall - 0.35, tall), light.shaded(rgb, 1.15), None)
    canvas.polygon(quad(0, 1, 0, 0.5), light.shaded(rgb, 0.72), None)
    shop, glass = pick(rng, light.PAINTS), canvas.tone(light.GLASS, near, rng.uniform(0.8, 1.3))
    shine, frame = mixed(glass, canvas.light.low, 0.45), light.shaded(rgb, 1.2)
    bays = max(2, round((far - near) / 2.6))
    for bay in range(bays):
        start, end = (bay + 0.2) / bays, (bay + 0.8) / bays
        canvas.polygon(quad((bay + 0.08) / bays, (bay + 0.92) / bays, 0.5, 2.6), glass, None)
        for low in np.arange(4.0, tall - 1.9, 3.0):
            if canvas.metre((far + near) / 2) > 5:
                canvas.polygon(quad(start - 0.05 / bays, end + 0.05 / bays, low - 0.12, low + 1.75), frame, None)
            canvas.polygon(quad(start, end, low, low + 1.6), glass, None)
            canvas.polygon(quad(start, (start + end) / 2, low + 0.7, low + 1.6), shine, None)
    canvas.polygon(quad(0.02, 0.98, 2.6, 3.15), canvas.tone(shop, near), None)
    canvas.polygon(quad(0.985, 1, 0, tall), light.shaded(rgb, 0.8), None)


def ground_strip(
    canvas: Canvas, left: float, right: float, rows: tuple[float, float], rgb: RGB | None, part: int | None
) -> None:
    """The ground between two lines along the street, metres right of its middle, and two rows below the horizon."""
    far, near = rows
    metre = 1 / 1.6  # of every row below the horizon: the camera is 1.6 m high

    def at(side: float, row: float) -> tuple[float, float]:
        return canvas.vanish + side * row * metre, canvas.horizon + row

    canvas.polygon([at(left, far), at(right, far), at(right, near), at(left, near)], rgb, part)


def draw_ground(canvas: Canvas, rng: np.random.Generator, plan: Plan) -> None:
    """Road, kerbs and pavement."""
    rows = (0.012 * canvas.unit, canvas.height - canvas.horizon + 2)
    asphalt = canvas.tone(ASPHALT, 9)
    road, walk = canvas.part("road"), canvas.part("sidewalk")
    ground_strip(canvas, -60, 60, rows, canvas.tone(SLABS, 9), walk)
    ground_strip(canvas, -KERB, KERB, rows, asphalt, road)
    for _ in range(7):
        side, depth, wide = rng.uniform(-4, 4), rng.uniform(3, 20), rng.uniform(0.4, 1.4)
        long, dark = rng.uniform(1, 5), rng.uniform(0.04, 0.14)
        corners = ((side, depth), (side + wide, depth), (side + wide, depth + long), (side, depth + long))
        canvas.polygon([canvas.project(s, 0, d) for s, d in corners], (20, 20, 24), None, dark)
    for side in (-1, 1):
        if side == plan.open_side:
            ground_strip(canvas, side * (KERB - 0.02), side * 60, rows, asphalt, walk)
            continue
        for line in np.arange(KERB + 0.9, WALL, 0.9):
            ground_strip(canvas, side * line, side * (line + 0.03), rows, canvas.tone(SLABS, 9, 0.84), None)
        draw_kerb(canvas, side * KERB, side, rows, walk)
    for start in np.arange(1.6, 60.0, 4.6):
        corners = ((-0.07, start + 2.2), (0.07, start + 2.2), (0.07, start), (-0.07, start))
        canvas.polygon([canvas.project(s, 0, d) for s, d in corners], canvas.tone((214, 214, 208), start), None, 0.85)


def draw_kerb(canvas: Canvas, line: float, side: int, rows: tuple[float, float], part: int) -> None:
    """A kerb stone along the street: a light top and, towards the road, a dark riser."""
    ground_strip(canvas, line, line + side * 0.2, rows, canvas.tone(STONE, 9), part)
    ground_strip(canvas, line - side * 0.1, line, rows, canvas.tone(STONE, 9, 0.5), part)


def draw_traffic(canvas: Canvas, rng: np.random.Generator, plan: Plan) -> None:
    """Trees, furniture, vehicles and people, far ones first, none nearer than the plan allows."""
    things = [_tree] * 5 + [_lamp] * 3 + [_sign] * 3 + [_signal] * 1 + [_fence] * 1 + [_hedge] * 2
    things += [_car] * 6 + [_large] * 1 + [_person] * 7 + [_rider] * 2 + [_parked] * 2
    order = rng.permutation(len(things))
    depths = np.sort(plan.nearest * (44 / plan.nearest) ** rng.uniform(0, 1, len(things)))[::-1]
    for depth, which in zip(depths.tolist(), order.tolist(), strict=True):
        side = 1 if rng.random() < 0.5 else -1
        if side == plan.open_side and depth < 22:
            side = -side
        things[which](canvas, rng, depth, side)


def _tree(canvas: Canvas, rng: np.random.Generator, depth: float, side: int) -> None:
    at, part = place(canvas, side * rng.uniform(6.4, 7.8), depth), canvas.part("vegetation")
    canvas.shadow(at.x, at.y, 1.6 * at.m, 0.22 * at.m)
    crown, leaf = rng.uniform(4.2, 6.0), pick(rng, light.LEAVES)
    canvas.polygon(
        at.points(1, (-0.18, 0), (-0.1, crown), (0.1, crown), (0.16, 0)), canvas.tone((84, 68, 54), depth), part
    )
    for number in range(46):
        # One by one: the same numbers as a pair's, which numpy takes long to draw.
        dx, dy = rng.normal(0, 0.85), rng.normal(0, 0.75)
        lift = 0.62 + 0.3 * (dy + 1) / 2 + 0.12 * dx * canvas.light.sun + 0.12 * number / 46
        radius = rng.uniform(0.32, 0.62) * at.m
        canvas.disc(
            at.x + dx * at.m,
            at.y - (crown + dy) * at.m,
            radius * 1.1,
            radius,
            canvas.tone(leaf, depth, max(0.45, lift)),
            part,
        )


def _hedge(canvas: Canvas, rng: np.random.Generator, depth: float, side: int) -> None:
    terrain, part = canvas.part("terrain"), canvas.part("vegetation")
    corners = ((7.0, 0), (8.6, 0), (8.6, 5), (7.0, 5))
    canvas.polygon(
        [canvas.project(side * s, 0, depth + d) for s, d in corners], canvas.tone((104, 122, 66), depth), terrain
    )
    for ahead in np.arange(5, 0.4, -0.4):
        x, y = canvas.project(side * rng.uniform(7.5, 8.3), 0.3, depth + ahead)
        m = canvas.metre(depth + ahead)
        canvas.disc(x, y, 0.35 * m, 0.35 * m, canvas.tone((72, 104, 52), depth, rng.uniform(0.7, 1.15)), part)


def _fence(canvas: Canvas, rng: np.random.Generator, depth: float, side: int) -> None:
    part, steel = canvas.part("fence"), canvas.tone((72, 82, 78), depth)
    for ahead in np.arange(6, -0.1, -0.3):
        foot, top = (canvas.project(side * 6.2, up, depth + ahead) for up in (0, 1.0))
        canvas.limb([foot, top], 0.05 * canvas.metre(depth + ahead), steel, part)
    for up in (0.2, 0.6, 1.0):
        canvas.limb(
            [canvas.project(side * 6.2, up, depth + ahead) for ahead in (6, 0)], 0.06 * canvas.metre(depth), steel, part
        )


def _lamp(canvas: Canvas, rng: np.random.Generator, depth: float, side: int) -> None:
    at, part = place(canvas, side * 5.7, depth), canvas.part("pole")
    steel = canvas.tone(light.STEEL, depth)
    canvas.limb(at.points(-side, (0, 0), (0, 6.4), (0.5, 6.9), (1.7, 7.0)), max(0.12 * at.m, 0.6), steel, part)
    canvas.polygon(
        at.points(-side, (1.3, 6.9), (2.0, 6.94), (2.0, 7.1), (1.3, 7.1)), canvas.tone((226, 224, 208), depth), part
    )


def _sign(canvas: Canvas, rng: np.random.Generator, depth: float, side: int) -> None:
    at, pole, part = place(canvas, side * 5.75, depth), canvas.part("pole"), canvas.part("traffic sign")
    canvas.limb(at.points(1, (0, 0), (0, 3.0)), max(0.08 * at.m, 0.6), canvas.tone((136, 140, 144), depth), pole)
    red, white, blue = (canvas.tone(rgb, depth) for rgb in ((196, 38, 42), (240, 240, 236), (36, 86, 168)))
    ((x, y),) = at.points(1, (0, 2.75))
    kind = rng.integers(3)
    if kind == 0:
        canvas.disc(x, y, 0.36 * at.m, 0.36 * at.m, red, part)
        canvas.disc(x, y, 0.26 * at.m, 0.26 * at.m, white, part)
    elif kind == 1:
        canvas.polygon(at.points(1, (-0.4, 2.45), (0.4, 2.45), (0, 3.15)), red, part)
        canvas.polygon(at.points(1, (-0.24, 2.54), (0.24, 2.54), (0, 2.96)), white, part)
    else:
        canvas.polygon(at.points(1, (-0.33, 2.42), (0.33, 2.42), (0.33, 3.08), (-0.33, 3.08)), blue, part)
        canvas.polygon(at.points(1, (-0.06, 2.5), (0.06, 2.5), (0.06, 3.0), (-0.06, 3.0)), white, None)


def _signal(canvas: Canvas, rng: np.random.Generator, depth: float, side: int) -> None:
    at, pole, part = place(canvas, side * 5.6, depth), canvas.part("pole"), canvas.part("traffic light")
    canvas.limb(at.points(1, (0, 0), (0, 3.2)), max(0.12 * at.m, 0.6), canvas.tone((62, 66, 64), depth), pole)
    canvas.polygon(
        at.points(1, (-0.2, 2.5), (0.2, 2.5), (0.2, 3.5), (-0.2, 3.5)), canvas.tone((28, 30, 30), depth), part
    )
    on = rng.integers(3)
    for number, rgb in enumerate(((226, 48, 40), (240, 176, 44), (58, 206, 104))):
        canvas.disc(
            at.x,
            at.y - (3.32 - 0.32 * number) * at.m,
            0.11 * at.m,
            0.11 * at.m,
            light.shaded(rgb, 1.0 if number == on else 0.3),
            part,
        )


def _car(canvas: Canvas, rng: np.random.Generator, depth: float, side: int) -> None:
    lane = float(rng.choice((1.8, 4.1)))
    vehicles.draw_car_along(
        canvas, side * lane, depth, pick(rng, light.PAINTS), side > 0, canvas.part("car", thing=True)
    )


def _large(canvas: Canvas, rng: np.random.Generator, depth: float, side: int) -> None:
    bus = rng.random() < 0.5
    part = canvas.part("bus" if bus else "truck", thing=True)
    vehicles.draw_box_along(canvas, side * 2.6, max(depth, 14.0), pick(rng, light.PAINTS), side > 0, part, bus)


def _person(canvas: Canvas, rng: np.random.Generator, depth: float, side: int) -> None:
    at = place(canvas, side * rng.uniform(5.8, 8.3), depth)
    actors.draw_person(canvas, at, actors.draw_looks(rng), canvas.part("person", thing=True))


def _rider(canvas: Canvas, rng: np.random.Generator, depth: float, side: int) -> None:
    motor = rng.random() < 0.3
    parts = canvas.part("rider", thing=True), canvas.part("motorcycle" if motor else "bicycle", thing=True)
    at = place(canvas, side * rng.uniform(0.5, 4.4), depth)
    actors.draw_rider(canvas, at, actors.draw_looks(rng), pick(rng, light.PAINTS), parts, motor)


def _parked(canvas: Canvas, rng: np.random.Generator, depth: float, side: int) -> None:
    motor, at = rng.random() < 0.5, place(canvas, side * rng.uniform(5.8, 6.4), depth)
    draw = actors.draw_motorcycle if motor else actors.draw_bicycle
    facing = 1 if rng.random() < 0.5 else -1
    draw(canvas, at, facing, pick(rng, light.PAINTS), canvas.part("motorcycle" if motor else "bicycle", thing=True))
