"""The cases: what both readings share, and what the cue is in each.

A stage is made once from a seed; then it is drawn once for each reading. Whatever is random is drawn by the maker,
so that two readings can differ only where the code below asks for the reading.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np

from rsp_lab.data.scenes import actors, light, vehicles
from rsp_lab.data.scenes.actors import At, Figure
from rsp_lab.data.scenes.board import draw_board
from rsp_lab.data.scenes.canvas import EYE, FOCAL, Canvas, Role
from rsp_lab.data.scenes.difficulty import Difficulty
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
        covered: row down to which a second board hides the figure from above; None for no such board.
        parked: bicycles that are there in both readings.
        others: figures like this one, each with the reading it has.
    """

    classes: ClassVar[tuple[str, str]] = ("person", "rider")
    plan: Plan
    at: At
    who: Figure
    paint: RGB
    parked: tuple[tuple[At, int, RGB], ...]
    top: int
    bottom: int
    covered: int | None
    board: RGB
    others: tuple[tuple[RiderStage, int], ...] = ()

    def draw_on_ground(self, canvas: Canvas, reading: int) -> None:
        """Nothing."""

    def draw_in_front(self, canvas: Canvas, reading: int) -> None:
        """The other figures and the parked bicycles, then the figure, then the boards over it."""
        for other, own in self.others:
            other.draw_figure(canvas, own, "decoy", "decoy")
        for parked, facing, paint in self.parked:
            canvas.shadow(parked.x, parked.y, 0.9 * self.at.m, 0.08 * self.at.m)
            decoy = canvas.part("bicycle", thing=True, role="decoy")
            actors.draw_bicycle(canvas, parked, facing, paint, decoy)
        self.draw_figure(canvas, reading, "region", "cue")

    def draw_figure(self, canvas: Canvas, reading: int, above: Role, below: Role) -> None:
        """The figure and its boards, in these roles above and below the board."""
        at, half = self.at, 1.06 * self.at.m
        canvas.shadow(at.x, at.y, 0.95 * at.m, 0.1 * at.m)
        region = canvas.part(self.classes[reading], thing=True, role=above)
        thing = canvas.parts[region].thing
        legs = canvas.part(self.classes[reading], thing=thing, role=below)
        with canvas.window(at.x - half, self.bottom, at.x + half, canvas.height):
            if reading:
                wheels = canvas.part("bicycle", thing=True, role=below)
                actors.draw_bicycle(canvas, at, self.who.facing, self.paint, wheels)
                actors.draw_riding_legs(canvas, at, self.who, legs)
            else:
                actors.draw_walking_legs(canvas, at, self.who, legs)
        with canvas.window(0, 0, canvas.width, self.top):
            actors.draw_upper(canvas, at, self.who, region)
        bounds = (at.x - half, self.top, at.x + half, self.bottom)
        draw_board(canvas, bounds, at.y + 0.03 * at.m, at, self.board)
        if self.covered is not None:
            above_head = (at.x - half, crown(at), at.x + half, self.covered)
            draw_board(canvas, above_head, self.covered, at, self.board)


def crown(at: At) -> int:
    """The row above the head of a figure."""
    return math.floor(at.y - (actors.TALL + 0.04) * at.m)


def stage_rider(
    canvas: Canvas, rng: np.random.Generator, distance: int, difficulty: Difficulty, extra: np.random.Generator
) -> RiderStage:
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
    who, paint = actors.draw_looks(rng, lean=(0.08, 0.24)), pick(rng, light.PAINTS)
    parked = [_parked(canvas, rng, x + side * rng.uniform(2.0, 2.25) * difficulty.decoy_gap * m, 0.97 * m)]
    return RiderStage(
        plan=Plan(nearest=max(at.depth * 1.25, 6.0)),
        at=at,
        who=who,
        paint=paint,
        parked=tuple((parked + _more_parked(canvas, extra, x, side, m, difficulty))[: difficulty.decoys]),
        top=top,
        bottom=top + distance - 1,
        covered=_covered(at, top, difficulty.region_share),
        board=pick(rng, light.PAINTS),
        others=_more_figures(canvas, extra, x, m, distance, difficulty),
    )


def _covered(at: At, top: int, share: float) -> int | None:
    return None if share == 1 else min(top - 3, round(top - share * (top - crown(at))))


