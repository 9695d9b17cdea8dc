"""From samples to pixels: texture, light and grain, none of which looks beyond its own pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from rsp_lab.data.labels import CITYSCAPES
from rsp_lab.data.scenes.canvas import EYE, FOCAL, Canvas

_GROUND = ("road", "sidewalk", "terrain")
_SMOOTH = ("sky", "road", "sidewalk")
# The two classes of a case have one texture: it must not tell them apart.
_BLOTCHES = {"vegetation": 0.2, "terrain": 0.16, "building": 0.03, "person": 0.06, "rider": 0.06}


@dataclass(frozen=True)
class Fields:
    """Textures of one scene, float32 [y, x]; the same for both readings.

    Attributes:
        ground: roughness of the street in perspective, about -1 to 1.
        blotches: cloudy texture, about -1 to 1.
        grain: of the sensor, grey levels.
        fall_off: brightness towards the corners, a factor.
    """

    ground: np.ndarray
    blotches: np.ndarray
    grain: np.ndarray
    fall_off: np.ndarray


def draw_fields(canvas: Canvas, rng: np.random.Generator) -> Fields:
    """The textures of a scene."""
    height, width, u = canvas.height, canvas.width, canvas.unit
    rows, columns = np.arange(height, dtype=np.float32), np.arange(width, dtype=np.float32)
    below = np.maximum(rows - canvas.horizon, 0.5)
    # As fine as the picture: at any size a grain of asphalt has about a pixel.
    fine, side = max(1.0, u / 300), 512 if u < 600 else 1024
    texture = _cloth(rng, side)
    ahead = (FOCAL * u * EYE / below * 14 * fine).astype(np.int64) % side
    sideways = ((columns - canvas.vanish) * (EYE * 26 * fine / below)[:, None]).astype(np.int64) % side
    ground = texture[ahead[:, None], sideways] * np.minimum(1, 0.35 + below / (0.3 * u))[:, None]
    cell = max(u / 120, 1.0)
    small = rng.integers(0, 256, (int(height / cell) + 1, int(width / cell) + 1), dtype=np.uint8)
    large = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
    blotches = np.asarray(large, dtype=np.float32) / 127.5 - 1
    grain = rng.standard_normal((height, width), dtype=np.float32) * np.float32(2.0)
    radius = ((rows[:, None] / height - 0.5) ** 2 + (columns / width - 0.5) ** 2).astype(np.float32)
    return Fields(ground.astype(np.float32), blotches, grain, 1.03 - 0.28 * radius)


def _cloth(rng: np.random.Generator, side: int) -> np.ndarray:
    """Noise of three sizes, float32 [side, side], about -1 to 1."""
    total = np.zeros((side, side), dtype=np.float32)
    for cells, share in ((16, 0.3), (96, 0.3), (side, 0.4)):
        small = Image.fromarray(rng.integers(0, 256, (cells, cells), dtype=np.uint8))
        total += share * (
            np.asarray(small.resize((side, side), Image.Resampling.BICUBIC), dtype=np.float32) / 127.5 - 1
        )
    return total


def develop(canvas: Canvas, owners: np.ndarray, fields: Fields) -> np.ndarray:
    """The scene's picture, uint8 [y, x, 3].

    Every pixel is a function of its own samples and its own place in the fields: where two canvases agree in a
    pixel's samples, their pictures agree in the pixel.

    Args:
        owners: part numbers, uint8 [y, x].
    """
    names = (*CITYSCAPES.classes, *[""] * (256 - len(CITYSCAPES)))
    class_ids = np.array([part.class_id for part in canvas.parts])
    rough = np.array([0.13 if name in _GROUND else 0.0 for name in names], dtype=np.float32)
    rough[CITYSCAPES.ignore_index] = 0.13
    cloudy = np.array([_BLOTCHES.get(name, 0.0 if name in _SMOOTH else 0.025) for name in names], dtype=np.float32)
    factor = (
        1 + rough[class_ids][owners] * fields.ground + cloudy[class_ids][owners] * fields.blotches
    ) * fields.fall_off
    pixels = np.asarray(canvas.picture.reduce(canvas.samples).point(_CURVE), dtype=np.float32)
    pixels = pixels * factor[:, :, None] + fields.grain[:, :, None]
    return np.clip(pixels, 0, 255).astype(np.uint8)


def _curve() -> list[int]:
    """A soft S over the grey levels, as film has it; once for each channel."""
    x = np.arange(256) / 255
    y = x + 0.12 * np.sin(2 * np.pi * (x - 0.5)) / np.pi
    return [round(v) for v in np.clip(255 * y, 0, 255).tolist()] * 3


_CURVE = _curve()
