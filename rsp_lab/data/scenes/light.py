"""Light of the day and the colours that things come in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RGB = tuple[int, int, int]


@dataclass(frozen=True)
class Light:
    """Colours of the sky and what they do to the street.

    Attributes:
        zenith: colour of the sky at the top.
        low: colour of the sky at the horizon.
        haze: colour that far things fade into.
        tint: factors of red, green and blue.
        sun: -1 where the light comes from the left, 1 from the right.
        shade: brightness of faces turned from the sun.
        clouds: share of the sky under clouds, 0 to 1.
    """

    zenith: RGB
    low: RGB
    haze: RGB
    tint: tuple[float, float, float]
    sun: int
    shade: float
    clouds: float


_DAYS: tuple[tuple[RGB, RGB, RGB, tuple[float, float, float], float, float], ...] = (
    ((72, 124, 196), (198, 219, 236), (188, 204, 220), (1.03, 1.0, 0.96), 0.70, 0.45),
    ((142, 156, 172), (214, 218, 222), (198, 203, 208), (0.93, 0.95, 0.98), 0.88, 1.0),
    ((92, 118, 168), (246, 208, 160), (226, 198, 170), (1.10, 0.98, 0.84), 0.64, 0.6),
    ((104, 148, 200), (226, 228, 224), (214, 218, 216), (1.0, 1.0, 0.98), 0.76, 0.7),
    ((74, 88, 128), (222, 176, 164), (178, 160, 170), (0.94, 0.88, 0.92), 0.72, 0.8),
)

FACADES: tuple[RGB, ...] = (
    (172, 112, 88),
    (206, 188, 158),
    (146, 138, 130),
    (222, 208, 184),
    (158, 88, 70),
    (198, 164, 120),
    (128, 132, 142),
    (214, 182, 160),
)
PAINTS: tuple[RGB, ...] = (
    (168, 34, 36),
    (40, 68, 132),
    (222, 222, 218),
    (52, 54, 60),
    (208, 160, 44),
    (128, 134, 140),
    (42, 104, 84),
    (186, 92, 40),
)
CLOTHES: tuple[RGB, ...] = (
    (58, 70, 108),
    (152, 44, 50),
    (56, 96, 78),
    (204, 192, 170),
    (44, 44, 50),
    (212, 138, 50),
    (96, 70, 112),
    (88, 128, 160),
)
TROUSERS: tuple[RGB, ...] = ((44, 52, 78), (56, 54, 54), (104, 92, 76), (36, 38, 46))
SKINS: tuple[RGB, ...] = ((226, 182, 152), (196, 146, 112), (146, 100, 72), (100, 68, 50))
HAIRS: tuple[RGB, ...] = ((46, 34, 28), (24, 22, 22), (120, 84, 48), (150, 146, 140))
LEAVES: tuple[RGB, ...] = ((70, 108, 50), (92, 122, 52), (56, 94, 60), (128, 122, 48))
STEEL: RGB = (104, 108, 112)
RUBBER: RGB = (28, 28, 31)
GLASS: RGB = (58, 72, 86)


def draw_light(rng: np.random.Generator) -> Light:
    """A day at random."""
    zenith, low, haze, tint, shade, clouds = _DAYS[int(rng.integers(len(_DAYS)))]
    return Light(zenith, low, haze, tint, 1 if rng.random() < 0.5 else -1, shade, clouds)


def pick(rng: np.random.Generator, colours: tuple[RGB, ...]) -> RGB:
    """One of the colours, a little brighter or darker."""
    return shaded(colours[int(rng.integers(len(colours)))], rng.uniform(0.86, 1.1))


def shaded(rgb: RGB, factor: float) -> RGB:
    """Brighter above 1, darker below."""
    red, green, blue = rgb
    return _byte(red * factor), _byte(green * factor), _byte(blue * factor)


def mixed(first: RGB, second: RGB, share: float) -> RGB:
    """``share`` of the second colour in the first."""
    red, green, blue = first
    to_red, to_green, to_blue = second
    return (
        _byte(red + (to_red - red) * share),
        _byte(green + (to_green - green) * share),
        _byte(blue + (to_blue - blue) * share),
    )


def _byte(value: float) -> int:
    whole = round(value)
    return 0 if whole < 0 else 255 if whole > 255 else whole
