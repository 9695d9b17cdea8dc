"""Drawn scenes beside each other: the region that is ambiguous, the cue that decides it, the decoys that do not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy import ndimage

from rsp_lab.data.labels import CITYSCAPES
from rsp_lab.data.scenes.scene import Ambiguity, Scene
from rsp_lab.figures.drawing.sheet import Sheet, line_height, text_width
from rsp_lab.figures.style import DOUBLE, INK, QUIET, SMALL, plot_style
from rsp_lab.palette import OUTLINE_COLOURS, OUTLINE_DASHES, OUTLINE_WORDS

Dash = Literal["solid"] | tuple[float, tuple[float, ...]]

OUTLINES: dict[str, tuple[str, Dash]] = {
    name: (colour, (0, OUTLINE_DASHES[name]) if OUTLINE_DASHES[name] else "solid")
    for name, colour in OUTLINE_COLOURS.items()
}
"""Colour and dash of each outline."""
_STROKE = 0.9
_GAP = 0.08


def draw_contact_sheet(scenes: Sequence[Scene], columns: int = 2, width: float = DOUBLE) -> Figure:
    """Scenes in rows of ``columns``, with the outlines of their masks; scenes of one size.

    Args:
        scenes: at least one; two readings of one scene that follow each other stand side by side.
        columns: scenes a row.
        width: of the sheet, inches.

    Raises:
        ValueError: if there is no scene, or if the scenes differ in size.
    """
    if not scenes:
        raise ValueError("a contact sheet needs at least one scene.")
    sizes = {tuple(scene.label.shape) for scene in scenes}
    if len(sizes) > 1:
        raise ValueError(f"scenes of one size are needed, got {', '.join(f'{h} x {w}' for h, w in sorted(sizes))}.")
    ((rows, across),) = sizes
    with plot_style():
        sheet = Sheet(width)
        wide = (width - (columns - 1) * _GAP) / columns
        high = wide * rows / across
        top = draw_outline_legend(sheet)
        step = high + line_height(SMALL) + 0.09
        for index, scene in enumerate(scenes):
            left, upper = (index % columns) * (wide + _GAP), top + (index // columns) * step
            axes = sheet.axes(left, upper, wide, high, label=scene.name)
            _draw_scene(axes, scene)
            _draw_words(sheet, scene, left, upper + high + 0.02)
        return sheet.finish(top + math.ceil(len(scenes) / columns) * step)


def draw_outline_legend(sheet: Sheet) -> float:
    """What the outlines are, along the sheet's top; returns its height."""
    high, left = line_height(SMALL), 0.0
    for name, words in OUTLINE_WORDS.items():
        colour, dash = OUTLINES[name]
        axes = sheet.axes(left, 0.02, 0.3, high, label=f"legend {name}")
        axes.set_axis_off()
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.add_line(Line2D([0.04, 0.96], [0.5, 0.5], color=colour, linestyle=dash, lw=1.6, path_effects=_rim(1.6)))
        sheet.text(left + 0.36, 0.02, words, size=SMALL, color=INK)
        left += 0.36 + text_width(words, SMALL) + 0.25
    return high + 0.08


def _rim(stroke: float) -> list[patheffects.AbstractPathEffect]:
    """A dark rim, so that an outline is seen on sky and asphalt alike."""
    return [patheffects.Stroke(linewidth=stroke + 0.9, foreground="#101010"), patheffects.Normal()]


def _draw_scene(axes: Axes, scene: Scene) -> None:
    axes.imshow(scene.image.permute(1, 2, 0).numpy(), interpolation="antialiased")
    for ambiguity in scene.ambiguities:
        for name, masks in (("decoy", ambiguity.decoys), ("cue", (ambiguity.cue,)), ("region", (ambiguity.region,))):
            for mask in masks:
                draw_outline(axes, mask.numpy(), name)
    axes.set_xlim(-0.5, scene.label.shape[1] - 0.5)
    axes.set_ylim(scene.label.shape[0] - 0.5, -0.5)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def draw_outline(axes: Axes, mask: np.ndarray, name: str) -> None:
    """The outline of a mask (y, x) in the colour and dash of ``name``; nothing for an empty one."""
    if not mask.any():
        return
    colour, dash = OUTLINES[name]
    # Without holes, or the spokes of a wheel would be outlined one by one; and with a frame of nothing, so that the
    # outline closes at the picture's border too.
    framed = np.pad(ndimage.binary_fill_holes(mask), 1).astype(np.float32)
    y, x = np.arange(-1, mask.shape[0] + 1), np.arange(-1, mask.shape[1] + 1)
    lines = axes.contour(x, y, framed, levels=[0.5], colors=colour, linewidths=_STROKE, linestyles=[dash])
    lines.set_path_effects(_rim(_STROKE))


def _draw_words(sheet: Sheet, scene: Scene, left: float, top: float) -> None:
    ambiguity = scene.ambiguities[0]
    name = CITYSCAPES.classes[ambiguity.class_id]
    sheet.text(left, top, name, size=SMALL, color=INK, weight="bold")
    sheet.text(left + text_width(name, SMALL, bold=True) + 0.06, top, _rest(ambiguity), size=SMALL, color=QUIET)


def _rest(ambiguity: Ambiguity) -> str:
    return f"not {CITYSCAPES.classes[ambiguity.alternative_id]}; cue {ambiguity.distance:.3g} px away"
