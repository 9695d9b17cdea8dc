"""Pictures larger than print are thinned out; overlays stay where they belong."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from rsp_lab.figures.drawing.panels import printable, show_picture


def test_small_pictures_are_left_alone() -> None:
    picture = np.zeros((300, 2400, 3), np.uint8)

    assert printable(picture) is picture


def test_large_pictures_are_averaged_and_labels_are_not() -> None:
    picture = np.zeros((60, 4800, 3), np.uint8)
    picture[::2] = 200

    assert printable(picture).shape == (30, 2400, 3)
    assert set(np.unique(printable(picture))) == {100}
    assert set(np.unique(printable(picture, exact=True))) <= {0, 200}


def test_a_thinned_picture_keeps_the_coordinates_of_the_image() -> None:
    axes = Figure().add_subplot()
    show_picture(axes, np.zeros((60, 4800, 3), np.uint8))

    assert list(axes.images[0].get_extent()) == [-0.5, 4799.5, 59.5, -0.5]
    assert axes.get_xlim() == (-0.5, 4799.5)
