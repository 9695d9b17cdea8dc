"""Why a segment is what it is: where it lies, the exact margins of the semantic branch, its merge record, its score."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from rsp_lab.analysis.attribution.attribute import reliability_warning
from rsp_lab.analysis.ledger.extent import contributing_box
from rsp_lab.analysis.ledger.ledger import ContextLedger
from rsp_lab.analysis.panoptic.fates import InstanceFate
from rsp_lab.analysis.panoptic.score import SCORE_RULE
from rsp_lab.analysis.panoptic.segments import SegmentStory
from rsp_lab.figures.drawing.bars import BarRow, draw_signed_bars
from rsp_lab.figures.drawing.captions import image_words
from rsp_lab.figures.drawing.level_maps import draw_level_maps, draw_level_scale
from rsp_lab.figures.drawing.outline import outline
from rsp_lab.figures.drawing.panels import (
    Scale,
    colour_bar,
    lightened,
    mark_pixel,
    printable,
    rgb,
    shared_scale,
    show_map,
    show_picture,
)
from rsp_lab.figures.drawing.sheet import Sheet, fill, fit, shorten
from rsp_lab.figures.style import (
    DIVERGING,
    DOUBLE,
    FAINT,
    INK,
    QUIET,
    SMALL,
    level_colour,
    plot_style,
)
from rsp_lab.rgb import ImageLike
from rsp_lab.shapes import level_names
from rsp_lab.text import fixed, percent, signed_fixed

_MARGIN, _GAP = 0.08, 0.12
_PHOTO, _TALLEST = 3.3, 2.2
_PANEL_TALLEST = 1.3
_DETAIL_TALLEST = 1.9
_PERCENTILE = 99.5
NOTE = (
    "Bars and maps are exact for the semantic branch, its relation weights held, as means over the outlined pixels. "
    "Maps: contribution of each cell, over the detail outside which no cell has 0.1 % of the level's largest; each "
    "level has a scale of its own, since its cells are of another size. What is clearly below 0 is hatched."
)
SCORE_NOTE = f"Attribution, no ledger: {SCORE_RULE}."


def draw_segment_story(image: ImageLike, story: SegmentStory) -> Figure:
    """One segment, or void, in one model.

    Above: where it lies, and the semantic branch's margins level by level, over the strongest other stuff (hollow) and
    over things (filled). Then the merge record; of a thing its mask and what its class's log odds rest on; and a map of
    each level's contributions.

    Args:
        image: RGB that the story is about, uint8 or float in [0, 1]; see :mod:`rsp_lab.rgb`.
        story: of :func:`~rsp_lab.analysis.panoptic.segments.explain_segment`.
    """
    with plot_style():
        sheet, photo = Sheet(DOUBLE), rgb(image)
        room = DOUBLE - 2 * _MARGIN
        head = f"{story.name}: why {story.place.title}"
        top = _MARGIN + sheet.text(_MARGIN, _MARGIN, shorten(head, room, bold=True), weight="bold")
        top += sheet.text(_MARGIN, top, fill(story.sentence(), room)) + 0.06
        high, wide = fit(story.merged.size, _PHOTO, _TALLEST)
        axes = sheet.axes(_MARGIN, top, wide, high, label="photo")
        show_picture(axes, photo)
        _mark(axes, story)
        mark_pixel(axes, story.pixel)
        bottom = top + high
        if story.ledgers:
            bottom = max(bottom, _draw_levels(sheet, story, _MARGIN + wide + 0.2, top, high))
        top = bottom + 0.1
        for line in story.record():
            top += sheet.text(_MARGIN, top, fill(line, room, SMALL), size=SMALL)
        top += 0.08
        if story.attribution is not None:
            top = _draw_score(sheet, photo, story, top)
        if story.ledgers:
            top = _draw_maps(sheet, photo, story, top)
        notes = [NOTE, _residuals(story)] if story.ledgers else []
        notes += [SCORE_NOTE] if story.attribution is not None else []
        top += sheet.text(_MARGIN, top, fill(" ".join(notes), room, SMALL), size=SMALL, color=QUIET)
        return sheet.finish(top + _MARGIN)


def segment_story_caption(story: SegmentStory, image_name: str = "") -> str:
    """The caption of :func:`draw_segment_story`, as plain text."""
    notes = [NOTE, _residuals(story)] if story.ledgers else []
    notes += [SCORE_NOTE, f"{story.attribution.sentence()}."] if story.attribution is not None else []
    y, x = story.pixel
    return " ".join(
        [
            f"Why {story.place.title} in {story.name}: {story.sentence()}",
            *story.record(),
            *notes,
            f"Ring: pixel y {y}, x {x}.",
            image_words(story.merged.size, image_name),
        ]
    )


def _residuals(story: SegmentStory) -> str:
    return (
        f"Sums differ from the model's own margins by a relative {story.residual:.1g} at most; "
        f"{story.merged.unaccounted} px are unaccounted for in the merge."
    )


def _mark(axes: Axes, story: SegmentStory) -> None:
    """The border of its pixels; of a thing also, dashed, that of its mask where others have it, and its box."""
    outline(axes, story.place.mask, INK, story.merged.size, 0.9)
    fate = story.place.fate
    if isinstance(fate, InstanceFate):
        lost = story.merged.detections.masks[fate.rank - 1] & ~story.place.mask
        outline(axes, lost, QUIET, story.merged.size, 0.6, gid="lost")


def _draw_levels(sheet: Sheet, story: SegmentStory, left: float, top: float, height: float) -> float:
    """Bars and numbers of the ledgers, side by side; returns where they end."""
    ledgers = story.ledgers
    levels = sorted({level for ledger in ledgers for level in ledger.levels}, reverse=True)
    rows = [BarRow(f"level {x}", level_colour(x), [ledger.sums.get(x) for ledger in ledgers]) for x in levels]
    rows.append(BarRow("bias", FAINT, [ledger.bias for ledger in ledgers]))
    rows.append(BarRow("total", INK, [ledger.total for ledger in ledgers]))
    marks = "□■" if len(ledgers) == 2 else "■"
    room = DOUBLE - _MARGIN - left
    start = top
    for mark, ledger in zip(marks, ledgers, strict=True):
        words = f"{mark} {_margin(ledger)}, logits"
        top += sheet.text(left, top, shorten(words, room, SMALL), size=SMALL)
    heads = list(marks) if len(ledgers) == 2 else [""]
    return draw_signed_bars(sheet, rows, heads, len(ledgers), left, top, height - (top - start))


def _margin(ledger: ContextLedger) -> str:
    return f"{ledger.target.class_name} over {ledger.target.rival}"


def _draw_maps(sheet: Sheet, photo: np.ndarray, story: SegmentStory, top: float) -> float:
    """A row of maps a ledger, each level's of one scale; returns where they end."""
    ledgers, size = story.ledgers, story.merged.size
    levels = sorted({level for ledger in ledgers for level in ledger.levels}, reverse=True)
    maps = {x: [ledger.maps[x] for ledger in ledgers if x in ledger.maps] for x in levels}
    scales = {x: shared_scale([values.numpy() for values in maps[x]]) for x in levels}
    boxes = {x: contributing_box(maps[x], size, ledgers[0].target.centre) for x in levels}
    for number, ledger in enumerate(ledgers):
        words = f"{_margin(ledger)}, {signed_fixed(ledger.total)} logits"
        top += sheet.text(_MARGIN, top, words, size=SMALL, weight="bold") + 0.02
        top = 0.08 + draw_level_maps(
            sheet,
            photo,
            f"margin {number}",
            ledger.maps,
            level_names(levels, *(one.strides for one in ledgers)),
            boxes,
            scales,
            top,
            tallest=_PANEL_TALLEST,
            mark=lambda axes: outline(axes, story.place.mask, INK, size, 0.6),
        )
    bar = sheet.axes(_MARGIN, top, 1.2, 0.08, label="scale")
    draw_level_scale(bar, 1, number=lambda end: f"{'−' if end < 0 else ''}end")
    words = "logits per cell; one scale per level, ± its end below each map"
    sheet.text(_MARGIN + 1.3, top - 0.03, words, size=SMALL)
    return top + 0.3


