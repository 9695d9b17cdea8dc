"""The border of a set of cells, exactly along the cells."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.patheffects import Normal, Stroke
from matplotlib.transforms import Affine2D
from torch import Tensor


def outline(
    axes: Axes,
    mask: Bool[Tensor, "y x"],
    colour: str,
    image_size: tuple[int, int],
    width: float,
    *,
    casing: str = "white",
    gid: str = "region",
) -> None:
    """The border of a set of cells that cover the image."""
    if not bool(mask.any()):
        return
    padded = np.pad(mask.numpy().astype(float), 1)
    limits = axes.get_xlim(), axes.get_ylim()
    edges = _edges(padded > 0.5)
    rows, columns = mask.shape
    scale = Affine2D().scale(image_size[1] / columns, image_size[0] / rows).translate(-0.5, -0.5)
    path = scale.transform_path(edges)
    patch = PathPatch(path, fill=False, edgecolor=colour, linewidth=width, gid=gid, zorder=4)
    patch.set_path_effects([Stroke(linewidth=width + 1.1, foreground=casing), Normal()])
    axes.add_artist(patch)
    axes.set(xlim=limits[0], ylim=limits[1])


def _edges(padded: np.ndarray) -> Path:
    """Cell borders between inside and outside, exactly along the cells; a frame of outside is cut off again."""
    points: list[tuple[float, float]] = []
    for y, x in zip(*np.nonzero(padded[:-1] != padded[1:]), strict=True):
        points += [(float(x) - 1, float(y)), (float(x), float(y))]
    for y, x in zip(*np.nonzero(padded[:, :-1] != padded[:, 1:]), strict=True):
        points += [(float(x), float(y) - 1), (float(x), float(y))]
    return Path(points, [Path.MOVETO, Path.LINETO] * (len(points) // 2))
