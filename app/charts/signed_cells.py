"""Signed cells on the photograph: red for, blue and hatched against, nothing where nothing is contributed."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from app.charts.chart import Chart
from app.charts.negative_hatch import hatch_colours, hatch_negative
from app.charts.on_image import picture_uri
from app.shell.text import escape
from rsp_lab.analysis.ledger.footprint import footprint_shares
from rsp_lab.shapes import cell_to_pixel

# Red and blue by their own alpha: what contributes nothing leaves the photograph as it is.
AGAINST, FOR = "42,110,196", "200,48,34"
# Opacity of a contribution just above 0, and of one at the end of the scale.
FAINT, FULL = 0.04, 0.96
# A map keeps its colours where a few cells are far out; the scale then says so.
_SHARE = 0.99
# Of the largest contribution of a level: what is less does not set the scale.
_SEEN = 1e-3
FINEST = 4
SIDE = 800
# End of the scale of maps without any value.
TINY = float(np.finfo(np.float32).tiny)


def in_fine_cells(whole: Tensor) -> Tensor:
    """A map (y, x) of pixels in cells of 4 x 4 of them; the sum is preserved."""
    # Each pixel gives to the cell that covers it; where 4 divides the sides this is a plain sum.
    rows, columns = (_gathering(-(-side // FINEST), side).to(whole) for side in whole.shape)
    return rows @ whole @ columns.T


def _gathering(cells: int, pixels: int) -> Tensor:
    """(cells, pixels): the share of each pixel that lies under each cell; columns sum to 1."""
    shares = footprint_shares(cells, pixels)
    return shares / shares.sum(0, keepdim=True)


def signed_colours() -> list[list[Any]]:
    """Blue below 0, nothing at 0, red above."""
    return [
        [0.0, f"rgba({AGAINST},{FULL})"],
        [0.5, f"rgba({AGAINST},{FAINT})"],
        [0.5, f"rgba({FOR},{FAINT})"],
        [1.0, f"rgba({FOR},{FULL})"],
    ]


def scale_of(maps: list[Tensor]) -> tuple[float, float]:
    """End of one scale for maps that are compared, and the largest magnitude, which may lie beyond it."""
    sizes = torch.cat([values.abs().flatten() for values in maps]) if maps else torch.zeros(1)
    sizes = sizes[sizes > _SEEN * sizes.max()] if sizes.max() > 0 else sizes
    end, most = float(sizes.quantile(_SHARE)), float(sizes.max())
    return max(end, TINY), most


def nonzero_part(values: np.ndarray) -> tuple[int, int, np.ndarray]:
    """(top, left) and the smallest rectangle of cells with all that are not 0, in single precision; some must be."""
    rows, columns = (np.flatnonzero((values != 0).any(axis)) for axis in (1, 0))
    top, left = int(rows[0]), int(columns[0])
    return top, left, values[top : rows[-1] + 1, left : columns[-1] + 1].astype(np.float32)


def add_signed_cells(
    chart: Chart, values: Tensor, size: tuple[int, int], end: float, unit: str, *, most: int | None = None
) -> None:
    """A map (v, u) of cells at their place, cut to those that are not 0, which is lossless: 0 has no colour.

    Args:
        most: see :func:`~rsp_lab.negative_cells.negative_boxes`.
    """
    found = values.detach().cpu().double().numpy()
    height, width = found.shape
    top, left, part = nonzero_part(found)
    part[part == 0] = np.nan
    cells = np.stack(np.meshgrid(*(np.arange(n) for n in part.shape), indexing="ij"), -1) + np.array((top, left))
    chart.add(
        {
            "type": "heatmap",
            "z": part,
            "x0": cell_to_pixel(left, width, size[1]),
            "dx": size[1] / width,
            "y0": cell_to_pixel(top, height, size[0]),
            "dy": size[0] / height,
            "zmin": -end,
            "zmax": end,
            "colorscale": signed_colours(),
            "showscale": False,
            "hoverongaps": False,
            "customdata": cells.astype(np.int16),
            "hovertemplate": (
                f"%{{z:+.3g}} {unit}<br>cell y %{{customdata[0]}}, x %{{customdata[1]}}"
                "<br>around pixel y %{y:.0f}, x %{x:.0f}<extra></extra>"
            ),
        }
    )
    hatch_negative(chart, found, size, end, most=most)


def grey_uri(image: Tensor, dark: bool, side: int = SIDE) -> str:
    """The photograph without colour, so that red and blue are the contributions' alone."""
    red, green, blue = image.float()
    grey = 0.299 * red + 0.587 * green + 0.114 * blue
    grey = 0.75 * grey + (0 if dark else 62)
    drawn = Image.fromarray(grey.clamp(0, 255).byte().numpy())
    drawn.thumbnail((side, side))
    return picture_uri(np.asarray(drawn.convert("RGB")), "JPEG")


def signed_scale_html(end: float, most: float, unit: str, words: str, chips: str = "") -> str:
    """The one scale of maps that are compared, printed; ``most`` is the largest magnitude, ``chips`` their legend."""
    beyond = f"; the largest is ±{most:.3g}" if most > 1.05 * end else ""
    pale, strong = hatch_colours()
    return (
        f'<div class="rsp-scale"><span>−{end:.3g}</span>'
        f'<i style="--against:{AGAINST};--for:{FOR};--pale:{pale};--strong:{strong}"></i>'
        f'<span>+{end:.3g} {escape(unit + beyond)}</span><span class="rsp-quiet">{escape(words)}</span>{chips}</div>'
    )
