"""Levels can be told apart by everybody, in their order, on paper and on screen."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest

from rsp_lab.data.panoptic.categories import STREET_PANOPTIC, Category
from rsp_lab.palette import LEVEL_COLOURS, LEVEL_DASHES, instance_shade

# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
VISION = {
    "normal": np.eye(3),
    "protan": np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
    "deutan": np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
    "tritan": np.array([[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]]),
}
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(colour: str) -> np.ndarray:
    values = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    xyz = XYZ @ rgb.clip(0, 1) / np.array([0.9505, 1.0, 1.089])
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("vision", VISION)
def test_any_two_levels_are_told_apart(vision: str) -> None:
    places = [lab(VISION[vision] @ linear(colour)) for colour in LEVEL_COLOURS.values()]

    assert min(np.linalg.norm(a - b) for a, b in combinations(places, 2)) > 24


def test_lightness_rises_from_level_7_to_level_3() -> None:
    lightness = [lab(linear(LEVEL_COLOURS[level]))[0] for level in (7, 6, 5, 4, 3)]

    assert np.diff(lightness).min() > 5


def test_every_level_has_a_dash_pattern_of_its_own() -> None:
    assert list(LEVEL_COLOURS) == list(LEVEL_DASHES) == [7, 6, 5, 4, 3]
    assert len(set(LEVEL_DASHES.values())) == 5


def shades_of(colour: tuple[int, int, int]) -> list[tuple[int, int, int]]:
    return [instance_shade(colour, number) for number in range(7)]


def test_instances_of_a_class_have_its_hue_and_neighbours_another_lightness() -> None:
    shades = shades_of((0, 0, 142))

    assert shades[0] == (0, 0, 142)
    assert all(red == green < blue for red, green, blue in shades)
    assert all(one != other for one, other in pairwise(shades))
    assert len(set(shades_of((0, 0, 0)))) == len(set(shades_of((255, 255, 255)))) == 3


@pytest.mark.parametrize(("one", "other"), [*combinations(STREET_PANOPTIC.things, 2)], ids=lambda thing: thing.name)
def test_no_instance_has_the_colour_of_another_class(one: Category, other: Category) -> None:
    seen = [
        [lab(linear("#{:02x}{:02x}{:02x}".format(*shade))) for shade in shades_of(thing.colour)]
        for thing in (one, other)
    ]

    assert min(float(np.linalg.norm(mine - theirs)) for mine in seen[0] for theirs in seen[1]) > 10