def _parked(canvas: Canvas, rng: np.random.Generator, x: float, m: float) -> tuple[At, int, RGB]:
    return standing(canvas, x, m), 1 if rng.random() < 0.5 else -1, pick(rng, light.PAINTS)


def _more_parked(
    canvas: Canvas, rng: np.random.Generator, x: float, side: int, m: float, difficulty: Difficulty
) -> list[tuple[At, int, RGB]]:
    """Parked bicycles beside the first, on either side, a little farther from figure and camera each."""
    gap = difficulty.decoy_gap * m
    places = [(x + way * side * (2.1 + 1.3 * row) * gap, row) for row in range(4) for way in (-1, 1)]
    room = [(column, row) for column, row in places[:1] + places[2:] if 0.4 * m < column < canvas.width - 0.4 * m]
    return [_parked(canvas, rng, column, (0.95 - 0.05 * row) * m) for column, row in room]


def _more_figures(
    canvas: Canvas, rng: np.random.Generator, x: float, m: float, distance: int, difficulty: Difficulty
) -> tuple[tuple[RiderStage, int], ...]:
    """Figures behind boards of their own beside the planted one, each with a fair coin as its reading."""
    places = [x + way * (2.2 + 2.2 * row) * m for row in range(4) for way in (-1, 1)]
    room = [column for column in places if 0.5 * m < column < canvas.width - 0.5 * m]
    figures = []
    for column in room[: difficulty.figures - 1]:
        at = standing(canvas, column, rng.uniform(0.92, 1.0) * m)
        top = round(at.y - max(0.95 * at.m, distance + 0.26 * at.m))
        looks, paint = actors.draw_looks(rng, lean=(0.08, 0.24)), pick(rng, light.PAINTS)
        board, reading = pick(rng, light.PAINTS), int(rng.integers(2))
        stage = RiderStage(Plan(6.0), at, looks, paint, (), top, top + distance - 1, None, board)
        figures.append((stage, reading))
    return tuple(figures)


@dataclass(frozen=True)
class VehicleStage:
    """A vehicle behind a hoarding: through a hole always the same paint, beyond the hoarding either a car or a bus.

    Attributes:
        hole: columns and rows (left, top, right, bottom) of the region.
        cover: of the hoarding.
        decoys: other vehicles of the same paint, far ones first, and whether each is a bus; independent of the reading.
        others: vehicles like this one, each with the reading it has.
    """

    classes: ClassVar[tuple[str, str]] = ("car", "bus")
    plan: Plan
    tail: At
    facing: int
    paint: RGB
    hole: tuple[int, int, int, int]
    cover: tuple[float, float, float, float]
    decoys: tuple[tuple[At, bool], ...]
    board: RGB
    others: tuple[tuple[VehicleStage, int], ...] = ()

    def draw_on_ground(self, canvas: Canvas, reading: int) -> None:
        """Nothing."""

    def draw_in_front(self, canvas: Canvas, reading: int) -> None:
        """The other vehicles, then the planted one, the hoarding over it, and the paint seen through the hole."""
        for stage, own in self.others:
            stage.draw_vehicle(canvas, own, "decoy", "decoy")
        for place, bus in self.decoys:
            ahead = self.facing * (vehicles.BUS_LONG if bus else vehicles.CAR_LONG) * place.m
            canvas.shadow(place.x + ahead / 2, place.y, abs(ahead) * 0.52, 0.14 * place.m)
            other = canvas.part(self.classes[bus], thing=True, role="decoy")
            _ACROSS[bus](canvas, place, self.facing, self.paint, other)
        self.draw_vehicle(canvas, reading, "region", "cue")

    def draw_vehicle(self, canvas: Canvas, reading: int, through: Role, beyond: Role) -> None:
        """The vehicle and its hoarding, in these roles through the hole and beyond the hoarding."""
        region = canvas.part(self.classes[reading], thing=True, role=through)
        cue = canvas.part(self.classes[reading], thing=canvas.parts[region].thing, role=beyond)
        middle = self.tail.points(self.facing, (2.2, 0.0))[0]
        canvas.shadow(*middle, 2.3 * self.tail.m, 0.16 * self.tail.m)
        _ACROSS[reading](canvas, self.tail, self.facing, self.paint, cue)
        draw_board(canvas, self.cover, self.cover[3], self.tail, self.board)
        left, top, right, bottom = self.hole
        frame = 0.06 * self.tail.m
        canvas.box(left - frame, top - frame, right + frame, bottom + frame, canvas.tone(self.board, 5, 0.5), None)
        canvas.box(*self.hole, canvas.tone(self.paint, self.tail.depth), region)
        canvas.box(left, top, right, top + frame, (10, 10, 16), None, 0.35)


