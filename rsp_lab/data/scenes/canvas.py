"""A supersampled picture and, drawn with it, which part owns every sample; projection of a flat street."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw

from rsp_lab.data.labels import CITYSCAPES
from rsp_lab.data.scenes.light import RGB, Light, mixed, shaded

Points = Sequence[tuple[float, float]]
Role = Literal["", "region", "cue", "decoy"]

EYE = 1.6
"""Height of the camera above the street, metres."""
FOCAL = 0.9
"""Focal length in units of the picture's scale."""
VOID = "void"


@dataclass(frozen=True)
class Part:
    """What a sample can belong to.

    Attributes:
        class_id: train id, 255 where no class is claimed.
        thing: number of the object it is of, from 1; 0 for stuff. Parts of one object share it.
        role: of the part in a ambiguity; empty for the rest.
    """

    class_id: int
    thing: int
    role: Role


@dataclass
class Canvas:
    """Two pictures of one size, ``samples`` times finer than the scene: colours, and numbers of parts.

    Coordinates are pixels of the scene, (x, y), real numbers.

    Attributes:
        height: rows of the scene.
        width: columns of the scene.
        samples: samples a pixel along each axis.
        light: of the day.
        horizon: row of the horizon.
        vanish: column of the vanishing point.
    """

    height: int
    width: int
    samples: int
    light: Light
    horizon: float
    vanish: float
    parts: list[Part] = field(default_factory=lambda: [Part(CITYSCAPES.index("sky"), 0, "")])

    def __post_init__(self) -> None:
        size = (self.width * self.samples, self.height * self.samples)
        self._take(Image.new("RGB", size), Image.new("L", size, 0))

    def _take(self, picture: Image.Image, owner: Image.Image) -> None:
        self.picture, self.owner = picture, owner
        self._brush, self._pen = ImageDraw.Draw(picture, "RGBA"), ImageDraw.Draw(owner)

    @cached_property
    def unit(self) -> float:
        """The scale of what is planted: the height, or half the width of a narrow picture."""
        return min(float(self.height), self.width / 2)

    def copy(self) -> Canvas:
        """An independent canvas of the same content."""
        twin = Canvas(
            self.height, self.width, self.samples, self.light, self.horizon, self.vanish, parts=list(self.parts)
        )
        twin._take(self.picture.copy(), self.owner.copy())
        return twin

    def part(self, name: str, *, thing: bool | int = False, role: Role = "") -> int:
        """A new part's number, to draw with.

        Args:
            name: class name, or :data:`VOID`.
            thing: True for a new object, or the number of the object it belongs to.
            role: of the part in an ambiguity.
        """
        if len(self.parts) > 255:
            raise ValueError("a scene holds at most 255 parts; draw fewer things.")
        number = max(part.thing for part in self.parts) + 1 if thing is True else int(thing)
        class_id = CITYSCAPES.ignore_index if name == VOID else CITYSCAPES.index(name)
        self.parts.append(Part(class_id, number, role))
        return len(self.parts) - 1

    def polygon(self, points: Points, rgb: RGB | None, part: int | None, alpha: float = 1.0) -> None:
        """A filled polygon. Without a part it marks what is there; without a colour it only claims it."""
        scaled = [(x * self.samples, y * self.samples) for x, y in points]
        if rgb is not None:
            self._brush.polygon(scaled, fill=(*rgb, round(255 * alpha)))
        if part is not None:
            self._pen.polygon(scaled, fill=part)

    def box(
        self, left: float, top: float, right: float, bottom: float, rgb: RGB | None, part: int | None, alpha: float = 1
    ) -> None:
        """An upright rectangle."""
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], rgb, part, alpha)

    def disc(
        self, x: float, y: float, rx: float, ry: float, rgb: RGB | None, part: int | None, alpha: float = 1.0
    ) -> None:
        """A filled ellipse around (x, y)."""
        bounds = tuple(v * self.samples for v in (x - rx, y - ry, x + rx, y + ry))
        if rgb is not None:
            self._brush.ellipse(bounds, fill=(*rgb, round(255 * alpha)))
        if part is not None:
            self._pen.ellipse(bounds, fill=part)

    def ring(self, x: float, y: float, radius: float, stroke: float, rgb: RGB, part: int | None) -> None:
        """A circle's outline, ``stroke`` pixels thick; what it encloses stays."""
        s = self.samples
        bounds = ((x - radius) * s, (y - radius) * s, (x + radius) * s, (y + radius) * s)
        thick = max(1, round(stroke * s))
        self._brush.ellipse(bounds, outline=(*rgb, 255), width=thick)
        if part is not None:
            self._pen.ellipse(bounds, outline=part, width=thick)

    def limb(self, points: Points, stroke: float, rgb: RGB, part: int | None) -> None:
        """A line with round ends and joints, ``stroke`` pixels thick but at least one sample."""
        s = self.samples
        thick = max(1, round(stroke * s))
        scaled = [(x * s, y * s) for x, y in points]
        self._brush.line(scaled, fill=(*rgb, 255), width=thick)
        if part is not None:
            self._pen.line(scaled, fill=part, width=thick)
        if thick > 2:
            for x, y in points:
                self.disc(x, y, stroke / 2, stroke / 2, rgb, part)

    def fill(self, mask: np.ndarray, rgb: RGB, part: int) -> None:
        """Whole pixels under a mask, bool [y, x]."""
        fine = Image.fromarray(mask).resize(self.picture.size, Image.Resampling.NEAREST)
        self.picture.paste(rgb, (0, 0), fine)
        self.owner.paste(part, (0, 0), fine)

    @contextmanager
    def window(self, left: float, top: float, right: float, bottom: float) -> Iterator[None]:
        """Only what is drawn inside this rectangle, rounded outwards to pixels, remains."""
        s = self.samples
        x0, y0 = (max(0, math.floor(v)) * s for v in (left, top))
        x1, y1 = min(self.width, math.ceil(right)) * s, min(self.height, math.ceil(bottom)) * s
        before = self.picture.copy(), self.owner.copy()
        yield
        if x1 > x0 and y1 > y0:
            for old, new in zip(before, (self.picture, self.owner), strict=True):
                old.paste(new.crop((x0, y0, x1, y1)), (x0, y0))
        self._take(*before)

    def project(self, side: float, up: float, depth: float) -> tuple[float, float]:
        """Pixel (x, y) of a point ``side`` metres right of the camera, ``up`` above the street, ``depth`` away."""
        metre = FOCAL * self.unit / depth
        return self.vanish + side * metre, self.horizon + (EYE - up) * metre

    def metre(self, depth: float) -> float:
        """Pixels a metre at this depth."""
        return FOCAL * self.unit / depth

    def tone(self, rgb: RGB, depth: float, factor: float = 1.0) -> RGB:
        """A colour in the light of the day, as the haze lets it through from ``depth`` metres."""
        (red, green, blue), (warm, even, cold) = shaded(rgb, factor), self.light.tint
        lit = round(red * warm), round(green * even), round(blue * cold)
        return mixed(lit, self.light.haze, 1 - math.exp(-depth / 95))

    def shadow(self, x: float, y: float, rx: float, ry: float, strength: float = 0.45) -> None:
        """A soft dark spot on the ground, in three steps."""
        for grow in (1.0, 0.8, 0.6):
            self.disc(x, y, rx * grow, ry * grow, (12, 12, 20), None, strength / 3)

    def owners(self) -> np.ndarray:
        """Part numbers of the samples, uint8 [y * samples, x * samples]."""
        return np.asarray(self.owner)
