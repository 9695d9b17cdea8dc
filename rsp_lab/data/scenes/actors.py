"""Figures and two-wheelers, seen from the side; (x, y) is the point on the ground under their middle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rsp_lab.data.scenes import light
from rsp_lab.data.scenes.canvas import Canvas
from rsp_lab.data.scenes.light import RGB, pick, shaded

TALL = 1.78
"""Height of a figure, metres."""
HIP = 0.93
"""Height of a figure's hip, and of a saddle, metres."""
WHEEL = 0.34
"""Radius of a bicycle's wheel, metres."""
BIKE = 0.88
"""Half the length of a bicycle, metres."""


@dataclass(frozen=True)
class Figure:
    """Colours and carriage of a person, the same on foot and in the saddle.

    Attributes:
        facing: 1 to the right, -1 to the left.
        lean: how far the shoulders are before the hip, metres.
        reach: how far the hands are before the hip, metres.
        stride: half the distance between the feet, metres.
    """

    coat: RGB
    legs: RGB
    skin: RGB
    hair: RGB
    facing: int
    lean: float
    reach: float
    stride: float
    bag: bool


@dataclass(frozen=True)
class At:
    """Where a thing stands: the pixel under it, pixels a metre, and metres from the camera."""

    x: float
    y: float
    m: float
    depth: float

    def points(self, facing: int, *offsets: tuple[float, float]) -> list[tuple[float, float]]:
        """Pixels of offsets (metres ahead, metres up)."""
        return [(self.x + facing * ahead * self.m, self.y - up * self.m) for ahead, up in offsets]


def place(canvas: Canvas, side: float, depth: float) -> At:
    """The place on the ground ``side`` metres right of the camera and ``depth`` metres before it."""
    x, y = canvas.project(side, 0.0, depth)
    return At(x, y, canvas.metre(depth), depth)


def draw_looks(rng: np.random.Generator, lean: tuple[float, float] = (0.0, 0.08)) -> Figure:
    """A figure at random."""
    return Figure(
        coat=pick(rng, light.CLOTHES),
        legs=pick(rng, light.TROUSERS),
        skin=pick(rng, light.SKINS),
        hair=pick(rng, light.HAIRS),
        facing=1 if rng.random() < 0.5 else -1,
        lean=rng.uniform(*lean),
        reach=rng.uniform(-0.1, 0.3),
        stride=rng.uniform(0.06, 0.3),
        bag=rng.random() < 0.4,
    )


def draw_upper(canvas: Canvas, at: At, who: Figure, part: int) -> None:
    """Head, trunk and arms of a figure."""
    m, depth = at.m, at.depth
    coat, dark = canvas.tone(who.coat, depth), canvas.tone(who.coat, depth, canvas.light.shade)
    lean = who.lean
    if who.bag:
        canvas.limb(
            at.points(who.facing, (-0.16, 1.05), (lean - 0.19, 1.36)), 0.2 * m, canvas.tone((70, 58, 50), depth), part
        )
    back = at.points(who.facing, (-0.03, 1.2), (lean * 0.5 + 0.05, 0.95), (who.reach - 0.05, 1.0))
    shoulder, elbow, hand = at.points(who.facing, (lean, 1.38), (lean * 0.6 + who.reach * 0.45, 1.12), (who.reach, 1.0))
    canvas.limb([shoulder, back[1]], 0.1 * m, dark, part)
    trunk = at.points(
        who.facing,
        (-0.16, HIP - 0.06),
        (0.14, HIP - 0.06),
        (lean + 0.19, 1.3),
        (lean + 0.1, 1.46),
        (lean - 0.12, 1.46),
        (lean - 0.2, 1.3),
    )
    canvas.polygon(trunk, coat, part)
    shaded_side = 1 if canvas.light.sun < 0 else -1
    edge = at.points(
        1,
        (shaded_side * 0.15, HIP - 0.06),
        (who.facing * lean + shaded_side * 0.19, 1.3),
        (who.facing * lean + shaded_side * 0.1, 1.45),
        (who.facing * lean + shaded_side * 0.04, 1.3),
        (shaded_side * 0.05, HIP - 0.06),
    )
    canvas.polygon(edge, dark, part)
    neck = at.points(who.facing, (lean, 1.42), (lean + 0.03, 1.56))
    canvas.limb(neck, 0.1 * m, canvas.tone(who.skin, depth, 0.85), part)
    (hx, hy), (cx, cy) = at.points(who.facing, (lean + 0.05, 1.635), (lean + 0.01, 1.675))
    canvas.disc(cx, cy, 0.115 * m, 0.115 * m, canvas.tone(who.hair, depth), part)
    canvas.disc(hx, hy, 0.085 * m, 0.115 * m, canvas.tone(who.skin, depth), part)
    canvas.disc(cx, cy - 0.045 * m, 0.095 * m, 0.065 * m, canvas.tone(who.hair, depth), part)
    canvas.limb([shoulder, elbow, hand], 0.1 * m, canvas.tone(who.coat, depth, 0.9), part)
    canvas.disc(*hand, 0.055 * m, 0.055 * m, canvas.tone(who.skin, depth), part)


