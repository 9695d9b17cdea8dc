"""What one or two models say about a photograph, with the regions on which two differ (Fig. 5 a)."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import Normal, Stroke

from rsp_lab.analysis.comparison.compare import Comparison
from rsp_lab.analysis.comparison.disagreement import Disagreement, verdict_pixels
from rsp_lab.analysis.comparison.pixel_view import PixelView
from rsp_lab.data.labels import ClassTable, checked_labels, colour
from rsp_lab.figures.drawing.captions import model_words, view_words
from rsp_lab.figures.drawing.panels import mark_pixel, rgb, show_picture, sides
from rsp_lab.figures.drawing.sheet import Sheet, fill, fit, line_height, shorten, text_width, wrap
from rsp_lab.figures.style import DOUBLE, INK, SINGLE, SMALL, TEXT, plot_style
from rsp_lab.text import percent

_MARGIN = 0.04
_GAP = 0.06
_TALLEST = 3.6
_NARROWEST = 1.4
_SWATCH = 0.11


def draw_predictions(
    result: PixelView, table: ClassTable, *, truth: np.ndarray | None = None, width: float = DOUBLE
) -> Figure:
    """Photograph, truth where it is known, and each model's prediction, arranged so that they are large.

    The largest disagreements of two models are boxed and numbered on all of them; what each model says there stands
    below.

    Args:
        result: of one or two models.
        table: with the models' classes, for their colours.
        truth: (y, x) true train ids of the image.
        width: of the figure in inches, :data:`~rsp_lab.figures.style.SINGLE` or ``DOUBLE``.

    Raises:
        ValueError: if the table's classes are not the models', or for a truth that
            :func:`~rsp_lab.data.labels.checked_labels` refuses.
    """
    if truth is not None:
        truth = checked_labels(truth, table.classes, result.image_size).numpy()
    if table.classes != result.class_names:
        raise ValueError(
            f"the models know {len(result.class_names)} classes ({result.class_names[0]}, ...), the table "
            f"{table.name!r} has {len(table)} ({table.classes[0]}, ...): draw with the models' own table."
        )
    with plot_style():
        sheet = Sheet(width)
        top = _draw_pictures(sheet, result, table, truth)
        if isinstance(result, Comparison):
            top = _draw_regions(sheet, result, top + 0.05, truth)
        bottom = _draw_classes(sheet, result, table, top + 0.05, truth)
        return sheet.finish(bottom + _MARGIN)


def predictions_caption(result: PixelView, image_name: str = "", *, truth: np.ndarray | None = None) -> str:
    """The caption of :func:`draw_predictions`, as plain text."""
    words = [f"Predictions of {model_words(result.names)}."]
    if isinstance(result, Comparison):
        regions = "; ".join(
            f"{number}: {region.left} | {region.right}, {region.area} px"
            for number, region in enumerate(result.disagreements, 1)
        )
        words.append(
            f"Boxes: the largest connected regions with different labels, left | right, and their area ({regions})."
            if regions
            else "No connected region with different labels is large enough for a box."
        )
        words.append(f"They differ on {percent(result.disagreeing_share)} of the pixels{_right(result, truth)}.")
    if truth is not None:
        words.append("Truth: black where unlabelled.")
    return " ".join([*words, *view_words(result, image_name)])


def _regions(result: PixelView) -> tuple[Disagreement, ...]:
    return result.disagreements if isinstance(result, Comparison) else ()


def _draw_pictures(sheet: Sheet, result: PixelView, table: ClassTable, truth: np.ndarray | None) -> float:
    pictures = [("image", "photograph", rgb(result.image))]
    if truth is not None:
        pictures.append(("truth", "truth", colour(truth, table)))
    for side, view in zip(sides(len(result.views)), result.views, strict=True):
        pictures.append((side, view.name, colour(view.labels, table)))
    columns, (height, panel) = _arrange(sheet.width - 2 * _MARGIN, len(pictures), result.image_size)
    whole = sheet.width - 2 * _MARGIN
    even = (whole - (columns - 1) * _GAP) / columns
    # Narrow panels stand close together, no closer than a name needs.
    slot = even if columns == 1 else max(panel, min(even, _NARROWEST))
    head = line_height(TEXT) + 0.02
    pitch = height + head + _GAP
    for index, (label, name, picture) in enumerate(pictures):
        row, column = divmod(index, columns)
        left, top = _MARGIN + column * (slot + _GAP), _MARGIN + row * pitch
        sheet.text(left, top, shorten(name, slot - _GAP))
        axes = sheet.axes(left, top + head, panel, height, label=label)
        show_picture(axes, picture, exact=label != "image")
        _box_regions(axes, result, (height, panel))
        mark_pixel(axes, result.pixel)
    rows = -(-len(pictures) // columns)
    return _MARGIN + rows * pitch - _GAP


def _arrange(whole: float, count: int, image_size: tuple[int, int]) -> tuple[int, tuple[float, float]]:
    """Pictures a row, and the size (height, width) of each: fewer a row only where that makes them much larger."""
    best: tuple[int, tuple[float, float]] | None = None
    # In a column two pictures stand beside each other, unless they are strips.
    strips = image_size[1] > 2.4 * image_size[0]
    narrow = (count, 2) if count > 2 and not strips else (count, 1)
    for columns in narrow if whole < SINGLE else (count, 2, 1) if count == 4 else (count, 1):
        slot = (whole - (columns - 1) * _GAP) / columns
        panel = fit(image_size, slot, _TALLEST if columns == count else _TALLEST / 2)
        if best is None or panel[1] > (1.4 if whole < SINGLE else 1.8) * best[1][1]:
            best = columns, panel
    assert best is not None
    return best


def _box_regions(axes: Axes, result: PixelView, panel: tuple[float, float]) -> None:
    casing = [Stroke(linewidth=2.1, foreground="white"), Normal()]
    places = _tag_places(result, panel)
    for number, (region, (y, x)) in enumerate(zip(_regions(result), places, strict=True), 1):
        top, left, bottom, right = region.box
        box = Rectangle((left - 0.5, top - 0.5), right - left, bottom - top, fill=False, edgecolor=INK, linewidth=0.8)
        box.set(path_effects=casing, gid=f"region{number}", zorder=3)
        axes.add_artist(box)
        tag = axes.text(x, y, str(number), fontsize=SMALL, ha="center", va="center_baseline", color="white", zorder=4)
        tag.set_bbox({"boxstyle": "square,pad=0.18", "facecolor": INK, "edgecolor": "white", "linewidth": 0.5})


def _tag_places(result: PixelView, panel: tuple[float, float]) -> list[tuple[float, float]]:
    """(y, x) of each number: the first corner of its box at which it hides neither another number nor the pixel."""
    rows, columns = result.image_size
    unit_y, unit_x = rows / panel[0], columns / panel[1]  # pixels an inch
    half_y, half_x = 0.075 * unit_y, 0.065 * unit_x
    taken = [(float(result.pixel[0]), float(result.pixel[1]))]
    places = []
    for region in _regions(result):
        corners = [_inside(y, x, half_y, half_x, rows, columns) for y, x in _corners(region, half_y, half_x)]
        free = [
            (y, x) for y, x in corners if all(abs(y - v) > 2.1 * half_y or abs(x - u) > 2.1 * half_x for v, u in taken)
        ]
        places.append((free or corners)[0])
        taken.append(places[-1])
    return places


def _corners(region: Disagreement, half_y: float, half_x: float) -> list[tuple[float, float]]:
    top, left, bottom, right = region.box
    within = [(y, x) for y in (top + half_y, bottom - half_y) for x in (left + half_x, right - half_x)]
    outside = [(y, x) for y in (top - half_y, bottom + half_y) for x in (left + half_x, right - half_x)]
    roomy = bottom - top > 4 * half_y and right - left > 4 * half_x
    return within + outside if roomy else outside + within


def _inside(y: float, x: float, half_y: float, half_x: float, rows: int, columns: int) -> tuple[float, float]:
    return float(np.clip(y, half_y, rows - half_y)), float(np.clip(x, half_x, columns - half_x))


def _right(result: Comparison, truth: np.ndarray | None) -> str:
    """Who is right where the models differ, in words; empty where that is not known."""
    labels = result.left.labels, result.right.labels
    found = verdict_pixels(*labels, result.class_names, truth=truth)
    known = found["better"] + found["worse"] + found["neither"]
    if not known:
        return ""
    left, right = result.names
    shares = percent(found["better"] / known), percent(found["worse"] / known)
    return f"; of those with a label, {right} is right on {shares[0]}, {left} on {shares[1]}"


def _draw_regions(sheet: Sheet, result: Comparison, top: float, truth: np.ndarray | None) -> float:
    width = sheet.width - 2 * _MARGIN
    lead = f"The models differ on {percent(result.disagreeing_share)} of the pixels{_right(result, truth)}"
    if result.disagreements:
        lead += ". Boxes: left | right model, pixels that differ"
    elif result.disagreeing_share > 0:
        lead += ", in no region worth a box"
    else:
        lead = "The models agree on every pixel"
    top += sheet.text(_MARGIN, top, fill(lead, width), size=TEXT)
    entries = [
        f"{number}: {region.left} | {region.right}, {region.area} px"
        for number, region in enumerate(result.disagreements, 1)
    ]
    return _draw_entries(sheet, entries, top, extra=0.14)


def _draw_classes(sheet: Sheet, result: PixelView, table: ClassTable, top: float, truth: np.ndarray | None) -> float:
    maps = [*(view.labels for view in result.views), *([] if truth is None else [truth])]
    present = sorted({value for labels in maps for value in np.unique(labels).tolist()})
    known = [index for index in present if index < len(table)]
    entries = [table.classes[index] for index in known]
    colours = ["#{:02x}{:02x}{:02x}".format(*table.palette[index]) for index in known]
    if table.ignore_index in present:
        entries.append("unlabelled")
        colours.append("#000000")
    return _draw_entries(sheet, entries, top, extra=_SWATCH + 0.2, colours=colours)


def _draw_entries(
    sheet: Sheet, entries: list[str], top: float, *, extra: float, colours: list[str] | None = None
) -> float:
    """Entries in lines, each with a swatch where colours are given; returns where the next thing may start.

    One that is longer than a line has several, and no other beside it.
    """
    if not entries:
        return top
    room, start = sheet.width - 2 * _MARGIN, 0.0 if colours is None else _SWATCH + 0.04
    for line in wrap(entries, room, SMALL, extra=extra):
        left, high = _MARGIN, 0.0
        for index in line:
            if colours is not None:
                swatch = sheet.axes(left, top + 0.015, _SWATCH, 0.085, label=f"class {entries[index]}")
                swatch.set_facecolor(colours[index])
                swatch.set_xticks([])
                swatch.set_yticks([])
            words = entries[index] if len(line) > 1 else fill(entries[index], room - start, SMALL)
            high = max(high, sheet.text(left + start, top, words, size=SMALL))
            left += text_width(entries[index], SMALL) + extra
        top += high + 0.01
    return top