_ACROSS = (vehicles.draw_car_across, vehicles.draw_bus_across)


def stage_vehicle(
    canvas: Canvas, rng: np.random.Generator, distance: int, difficulty: Difficulty, extra: np.random.Generator
) -> VehicleStage:
    """A vehicle at random whose visible paint ends ``distance`` pixels before the cue."""
    u = canvas.unit
    m = max(rng.uniform(0.16, 0.18) * u, distance / 1.6)
    facing = 1 if rng.random() < 0.5 else -1
    start = rng.uniform(0.3, 0.42) * canvas.width
    tail = standing(canvas, start if facing > 0 else canvas.width - start, m)
    hole, cover = _hoarding(tail, facing, distance, difficulty.region_share)
    decoy_bus, small = bool(rng.random() < 0.5), rng.uniform(0.66, 0.74) * m
    gap = 0.75 * difficulty.decoy_gap * m
    behind = tail.x - facing * (gap + (vehicles.BUS_LONG if decoy_bus else vehicles.CAR_LONG) * small)
    first = (standing(canvas, behind, small), decoy_bus)
    return VehicleStage(
        plan=Plan(nearest=11.0),
        tail=tail,
        facing=facing,
        paint=pick(rng, light.PAINTS),
        hole=hole,
        cover=cover,
        decoys=tuple(reversed([first, *_more_vehicles(canvas, extra, small, difficulty)][: difficulty.decoys])),
        board=shaded(pick(rng, light.FACADES), 0.95),
        others=_more_hoardings(canvas, extra, tail, facing, distance, difficulty),
    )


def _hoarding(
    tail: At, facing: int, distance: int, share: float
) -> tuple[tuple[int, int, int, int], tuple[float, float, float, float]]:
    """Hole and cover of a vehicle's hoarding; of the hole, ``share`` of the columns, on the cue's side."""
    m = tail.m
    (x0, top), (x1, bottom) = tail.points(facing, (1.2, vehicles.PANEL[1]), (2.2, vehicles.PANEL[0]))
    left, right = sorted((round(x0), round(x1)))
    hole = (left, round(top), max(right, left + 4), max(round(bottom), round(top) + 3))
    back = tail.x - facing * 0.3 * m
    reach = hole[2] + distance - 1 if facing > 0 else hole[0] - distance + 1
    ends = sorted((back, reach))
    cover = (ends[0], hole[1] - distance + 1, ends[1], tail.y + 0.08 * m)
    if share < 1:
        wide = max(3, round(share * (hole[2] - hole[0])))
        kept = (hole[2] - wide, hole[2]) if facing > 0 else (hole[0], hole[0] + wide)
        hole = (kept[0], hole[1], kept[1], hole[3])
    return hole, cover


def _more_vehicles(canvas: Canvas, rng: np.random.Generator, m: float, difficulty: Difficulty) -> list[tuple[At, bool]]:
    """Vehicles of the same paint farther away, anywhere along the street."""
    found = []
    for row in range(1, difficulty.decoys):
        bus, x = bool(rng.random() < 0.5), rng.uniform(0.05, 0.95) * canvas.width
        found.append((standing(canvas, x, m * 0.85**row), bus))
    return found


def _more_hoardings(
    canvas: Canvas, rng: np.random.Generator, planted: At, facing: int, distance: int, difficulty: Difficulty
) -> tuple[tuple[VehicleStage, int], ...]:
    """Vehicles behind hoardings of their own, farther away, each with a fair coin as its reading."""
    others, m = [], planted.m
    for row in range(1, difficulty.figures):
        columns = rng.uniform(0.05, 0.95, 8) * canvas.width
        clear = columns[np.abs(columns - planted.x) > 3 * m]
        tail = standing(canvas, float([*clear, columns[0]][0]), m * 0.8**row)
        hole, cover = _hoarding(tail, facing, max(2, round(distance * 0.8**row)), 1.0)
        paint, board = pick(rng, light.PAINTS), shaded(pick(rng, light.FACADES), 0.95)
        stage = VehicleStage(Plan(11.0), tail, facing, paint, hole, cover, (), board)
        others.append((stage, int(rng.integers(2))))
    return tuple(reversed(others))
