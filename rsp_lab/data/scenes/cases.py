"""The cases: what both readings share, and what the cue is in each.

A stage is made once from a seed; then it is drawn once for each reading. Whatever is random is drawn by the maker,
so that two readings can differ only where the code below asks for the reading.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np

from rsp_lab.data.scenes import actors, light, vehicles
from rsp_lab.data.scenes.actors import At, Figure
from rsp_lab.data.scenes.board import draw_board
from rsp_lab.data.scenes.canvas import EYE, FOCAL, Canvas
from rsp_lab.data.scenes.layout import Plan
from rsp_lab.data.scenes.light import RGB, pick, shaded


@runtime_checkable
class Stage(Protocol):
    """A case before its reading is chosen."""

    classes: ClassVar[tuple[str, str]]

    @property
    def plan(self) -> Plan:
        """What traffic keeps clear of."""

    def draw_on_ground(self, canvas: Canvas, reading: int) -> None:
        """What lies on the ground, below traffic."""

    def draw_in_front(self, canvas: Canvas, reading: int) -> None:
        """What stands before all traffic."""


def standing(canvas: Canvas, x: float, m: float) -> At:
    """The place on the ground in column ``x`` where a metre has ``m`` pixels."""
    return At(x, canvas.horizon + EYE * m, m, FOCAL * canvas.unit / m)


@dataclass(frozen=True)
class RiderStage:
    """A figure behind a board: above it always the same trunk, below it either feet or the wheels it rides on.

    Attributes:
        top: row where the board begins; the region ends there.
        bottom: row where the board ends; the cue begins there.
    """

    classes: ClassVar[tuple[str, str]] = ("person", "rider")
    plan: Plan
    at: At
    who: Figure
    paint: RGB
    parked: At
    parked_facing: int
    parked_paint: RGB
    top: int
    bottom: int
    board: RGB

    def draw_on_ground(self, canvas: Canvas, reading: int) -> None:
        """Nothing."""

    def draw_in_front(self, canvas: Canvas, reading: int) -> None:
        """The parked bicycle, then the figure, then the board over it."""
        at, half = self.at, 1.06 * self.at.m
        canvas.shadow(self.parked.x, self.parked.y, 0.9 * at.m, 0.08 * at.m)
        decoy = canvas.part("bicycle", thing=True, role="decoy")
        actors.draw_bicycle(canvas, self.parked, self.parked_facing, self.parked_paint, decoy)
        canvas.shadow(at.x, at.y, 0.95 * at.m, 0.1 * at.m)
        region = canvas.part(self.classes[reading], thing=True, role="region")
        thing = canvas.parts[region].thing
        legs = canvas.part(self.classes[reading], thing=thing, role="cue")
        with canvas.window(at.x - half, self.bottom, at.x + half, canvas.height):
            if reading:
                wheels = canvas.part("bicycle", thing=True, role="cue")
                actors.draw_bicycle(canvas, at, self.who.facing, self.paint, wheels)
                actors.draw_riding_legs(canvas, at, self.who, legs)
            else:
                actors.draw_walking_legs(canvas, at, self.who, legs)
        with canvas.window(0, 0, canvas.width, self.top):
            actors.draw_upper(canvas, at, self.who, region)
        bounds = (at.x - half, self.top, at.x + half, self.bottom)
        draw_board(canvas, bounds, at.y + 0.03 * at.m, at, self.board)


def stage_rider(canvas: Canvas, rng: np.random.Generator, distance: int) -> RiderStage:
    """A figure at random whose trunk ends ``distance`` pixels above the cue."""
    u = canvas.unit
    m = max(rng.uniform(0.2, 0.235) * u, distance / 1.08)
    span = 1.1 * m
    x = rng.uniform(span, canvas.width - span)
    at = standing(canvas, x, m)
    # The hip shows, unless the cue would then be hidden down to the ground.
    top = round(at.y - max(0.95 * m, distance + 0.26 * m))
    away = [side for side in (-1, 1) if 0.5 * m < x + side * 2.2 * m < canvas.width - 0.5 * m] or [-1, 1]
    side = away[int(rng.integers(len(away)))]
    return RiderStage(
        plan=Plan(nearest=max(at.depth * 1.25, 6.0)),
        at=at,
        who=actors.draw_looks(rng, lean=(0.08, 0.24)),
        paint=pick(rng, light.PAINTS),
        parked=standing(canvas, x + side * rng.uniform(2.0, 2.25) * m, 0.97 * m),
        parked_facing=1 if rng.random() < 0.5 else -1,
        parked_paint=pick(rng, light.PAINTS),
        top=top,
        bottom=top + distance - 1,
        board=pick(rng, light.PAINTS),
    )


@dataclass(frozen=True)
class VehicleStage:
    """A vehicle behind a hoarding: through a hole always the same paint, beyond the hoarding either a car or a bus.

    Attributes:
        hole: columns and rows (left, top, right, bottom) of the region.
        cover: of the hoarding.
        decoy_bus: whether the other vehicle, of the same paint, is a bus; independent of the reading.
    """

    classes: ClassVar[tuple[str, str]] = ("car", "bus")
    plan: Plan
    tail: At
    facing: int
    paint: RGB
    hole: tuple[int, int, int, int]
    cover: tuple[float, float, float, float]
    decoy: At
    decoy_bus: bool
    board: RGB

    def draw_on_ground(self, canvas: Canvas, reading: int) -> None:
        """Nothing."""

    def draw_in_front(self, canvas: Canvas, reading: int) -> None:
        """The other vehicle, then the planted one, the hoarding over it, and the paint seen through the hole."""
        draw = (vehicles.draw_car_across, vehicles.draw_bus_across)
        ahead = self.facing * (vehicles.BUS_LONG if self.decoy_bus else vehicles.CAR_LONG) * self.decoy.m
        canvas.shadow(self.decoy.x + ahead / 2, self.decoy.y, abs(ahead) * 0.52, 0.14 * self.decoy.m)
        other = canvas.part(self.classes[self.decoy_bus], thing=True, role="decoy")
        draw[self.decoy_bus](canvas, self.decoy, self.facing, self.paint, other)
        region = canvas.part(self.classes[reading], thing=True, role="region")
        cue = canvas.part(self.classes[reading], thing=canvas.parts[region].thing, role="cue")
        middle = self.tail.points(self.facing, (2.2, 0.0))[0]
        canvas.shadow(*middle, 2.3 * self.tail.m, 0.16 * self.tail.m)
        draw[reading](canvas, self.tail, self.facing, self.paint, cue)
        draw_board(canvas, self.cover, self.cover[3], self.tail, self.board)
        left, top, right, bottom = self.hole
        frame = 0.06 * self.tail.m
        canvas.box(left - frame, top - frame, right + frame, bottom + frame, canvas.tone(self.board, 5, 0.5), None)
        canvas.box(*self.hole, canvas.tone(self.paint, self.tail.depth), region)
        canvas.box(left, top, right, top + frame, (10, 10, 16), None, 0.35)


def stage_vehicle(canvas: Canvas, rng: np.random.Generator, distance: int) -> VehicleStage:
    """A vehicle at random whose visible paint ends ``distance`` pixels before the cue."""
    u = canvas.unit
    m = max(rng.uniform(0.16, 0.18) * u, distance / 1.6)
    facing = 1 if rng.random() < 0.5 else -1
    start = rng.uniform(0.3, 0.42) * canvas.width
    tail = standing(canvas, start if facing > 0 else canvas.width - start, m)
    (x0, top), (x1, bottom) = tail.points(facing, (1.2, vehicles.PANEL[1]), (2.2, vehicles.PANEL[0]))
    left, right = sorted((round(x0), round(x1)))
    hole = (left, round(top), max(right, left + 4), max(round(bottom), round(top) + 3))
    back = tail.x - facing * 0.3 * m
    reach = hole[2] + distance - 1 if facing > 0 else hole[0] - distance + 1
    ends = sorted((back, reach))
    decoy_bus, small = bool(rng.random() < 0.5), rng.uniform(0.66, 0.74) * m
    long = vehicles.BUS_LONG if decoy_bus else vehicles.CAR_LONG
    return VehicleStage(
        plan=Plan(nearest=11.0),
        tail=tail,
        facing=facing,
        paint=pick(rng, light.PAINTS),
        hole=hole,
        cover=(ends[0], hole[1] - distance + 1, ends[1], tail.y + 0.08 * m),
        decoy=standing(canvas, tail.x - facing * (0.75 * m + long * small), small),
        decoy_bus=decoy_bus,
        board=shaded(pick(rng, light.FACADES), 0.95),
    )
