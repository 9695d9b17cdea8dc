"""The case of road and pavement: one asphalt, and a kerb that ends where a shared plate begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from rsp_lab.data.scenes import actors
from rsp_lab.data.scenes.actors import At, Figure
from rsp_lab.data.scenes.canvas import EYE, FOCAL, VOID, Canvas
from rsp_lab.data.scenes.difficulty import Difficulty
from rsp_lab.data.scenes.layout import KERB, SLABS, STONE, Plan, draw_kerb, ground_strip

NEAR_LINE, FAR_LINE = 1.2, 3.4
"""Metres from the middle of the street to the two lines along which the kerb may run."""


@dataclass(frozen=True)
class KerbStage:
    """A strip of asphalt between two lines; beyond a plate, a kerb on either of them says whose it is.

    Rows are counted below the horizon.

    Attributes:
        side: of the street, -1 or 1.
        cue_end: row where the kerb ends.
        region_start: row where the region begins.
        region_end: row where it ends and more of the plate begins; None where it goes on to the picture's edge.
        crowd: who stands in the way, far ones first.
        stripes: metres from the middle of the street to painted lines that look like kerbs.
    """

    classes: ClassVar[tuple[str, str]] = ("road", "sidewalk")
    plan: Plan
    side: int
    cue_end: float
    region_start: float
    region_end: float | None
    crowd: tuple[tuple[At, Figure], ...]
    stripes: tuple[float, ...]

    def draw_on_ground(self, canvas: Canvas, reading: int) -> None:
        """The strip, the plate, the kerb in its place, and the painted line."""
        side, bottom = self.side, canvas.height - canvas.horizon + 2
        far = (0.012 * canvas.unit, self.cue_end)

        def strip(
            start: float, end: float, rows: tuple[float, float], rgb: tuple[int, int, int] | None, part: int | None
        ) -> None:
            ground_strip(canvas, side * start, side * end, rows, rgb, part)

        strip(FAR_LINE, KERB, (far[0], bottom), None, canvas.part("sidewalk"))
        strip(NEAR_LINE, FAR_LINE, (self.cue_end, self.region_start), canvas.tone(SLABS, 9, 0.92), canvas.part(VOID))
        if self.region_start - self.cue_end > 3:
            for line in np.linspace(NEAR_LINE, FAR_LINE, 6):
                strip(line, line + 0.04, (self.cue_end, self.region_start), canvas.tone(SLABS, 9, 0.74), None)
        strip(NEAR_LINE, FAR_LINE, (self.region_start, bottom), None, canvas.part(self.classes[reading], role="region"))
        if self.region_end is not None:
            strip(NEAR_LINE, FAR_LINE, (self.region_end, bottom), canvas.tone(SLABS, 9, 0.92), canvas.part(VOID))
        for stripe in self.stripes:
            painted = canvas.part("road" if stripe < NEAR_LINE else "sidewalk", role="decoy")
            strip(stripe, stripe + 0.17, (self.region_start, bottom), canvas.tone(STONE, 9, 0.98), painted)
        strip(NEAR_LINE, FAR_LINE, far, None, canvas.part(self.classes[reading], role="cue"))
        line = NEAR_LINE if reading else FAR_LINE
        draw_kerb(canvas, side * line, side, far, canvas.part("sidewalk", role="cue"))

    def draw_in_front(self, canvas: Canvas, reading: int) -> None:
        """The crowd."""
        for at, who in self.crowd:
            actors.draw_person(canvas, at, who, canvas.part("person", thing=True))


def stage_kerb(
    canvas: Canvas, rng: np.random.Generator, distance: int, difficulty: Difficulty, extra: np.random.Generator
) -> KerbStage:
    """A strip at random whose kerb ends ``distance`` pixels above the region."""
    u = canvas.unit
    side = -1 if canvas.vanish > canvas.width / 2 else 1
    # On whole rows, so that no pixel is shared by region, plate and kerb.
    cue_end = round(canvas.horizon + 0.15 * u) - canvas.horizon
    region_start = cue_end + distance
    share, rows = difficulty.region_share, canvas.height - canvas.horizon - region_start
    crowd = _gather(canvas, rng, side, cue_end, region_start, 7)
    stripes = _stripes(rng.random() < 0.5, difficulty.decoy_gap)[: difficulty.decoys]
    if difficulty.figures > 1:
        crowd += _gather(canvas, extra, side, cue_end, region_start, 7 * (difficulty.figures - 1), crowd)
    return KerbStage(
        plan=Plan(nearest=6.5, open_side=side),
        side=side,
        cue_end=cue_end,
        region_start=region_start,
        region_end=None if share == 1 else region_start + max(3, round(share * rows)),
        crowd=tuple(sorted(crowd, key=lambda person: -person[0].depth)),
        stripes=stripes,
    )


def _stripes(near: bool, gap: float) -> tuple[float, ...]:
    """Where lines may be painted beside the strip; the first one on the side that a coin decides."""
    sides = (NEAR_LINE - 0.6 * gap, FAR_LINE + 0.45 * gap)
    more = (NEAR_LINE - 0.6 * gap - 0.45, FAR_LINE + 0.45 * gap + 0.45)
    return (*sides, *more) if near else (*sides[::-1], *more[::-1])


def _gather(
    canvas: Canvas,
    rng: np.random.Generator,
    side: int,
    cue_end: float,
    region_start: float,
    most: int,
    there: tuple[tuple[At, Figure], ...] = (),
) -> tuple[tuple[At, Figure], ...]:
    """Up to ``most`` people who, with those that are there, leave half of the columns of either line to be seen."""
    lines = [np.linspace(0.35, 1.0, 40) * line * cue_end / EYE for line in (NEAR_LINE, FAR_LINE)]
    hidden = [np.zeros(40, dtype=bool) for _ in lines]
    for at, _ in there:
        offset = abs(at.x - canvas.vanish)
        hidden = [old | (np.abs(columns - offset) < 0.3 * at.m) for old, columns in zip(hidden, lines, strict=True)]
    crowd: list[tuple[At, Figure]] = []
    for _ in range(16 if most <= 7 else 3 * most):
        row = rng.uniform(1.04 * cue_end, max(region_start, 1.6 * cue_end) + 0.1 * canvas.unit)
        m, offset = row / EYE, rng.uniform(NEAR_LINE - 0.2, FAR_LINE + 2.4)
        who = actors.draw_looks(rng)
        covered = [old | (np.abs(columns - offset * m) < 0.3 * m) for old, columns in zip(hidden, lines, strict=True)]
        if len(crowd) < most and all(mask.mean() <= 0.5 for mask in covered):
            hidden = covered
            x = canvas.vanish + side * offset * m
            crowd.append((At(x, canvas.horizon + row, m, FOCAL * canvas.unit / m), who))
    return tuple(crowd)
