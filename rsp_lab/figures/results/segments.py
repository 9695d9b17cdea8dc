"""Panoptic pictures of one or two models: stuff and instances by name, and what changed from one to the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.figure import Figure

from rsp_lab.analysis.panoptic.changes import PanopticComparison, compare_segments
from rsp_lab.analysis.panoptic.merge import Merged
from rsp_lab.analysis.panoptic.names import names_below
from rsp_lab.analysis.panoptic.segmentation import PanopticPass
from rsp_lab.figures.drawing.captions import image_words, model_words
from rsp_lab.figures.drawing.panels import rgb, show_picture
from rsp_lab.figures.drawing.segments import draw_segments_on
from rsp_lab.figures.drawing.sheet import Sheet, fill, fit, line_height, shorten, text_width, wrap
from rsp_lab.figures.style import DOUBLE, QUIET, SMALL, TEXT, plot_style
from rsp_lab.rgb import ImageLike
from rsp_lab.text import percent

_MARGIN, _GAP = 0.08, 0.1
_NARROWEST = 2.0
_TALLEST = 3.4
_LISTED = 8
NOTE = (
    "Colours lie over the photograph: stuff in its class's colour, each instance in a shade of it with its score; "
    "hatched grey is void, which belongs to no segment. Numbers stand for the names below."
)


def draw_segments(image: ImageLike, passes: Sequence[PanopticPass]) -> Figure:
    """The photograph and the panoptic picture of each model; of two, what changed, most pixels first.

    Args:
        image: RGB of all passes, uint8 or float in [0, 1]; see :mod:`rsp_lab.rgb`.
        passes: of one or two models on it, left to right.

    Raises:
        ValueError: if two passes cannot be compared.
    """
    compared = compare_segments(*passes) if len(passes) == 2 else None
    with plot_style():
        sheet, photo = Sheet(DOUBLE), rgb(image)
        half = (DOUBLE - 2 * _MARGIN - _GAP) / 2
        high, wide = fit(passes[0].image_size, half, _TALLEST)
        # One narrow picture stands close to the photograph, no closer than names need.
        slot = half if compared else max(wide, _NARROWEST)
        head = line_height(TEXT) + 0.02
        sheet.text(_MARGIN, _MARGIN, "photograph")
        show_picture(sheet.axes(_MARGIN, _MARGIN + head, wide, high, label="image"), photo)
        right, bottom = _MARGIN + slot + _GAP, _MARGIN + head + high
        panel = _Panel(sheet, photo, (high, wide), slot)
        if compared is None:
            panel = replace(panel, slot=DOUBLE - _MARGIN - right)
            bottom = max(bottom, panel.draw("model", passes[0].name, passes[0].merged, right, _MARGIN)[0])
        else:
            top = max(bottom, _draw_changes(sheet, compared, right, _MARGIN, slot)) + 0.08
            bottom, numbers = panel.draw("left", compared.names[0], passes[0].merged, _MARGIN, top)
            known = {second: numbers[first] for first, second in compared.changes.matches if first in numbers}
            bottom = max(bottom, panel.draw("right", compared.names[1], passes[1].merged, right, top, known)[0])
        words = fill(_note(passes), DOUBLE - 2 * _MARGIN, SMALL)
        bottom += 0.06 + sheet.text(_MARGIN, bottom + 0.06, words, size=SMALL, color=QUIET)
        return sheet.finish(bottom + _MARGIN)


def segments_caption(passes: Sequence[PanopticPass], image_name: str = "") -> str:
    """The caption of :func:`draw_segments`, as plain text."""
    names = [one.name for one in passes]
    words = [f"Panoptic segmentation by {model_words(names)}.", _note(passes)]
    if len(passes) == 2:
        compared = compare_segments(*passes)
        words += compared.sentences()
    return " ".join([*words, image_words(passes[0].image_size, image_name)])


def _note(passes: Sequence[PanopticPass]) -> str:
    rule, matched = passes[0].merged.rule, " What both models have has one number." if len(passes) == 2 else ""
    dropped = (
        f"detections below {percent(rule.score, 0)} or with more than {percent(rule.overlap, 0)} of their mask taken"
    )
    return f"{NOTE}{matched} Dropped: {dropped}, stuff with fewer than {rule.stuff_area:,} px left."


@dataclass(frozen=True, eq=False)
class _Panel:
    """What the panoptic pictures of a figure share.

    Attributes:
        inches: height and width of a picture.
        slot: inches across for its names.
    """

    sheet: Sheet
    photo: np.ndarray
    inches: tuple[float, float]
    slot: float

    def draw(
        self, label: str, name: str, merged: Merged, left: float, top: float, known: Mapping[int, int] | None = None
    ) -> tuple[float, dict[int, int]]:
        """One picture with the names that have no room in it; returns where it ends and the numbers it used."""
        self.sheet.text(left, top, shorten(name, self.slot))
        top += line_height(TEXT) + 0.02
        axes = self.sheet.axes(left, top, self.inches[1], self.inches[0], label=label)
        placed = draw_segments_on(axes, self.photo, merged, self.inches, known)
        words = names_below(placed)
        if not merged.map.segments:
            words.append("no segment at all: everything is void")
        top += self.inches[0] + 0.04
        for line in wrap(words, self.slot, SMALL, extra=0.12):
            across = left
            for index in line:
                self.sheet.text(across, top, shorten(words[index], self.slot, SMALL), size=SMALL)
                across += text_width(words[index], SMALL) + 0.12
            top += line_height(SMALL) if line else 0.0
        return top, {one.segment: one.number for one in placed if one.number is not None}


def _draw_changes(sheet: Sheet, compared: PanopticComparison, left: float, top: float, width: float) -> float:
    """What changed, in words; returns where it ends."""
    changes = compared.changes
    top += sheet.text(left, top, "from left to right", weight="bold")
    top += sheet.text(left, top, fill(" ".join(compared.sentences()), width, SMALL), size=SMALL) + 0.03
    for change in changes.changes[:_LISTED]:
        top += sheet.text(left, top, shorten(change.sentence(), width, SMALL), size=SMALL, color=QUIET)
    more = len(changes.changes) - _LISTED
    if more > 0:
        top += sheet.text(left, top, f"and {more} more", size=SMALL, color=QUIET)
    return top