def _draw_score(sheet: Sheet, photo: np.ndarray, story: SegmentStory, top: float) -> float:
    """The detection closely, and what the log odds of its class rest on; returns where it ends."""
    attribution, fate = story.attribution, story.place.fate
    assert attribution is not None
    assert isinstance(fate, InstanceFate)
    window = story.place.detail
    slot = (DOUBLE - 2 * _MARGIN - _GAP) / 2
    high, wide = fit((round(window[2] - window[0]), round(window[3] - window[1])), slot, _DETAIL_TALLEST)
    scale = shared_scale([attribution.values.numpy()], _PERCENTILE)
    reference = "" if attribution.reference_value is None else f", {fixed(attribution.reference_value)} when blurred"
    words = (
        "the detection: its pixels, and dotted its box",
        f"{attribution.title}: log odds {fixed(attribution.target_value)}{reference}",
    )
    for number, text in enumerate(words):
        left = _MARGIN + number * (slot + _GAP)
        sheet.text(left, top, shorten(text, slot, SMALL), size=SMALL)
        axes = sheet.axes(left, top + 0.15, wide, high, label=("detail", "attribution")[number])
        if number:
            _show_attribution(axes, photo, attribution.values.numpy(), scale)
        else:
            show_picture(axes, photo)
        _mark(axes, story)
        x0, y0, x1, y1 = story.merged.detections.boxes[fate.rank - 1].tolist()
        axes.add_artist(
            Rectangle((x0 - 0.5, y0 - 0.5), x1 - x0, y1 - y0, fill=False, edgecolor=INK, linewidth=0.7, linestyle=":")
        )
        axes.set(xlim=(window[1], window[3]), ylim=(window[2], window[0]))
    top += 0.15 + high + 0.05
    bar = sheet.axes(_MARGIN + slot + _GAP, top, 1.6, 0.07, label="scale of the score")
    colour_bar(bar, DIVERGING, -scale.limit, scale.limit, clipped=scale.clipped > 0, flush=True)
    sheet.text(_MARGIN + slot + _GAP + 1.7, top - 0.03, "logits per pixel", size=SMALL)
    own = story.own_share
    whole = percent(story.place.area / story.place.mask.numel(), 1)
    share = f"{percent(own, 0)} of what speaks for {fate.name} lies on its own pixels, which are {whole} of the image. "
    share = "" if own is None else share
    gap = (
        "" if attribution.residual is None else f"The pixels miss the change by a relative {attribution.residual:.1g}."
    )
    warning = reliability_warning({"": attribution})
    told = f"{share}{f'{warning}.' if warning else gap}"
    return top + max(0.34, sheet.text(_MARGIN, top - 0.03, fill(told, slot, SMALL), size=SMALL) + 0.03)


def _show_attribution(axes: Axes, photo: np.ndarray, values: np.ndarray, scale: Scale) -> None:
    size = values.shape
    show_map(axes, values, scale, (size[0], size[1]))
    show_picture(axes, printable(lightened(photo)), size=(size[0], size[1]))
    axes.images[-1].set_alpha(0.3)
