"""Input attribution of both models by several methods: a row per method with its own diverging scale, curves beside."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from rsp_lab.analysis.attribution.attribute import Attribution, reliability_warning
from rsp_lab.analysis.faithfulness.at_input import Faithfulness, block_means
from rsp_lab.analysis.faithfulness.curves import Spread
from rsp_lab.analysis.targets.target import RegionTarget
from rsp_lab.figures.drawing.negative_hatch import hatch_negative, hatch_scale
from rsp_lab.figures.drawing.outline import outline
from rsp_lab.figures.drawing.panels import (
    Scale,
    bare,
    colour_bar,
    lightened,
    mark_pixel,
    printable,
    rgb,
    shared_scale,
    show_map,
    show_picture,
)
from rsp_lab.figures.drawing.sheet import Sheet, fill, fit, line_height, shorten
from rsp_lab.figures.style import DOUBLE, FAINT, INK, QUIET, SMALL, plot_style
from rsp_lab.negative_cells import FINE
from rsp_lab.rgb import ImageLike
from rsp_lab.text import significant

PERCENTILE = 99.5
_MARGIN, _GAP, _CURVES, _CELLS = 0.08, 0.1, 1.7, 128
_NARROWEST = 3.0
"""Of the maps of a row together with the words below them, inches."""
_LEAST_CURVES = 0.5
"""Height of a model's curves, inches; maps of wide images are lower."""
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, eq=False)
class MethodRow:
    """One method in one or two models.

    Attributes:
        names: of the models, left to right.
        maps: one per model.
        curves: deletion and insertion along each map; empty where they were not measured.
    """

    names: tuple[str, ...]
    maps: tuple[Attribution, ...]
    curves: tuple[Faithfulness, ...] = ()


def draw_attribution(image: ImageLike, rows: Sequence[MethodRow]) -> Figure:
    """The maps laid over the photograph, the models side by side; beside them deletion and insertion.

    The maps of a row have one diverging scale centred on 0, which rows do not share: methods have different units. A
    drawn cell is the mean of its pixels.

    Raises:
        ValueError: if there is no row.
    """
    if not rows:
        raise ValueError("rows is empty: give one or more methods.")
    with plot_style():
        sheet, top = Sheet(DOUBLE), _MARGIN
        models = len(rows[0].names)
        room = DOUBLE - 2 * _MARGIN - (_CURVES + _GAP) * bool(rows[0].curves) - _GAP * (models - 1)
        high, wide = fit(rows[0].maps[0].image_size, room / models, 2.0)
        first = rows[0].maps[0]
        title = fill(first.target.describe(), DOUBLE - 2 * _MARGIN, bold=True)
        top += sheet.text(_MARGIN, top, title, weight="bold") + 0.04
        top = _draw_photo(sheet, image, first, top, (high, wide)) + 0.08
        for row in rows:
            top = _draw_row(sheet, image, row, top, (high, wide))
        rules = " ".join(f"{row.maps[0].title}: {row.maps[0].method.rule}." for row in rows)
        words = fill(
            f"{rules} {_OF_CURVES if any(row.curves for row in rows) else ''}{_OF_CELLS}", DOUBLE - 2 * _MARGIN, SMALL
        )
        top += sheet.text(_MARGIN, top, words, size=SMALL, color=QUIET)
        return sheet.finish(top + _MARGIN)


def _draw_photo(sheet: Sheet, image: ImageLike, first: Attribution, top: float, panel: tuple[float, float]) -> float:
    """The photograph as it is, with the target."""
    axes = sheet.axes(_MARGIN, top, panel[1], panel[0], label="image")
    show_picture(axes, rgb(image))
    if isinstance(first.target, RegionTarget):
        outline(axes, first.target.mask, "white", first.image_size, 1.0, casing=INK)
    y, x = first.target.centre
    mark_pixel(axes, (round(y), round(x)))
    return top + panel[0]


_OF_CURVES = (
    "Curves: the target in logits as blocks are replaced by the reference (solid) or put back on it (dashed) in the "
    "order of the map; grey: the range over random orders. "
)
_OF_CELLS = (
    "A drawn cell is the mean of its pixels; where such cells are clearly below 0 on the whole, they are hatched."
)


