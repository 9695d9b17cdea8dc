"""What each method says of one decision of a scene, on the photograph, with the known answer outlined."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rsp_lab.analysis.arena.methods import MethodMap
from rsp_lab.data.scenes.scene import Scene
from rsp_lab.figures.drawing.panels import bare, lightened, rgb, shared_scale, show_map
from rsp_lab.figures.drawing.sheet import Sheet, fill, line_height
from rsp_lab.figures.results.contact_sheet import draw_outline, draw_outline_legend
from rsp_lab.figures.style import DOUBLE, QUIET, SMALL, plot_style

PERCENTILE = 99.5
_GAP, _COLUMNS = 0.08, 3


def draw_arena_maps(scene: Scene, maps: Mapping[str, MethodMap]) -> Figure:
    """One panel a method, red what speaks for the region's class and blue what speaks against it.

    Each method has a scale of its own, for their units differ; its end is the map's :data:`PERCENTILE` of \\|value\\|.

    Args:
        scene: whose first ambiguity is explained.
        maps: of the scene, by method.

    Raises:
        ValueError: for no map, or one of another size than the scene.
    """
    rows, columns = scene.label.shape
    if not maps or any(tuple(map_.pixels.shape) != (rows, columns) for map_ in maps.values()):
        raise ValueError(f"maps of the scene's size {rows} x {columns} are needed, one or more.")
    with plot_style():
        sheet = Sheet(DOUBLE)
        top = draw_outline_legend(sheet)
        wide = (DOUBLE - (_COLUMNS - 1) * _GAP) / _COLUMNS
        high, word = wide * rows / columns, line_height(SMALL)
        for number, (name, map_) in enumerate(maps.items()):
            left = (number % _COLUMNS) * (wide + _GAP)
            upper = top + (number // _COLUMNS) * (high + word + _GAP)
            sheet.text(left, upper, map_.method.title, size=SMALL)
            _draw_map(sheet.axes(left, upper + word, wide, high, label=name), scene, map_)
        top += -(-len(maps) // _COLUMNS) * (high + word + _GAP)
        words = (
            "Red speaks for the region's class, blue against it. A scale a method, since their units differ: its end "
            f"is the {PERCENTILE:g}th percentile of |value|, 0 is transparent."
        )
        top += sheet.text(0, top, fill(words, DOUBLE, SMALL), size=SMALL, color=QUIET)
        return sheet.finish(top + 0.04)


def _draw_map(axes: Axes, scene: Scene, map_: MethodMap) -> None:
    size = (scene.label.shape[0], scene.label.shape[1])
    axes.imshow(lightened(rgb(scene.image)), extent=(-0.5, size[1] - 0.5, size[0] - 0.5, -0.5), aspect="auto")
    values = map_.pixels.numpy()
    scale = shared_scale([values], PERCENTILE)
    show_map(axes, values, scale, size)
    axes.images[-1].set_alpha(np.clip(np.abs(values) / scale.limit, 0, 1) ** 0.5 * 0.9)
    ambiguity = scene.ambiguities[0]
    for name, masks in (("decoy", ambiguity.decoys), ("cue", (ambiguity.cue,)), ("region", (ambiguity.region,))):
        for mask in masks:
            draw_outline(axes, mask.numpy(), name)
    bare(axes)
