"""Cells that are clearly below 0 are hatched, and no others; the hatch reads without colour."""

from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from rsp_lab.figures.drawing.negative_hatch import hatch_negative, hatch_scale
from rsp_lab.figures.style import plot_style, signed_weight_map

SIZE = (40, 80)


def cell_contrast(values: np.ndarray) -> np.ndarray:
    """Standard deviation of the grey of each cell's middle, by cell."""
    with plot_style():
        figure = Figure(figsize=(7, 2), dpi=150)
        axes = figure.add_axes((0, 0, 1, 1))
        extent = (-0.5, SIZE[1] - 0.5, SIZE[0] - 0.5, -0.5)
        axes.imshow(values, cmap=signed_weight_map(), vmin=-1, vmax=1, extent=extent, aspect="auto")
        hatch_negative(axes, values, 1.0, SIZE)
        axes.set_axis_off()
        content = io.BytesIO()
        figure.savefig(content, format="png")
    grey = np.asarray(Image.open(content).convert("L"), dtype=float)
    rows, columns = (side // n for side, n in zip(grey.shape, values.shape, strict=True))
    # Away from the edges, which the picture's own scaling blurs.
    cells = grey.reshape(values.shape[0], rows, values.shape[1], columns)[:, 9:-9, :, 9:-9]
    found = cells.std((1, 3))
    return found


def test_only_what_is_clearly_below_zero() -> None:
    values = np.array([[-1.0, -0.68, -0.57, -0.53, -0.3, -0.12, -0.05], [1.0, 0.68, 0.57, 0.53, 0.3, 0.12, 0.0]])
    contrast = cell_contrast(values)

    assert (contrast[0, :6] > 8).all()
    assert (contrast[0, 6:] < 1).all()
    assert (contrast[1] < 1).all()


@pytest.mark.parametrize("limit", [0.0, 1.0])
def test_nothing_to_hatch(limit: float) -> None:
    axes = Figure().add_subplot()
    hatch_negative(axes, np.zeros((2, 3)), limit, SIZE)

    assert not axes.patches


def test_of_a_scale_the_lower_half() -> None:
    axes = Figure().add_subplot()
    hatch_scale(axes)
    boxes = [patch.get_bbox() for patch in axes.patches]

    assert min(box.x0 for box in boxes) == 0
    assert 0.4 < max(box.x1 for box in boxes) < 0.5