def _draw_row(sheet: Sheet, image: ImageLike, row: MethodRow, top: float, panel: tuple[float, float]) -> float:
    high, wide = panel
    slot = max(wide, _NARROWEST / len(row.maps))
    first = row.maps[0]
    top += sheet.text(_MARGIN, top, first.title, size=SMALL, weight="bold") + 0.02
    maps = [_cells(attribution) for attribution in row.maps]
    scale = shared_scale(maps, PERCENTILE)
    for place, (name, attribution, values) in enumerate(zip(row.names, row.maps, maps, strict=True)):
        left = _MARGIN + place * (slot + _GAP)
        sheet.text(
            left, top, shorten(f"{name}: {significant(attribution.target_value)} logits", slot, SMALL), size=SMALL
        )
        _draw_map(
            sheet.axes(left, top + 0.15, wide, high, label=f"{attribution.method.name} {place}"),
            image,
            values,
            scale,
            attribution,
        )
        words = fill(_promise(attribution), slot, SMALL)
        sheet.text(left, top + 0.15 + high + 0.03, words, size=SMALL, color=QUIET)
    lines = max(fill(_promise(attribution), slot, SMALL).count("\n") + 1 for attribution in row.maps)
    right = _MARGIN + len(row.maps) * (slot + _GAP)
    below = top
    if row.curves:
        sheet.text(right + 0.28, top - line_height(SMALL) - 0.02, "target, logits", size=SMALL, color=QUIET)
        apart = 0.12 * (len(row.curves) - 1)
        tall = max(high, _LEAST_CURVES * len(row.curves) + apart)
        each = (tall - apart) / len(row.curves)
        ends = _ends(row.curves)
        for place, along in enumerate(row.curves):
            axes = sheet.axes(
                right + 0.28,
                top + 0.15 + place * (each + 0.12),
                _CURVES - 0.45,
                each,
                label=f"curves {first.method.name} {place}",
            )
            _draw_curves(axes, along, ends, last=place == len(row.curves) - 1)
            axes.set_title(shorten(row.names[place], _CURVES - 0.3, SMALL), fontsize=SMALL, pad=1.5, loc="left")
        middle, below = right + 0.28 + (_CURVES - 0.45) / 2, top + 0.15 + tall + 0.19
        below += sheet.text(middle, below, "share of blocks replaced", size=SMALL, ha="center") + 0.04
    top += 0.15 + high + 0.05 + line_height(SMALL) * lines
    factor, power = _power(scale.limit)
    bar = sheet.axes(_MARGIN, top + 0.04, 1.6, 0.06, label=f"scale {first.method.name}")
    low_high = -scale.limit / factor, scale.limit / factor
    colour_bar(bar, "RdBu_r", *low_high, clipped=scale.clipped > 0, flush=True)
    hatch_scale(bar)
    words = f"{power}{first.method.unit_of('pixel')}, the row's scale; {scale.words}"
    room = (right if row.curves else DOUBLE - _MARGIN) - _MARGIN - 1.7
    return max(below, top + max(0.36, sheet.text(_MARGIN + 1.7, top, fill(words, room, SMALL), size=SMALL) + 0.08))


def _power(limit: float) -> tuple[float, str]:
    """A power of ten by which numbers below a hundredth are written, and how it is written before their unit."""
    if limit >= 0.01:
        return 1.0, ""
    exponent = math.floor(math.log10(limit))
    return 10.0**exponent, f"10{str(exponent).translate(_RAISED)} "


def _cells(attribution: Attribution) -> np.ndarray:
    cell = max(1, -(-max(attribution.image_size) // _CELLS))
    means: np.ndarray = block_means(attribution.values, cell).numpy()
    return means


def _draw_map(axes: Axes, image: ImageLike, values: np.ndarray, scale: Scale, attribution: Attribution) -> None:
    size = attribution.image_size
    show_map(axes, values, scale, size)
    hatch_negative(axes, values, scale.limit, size, most=FINE)
    picture = printable(lightened(rgb(image)))
    axes.imshow(picture, extent=(-0.5, size[1] - 0.5, size[0] - 0.5, -0.5), aspect="auto", alpha=0.3)
    bare(axes)
    y, x = attribution.target.centre
    mark_pixel(axes, (round(y), round(x)))


def _promise(attribution: Attribution) -> str:
    if attribution.residual is not None:
        words = f"sum {significant(float(attribution.values.sum()))}, residual {attribution.residual:.1g}"
        return ". ".join(filter(None, (words, reliability_warning({"": attribution}))))
    if attribution.regions:
        return ", ".join(f"{one.name} {significant(one.effect)}" for one in attribution.regions[:3])
    return "no sum is promised"


def _ends(curves: Sequence[Faithfulness]) -> tuple[float, float]:
    values = [v for f in curves for c in (f.curves, *f.control.curves) for v in (*c.deletion, *c.insertion)]
    room = 0.06 * (max(values) - min(values)) or 1.0
    return min(values) - room, max(values) + room


def _draw_curves(axes: Axes, faithfulness: Faithfulness, ends: tuple[float, float], *, last: bool) -> None:
    shares = 100 * np.array(faithfulness.shares)
    for spreads in (faithfulness.control.deletion, faithfulness.control.insertion):
        axes.fill_between(shares, *_band(spreads), color=FAINT, alpha=0.45, linewidth=0)
    axes.plot(shares, faithfulness.deletion, color=INK, linewidth=1.1, label="replaced")
    axes.plot(shares, faithfulness.insertion, color=INK, linewidth=1.1, linestyle=(0, (4, 2)), label="put back")
    axes.set_xlim(0, 100)
    axes.set_ylim(*ends)
    axes.tick_params(labelsize=SMALL)
    axes.set_xticks([0, 50, 100], ["0 %", "50 %", "100 %"] if last else ["", "", ""])
    axes.yaxis.set_major_locator(MaxNLocator(3))
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _band(spreads: Sequence[Spread]) -> tuple[list[float], list[float]]:
    return [one.least for one in spreads], [one.largest for one in spreads]
