"""Panels that every figure is made of: the photograph, a signed map, the chosen pixel, the printed scale."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.patheffects import Normal, Stroke
from PIL import Image

from rsp_lab.analysis.passes.flow import StepFlow
from rsp_lab.figures.style import DIVERGING, INK, SMALL, level_colour, level_dash
from rsp_lab.rgb import ImageLike, rgb_pixels
from rsp_lab.text import significant

# A full page width at 300 dots an inch has 2148: more pixels cost time and file size and show nothing.
_PRINTED_SIDE = 2400

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass(frozen=True)
class Scale:
    """A symmetric colour scale shared by several maps.

    Attributes:
        limit: the scale goes from -limit to +limit.
        clipped: share of the cells, over all maps, that lie beyond it.
    """

    limit: float
    clipped: float

    @property
    def words(self) -> str:
        """What a reader must know about the ends of the scale."""
        if self.clipped == 0:
            return "no value lies beyond the scale"
        return f"{significant(100 * self.clipped, 2)} % of all cells lie beyond the scale and show its end colours"


def shared_scale(maps: Sequence[np.ndarray], percentile: float = 100.0) -> Scale:
    """One scale for all maps: the largest of the maps' percentiles of |value|."""
    limit = max((float(np.percentile(np.abs(m), percentile, method="higher")) for m in maps), default=0.0)
    limit = limit if limit > 0 else 1.0
    cells = sum(m.size for m in maps)
    beyond = sum(int((np.abs(m) > limit).sum()) for m in maps)
    return Scale(limit, beyond / max(cells, 1))


def symbol(letter: str, level: int, *, prime: bool = False) -> str:
    """The paper's symbol of a map, e.g. Q₆ or Q′₇."""
    return f"{letter}{'′' if prime else ''}{str(level).translate(_SUBSCRIPTS)}"


def sides(count: int) -> tuple[str, ...]:
    """Labels of the models, left to right; a model alone is ``"model"``."""
    return ("left", "right") if count == 2 else ("model",)


def passes_all(step: StepFlow) -> bool:
    """True where the context is the whole of what was offered, as in a sum."""
    return step.weights is None and torch.equal(step.context, step.passed)


def rgb(image: ImageLike) -> np.ndarray:
    """An image of any kind that :mod:`rsp_lab.rgb` accepts as (y, x, 3) in 8 bits, for drawing."""
    return rgb_pixels(image).permute(1, 2, 0).numpy()


def lightened(photo: np.ndarray) -> np.ndarray:
    """The photograph less saturated and lighter, so that colours laid over it speak."""
    colours = photo.astype(np.float64)
    grey = colours.mean(axis=2, keepdims=True)
    return (0.5 * (0.4 * colours + 0.6 * grey) + 0.5 * 255).round().astype(np.uint8)


def bare(axes: Axes) -> None:
    """No ticks, and limits that nothing drawn later moves: the panel is a picture."""
    axes.autoscale(False)
    axes.set_xticks([])
    axes.set_yticks([])


def printable(picture: np.ndarray, *, exact: bool = False) -> np.ndarray:
    """A picture (y, x, 3) with no more pixels than print can show; small ones as they are.

    ``exact`` takes pixels as they are instead of averaging them: label colours must never mix.
    """
    step = -(-max(picture.shape[:2]) // _PRINTED_SIDE)
    if step == 1:
        return picture
    if exact:
        return picture[step // 2 :: step, step // 2 :: step]
    return np.asarray(Image.fromarray(picture).reduce(step))


def show_picture(axes: Axes, picture: np.ndarray, *, size: tuple[int, int] | None = None, exact: bool = False) -> None:
    """An RGB picture in the coordinates of an image of ``size`` (y, x), its own by default.

    ``exact`` is for label colours, which must never mix.
    """
    rows, columns = size or picture.shape[:2]
    axes.imshow(
        printable(picture, exact=exact),
        interpolation="nearest" if exact else "auto",
        aspect="auto",
        extent=(-0.5, columns - 0.5, rows - 0.5, -0.5),
    )
    bare(axes)


def show_map(axes: Axes, values: np.ndarray, scale: Scale, image_size: tuple[int, int]) -> None:
    """A signed map whose cells cover the image's pixels."""
    rows, columns = image_size
    axes.imshow(
        values,
        cmap=DIVERGING,
        vmin=-scale.limit,
        vmax=scale.limit,
        extent=(-0.5, columns - 0.5, rows - 0.5, -0.5),
        interpolation="nearest",
        aspect="auto",
    )
    bare(axes)


def frame(axes: Axes, level: int, width: float = 1.0) -> None:
    """A frame in the level's colour and dash."""
    for spine in axes.spines.values():
        spine.set_edgecolor(level_colour(level))
        spine.set_linewidth(width)
        spine.set_linestyle(level_dash(level))


def mark_pixel(axes: Axes, pixel: tuple[int, int], size: float = 6.0) -> None:
    """A ring around the pixel (y, x), dark in a light casing to be seen on everything."""
    (line,) = axes.plot([pixel[1]], [pixel[0]], linestyle="none", marker="o", markersize=size, label="pixel")
    line.set(markerfacecolor="none", markeredgecolor=INK, markeredgewidth=0.9, clip_on=False, zorder=5)
    line.set_path_effects([Stroke(linewidth=2.2, foreground="white"), Normal()])


def colour_bar(
    axes: Axes,
    cmap: str | Colormap,
    low: float,
    high: float,
    *,
    clipped: bool = False,
    flush: bool = False,
    number: Callable[[float], str] = significant,
) -> None:
    """A horizontal scale with its ends (and 0) printed by ``number``; ``flush`` keeps the words within its width."""
    bar = axes.figure.colorbar(
        ScalarMappable(Normalize(low, high), cmap),
        cax=axes,
        orientation="horizontal",
        extend="both" if clipped else "neither",
        extendfrac=0.04,
    )
    ticks = sorted({low, 0.0, high})
    bar.set_ticks(ticks, labels=["0" if tick == 0 else number(tick) for tick in ticks], fontsize=SMALL)
    labels = axes.get_xticklabels()
    if flush:
        labels[0].set_horizontalalignment("left")
        labels[-1].set_horizontalalignment("right")
    bar.outline.set_linewidth(0.4)