def draw_walking_legs(canvas: Canvas, at: At, who: Figure, part: int) -> None:
    """Legs of somebody on foot."""
    for foot, factor in ((-who.stride, 0.8), (who.stride, 1.0)):
        hip, knee, ankle = at.points(who.facing, (0.0, HIP), (foot * 0.5 + 0.05, 0.5), (foot, 0.07))
        canvas.limb([hip, knee, ankle], 0.15 * at.m, canvas.tone(who.legs, at.depth, factor), part)
        canvas.limb(
            at.points(who.facing, (foot - 0.02, 0.04), (foot + 0.14, 0.04)),
            0.08 * at.m,
            canvas.tone(light.RUBBER, at.depth),
            part,
        )


def draw_riding_legs(canvas: Canvas, at: At, who: Figure, part: int) -> None:
    """Legs of somebody in the saddle, feet on the pedals."""
    for foot, lift, factor in ((-0.05, 0.42, 0.8), (0.1, 0.2, 1.0)):
        points = at.points(who.facing, (-0.05, HIP), (0.32, 0.52 + lift * 0.4), (foot, lift))
        canvas.limb(points, 0.14 * at.m, canvas.tone(who.legs, at.depth, factor), part)
        canvas.limb(
            at.points(who.facing, (foot - 0.02, lift - 0.03), (foot + 0.13, lift - 0.03)),
            0.08 * at.m,
            canvas.tone(light.RUBBER, at.depth),
            part,
        )


def draw_person(canvas: Canvas, at: At, who: Figure, part: int) -> None:
    """Somebody on foot, with the shadow."""
    canvas.shadow(at.x - canvas.light.sun * 0.3 * at.m, at.y, 0.5 * at.m, 0.09 * at.m)
    draw_walking_legs(canvas, at, who, part)
    draw_upper(canvas, at, who, part)


def draw_bicycle(canvas: Canvas, at: At, facing: int, paint: RGB, part: int) -> None:
    """A bicycle, 1.76 m from tyre to tyre; between its spokes the background stays."""
    m = at.m
    tyre, frame = canvas.tone(light.RUBBER, at.depth), canvas.tone(paint, at.depth)
    steel = canvas.tone((150, 152, 156), at.depth)
    for ahead in (-0.54, 0.54):
        ((x, y),) = at.points(facing, (ahead, WHEEL))
        for angle in np.arange(0, np.pi, np.pi / 5):
            dx, dy = WHEEL * m * np.cos(angle), WHEEL * m * np.sin(angle)
            canvas.limb([(x - dx, y - dy), (x + dx, y + dy)], 0.012 * m, steel, part)
        canvas.ring(x, y, WHEEL * m, 0.07 * m, tyre, part)
    rear, crank, seat, head, front = (-0.54, WHEEL), (-0.05, 0.3), (-0.2, 0.82), (0.36, 0.86), (0.54, WHEEL)
    for ends in ((rear, crank), (rear, seat), (crank, seat), (seat, head), (crank, head), (head, front)):
        canvas.limb(at.points(facing, *ends), 0.05 * m, frame, part)
    canvas.limb(at.points(facing, (-0.24, 0.92), seat), 0.04 * m, steel, part)
    canvas.limb(at.points(facing, (-0.36, 0.94), (-0.12, 0.94)), 0.07 * m, tyre, part)
    canvas.limb(at.points(facing, head, (0.34, 1.02), (0.48, 1.04)), 0.045 * m, tyre, part)
    canvas.disc(*at.points(facing, crank)[0], 0.09 * m, 0.09 * m, steel, part)


def draw_motorcycle(canvas: Canvas, at: At, facing: int, paint: RGB, part: int) -> None:
    """A motorcycle, 2 m long."""
    m = at.m
    tyre, body = canvas.tone(light.RUBBER, at.depth), canvas.tone(paint, at.depth)
    for ahead in (-0.66, 0.66):
        ((x, y),) = at.points(facing, (ahead, 0.31))
        canvas.disc(x, y, 0.31 * m, 0.31 * m, tyre, part)
        canvas.disc(x, y, 0.14 * m, 0.14 * m, canvas.tone((134, 136, 140), at.depth), part)
    canvas.polygon(
        at.points(facing, (-0.35, 0.25), (0.35, 0.25), (0.4, 0.6), (-0.4, 0.62)),
        canvas.tone((60, 60, 64), at.depth),
        part,
    )
    canvas.polygon(
        at.points(facing, (-0.85, 0.72), (-0.7, 0.84), (0.0, 0.8), (0.0, 0.6), (-0.5, 0.6)),
        canvas.tone(shaded(paint, 0.6), at.depth),
        part,
    )
    canvas.polygon(at.points(facing, (-0.05, 0.6), (-0.02, 0.88), (0.32, 0.95), (0.5, 0.7), (0.36, 0.56)), body, part)
    canvas.limb(
        at.points(facing, (0.66, 0.31), (0.4, 0.95), (0.26, 1.06)), 0.07 * m, canvas.tone(light.STEEL, at.depth), part
    )
    canvas.disc(*at.points(facing, (0.5, 0.86))[0], 0.1 * m, 0.1 * m, canvas.tone((238, 234, 208), at.depth), part)


def draw_rider(canvas: Canvas, at: At, who: Figure, paint: RGB, parts: tuple[int, int], motor: bool = False) -> None:
    """Somebody on a two-wheeler; ``parts`` are those of the figure and of the wheels."""
    canvas.shadow(at.x, at.y, 0.9 * at.m, 0.09 * at.m)
    wheels = draw_motorcycle if motor else draw_bicycle
    wheels(canvas, at, who.facing, paint, parts[1])
    draw_riding_legs(canvas, at, who, parts[0])
    draw_upper(canvas, at, who, parts[0])
