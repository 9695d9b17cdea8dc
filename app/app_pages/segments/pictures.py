"""Pictures of segmentations: the panoptic picture with its names, and what the class of a thing rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

import numpy as np
import torch
from jaxtyping import Bool
from PIL import Image
from scipy import ndimage
from torch import Tensor

from app.charts.chart import Chart
from app.charts.legend import chip, legend_html
from app.charts.on_image import PHONE, picture_chart, picture_uri
from app.charts.signed_cells import add_signed_cells, grey_uri, in_fine_cells
from app.charts.theme import is_dark
from app.shell.picker import enlarged, is_narrow
from app.shell.text import escape
from rsp_lab.analysis.ledger.extent import Box
from rsp_lab.analysis.panoptic.merge import Merged
from rsp_lab.analysis.panoptic.names import PlacedName, placed_names, set_aside
from rsp_lab.analysis.panoptic.places import Place
from rsp_lab.data.labels import colour
from rsp_lab.data.panoptic.categories import VOID
from rsp_lab.data.panoptic.painting import painted, segment_colours
from rsp_lab.data.panoptic.segments import SegmentMap
from rsp_lab.negative_cells import FINE

WIDTH = 600
"""Screen pixels that one of two pictures gets in a window of 1280."""
_NAMES_FOR = 500
"""Screen pixels that it has at least but on a telephone: names have room there."""
_SIDE = 1024
_FONT, _SMALL = 12, 11
_RING = 17
"""Screen pixels that the ring at the selected pixel takes up, with a little air."""
_STRIPES, _STRIPE = 9, 3
Pixel = tuple[int, int]


class Shown(StrEnum):
    """What is laid over the photograph."""

    SEGMENTS = "segments"
    SEMANTIC = "semantic map"
    NOTHING = "nothing"


def ground_uri(image: Tensor, merged: Merged, shown: Shown) -> str:
    """The photograph (uint8 [3, y, x]) with what is laid over it, as a data address."""
    return picture_uri(_ground(image, merged, shown, _times(merged.size)))


def panoptic_html(
    ground: str,
    merged: Merged,
    shown: Shown,
    pixel: Pixel,
    chosen: Bool[Tensor, "y x"] | None,
    known: Mapping[int, int] | None = None,
) -> tuple[str, tuple[PlacedName, ...]]:
    """The picture of one model, as wide as its place, in which a click selects a pixel, and where its names stand.

    Args:
        ground: see :func:`ground_uri`.
        merged: its segments.
        shown: what is laid over the photograph.
        pixel: the selected one.
        chosen: the pixels that are explained, outlined.
        known: numbers of segments in the picture beside this one.
    """
    rows, columns = merged.size
    pictures = [ground]
    if chosen is not None:
        pictures.append(picture_uri(_outlined(chosen, _times(merged.size))))
    placed = _place_names(merged, known, pixel) if shown == Shown.SEGMENTS else ()
    areas = merged.map.areas
    images = "".join(f'<img src="{uri}" alt="">' for uri in pictures)
    names = "".join(
        f'<span class="rsp-title{"" if one.number is None else " rsp-number"}" style="{_at(one.centre, merged.size)}" '
        f'title="{escape(f"{one.title}, {areas[one.segment]:,} px")}">{escape(one.words)}</span>'
        for one in placed
        if one.centre is not None
    )
    ring = f'<b style="{_at((float(pixel[0]), float(pixel[1])), merged.size)}"></b>'
    picture = f'<div data-pick="{rows},{columns}" style="aspect-ratio:{columns}/{rows}">{images}{names}{ring}</div>'
    return f'<div class="rsp-thumbs rsp-panoptic">{picture}</div>', placed


def names_html(merged: Merged, placed: Sequence[PlacedName]) -> str:
    """The names that do not stand in the picture, each with its colour."""
    colours = segment_colours(merged.map, merged.table)
    numbered = sorted((one for one in placed if one.number is not None), key=lambda one: one.number or 0)
    below = [*numbered, *(one for one in placed if one.centre is None)]
    shades = ("#{:02x}{:02x}{:02x}".format(*colours[one.segment]) for one in below)
    words = (one.title if one.number is None else f"{one.number} {one.title}" for one in below)
    return legend_html(chip(shade, text) for shade, text in zip(shades, words, strict=True))


def semantic_html(merged: Merged) -> str:
    """The classes of the semantic map with their colours, most pixels first, and in words what has no tint there."""
    table = merged.table.semantic
    areas = merged.labels.flatten().long().bincount(minlength=256)
    present = [int(label) for label in areas.argsort(descending=True, stable=True) if areas[label]]
    shades = {label: "#{:02x}{:02x}{:02x}".format(*shade) for label, shade in enumerate(table.palette) if label}
    chips = [chip(shades[label], table.classes[label]) for label in present if label in shades]
    if 0 in present:
        chips.append('<span class="rsp-quiet">not tinted: things, which this map does not tell apart</span>')
    return legend_html(chips)


def _at(place: tuple[float, float], size: tuple[int, int]) -> str:
    down, along = (100 * (at + 0.5) / side for at, side in zip(place, size, strict=True))
    return f"top:{down:.2f}%;left:{along:.2f}%"


def score_chart(image: Tensor, values: Tensor, place: Place, window: Box, end: float) -> Chart:
    """What each pixel of a window does for the class of a thing, whose pixels are outlined."""
    size = image.shape[-2], image.shape[-1]
    grounds = grey_uri(image, is_dark()), picture_uri(_outlined(place.mask, _times(size)))
    chart = picture_chart(size, *grounds, width=WIDTH)
    cells, unit = score_cells(values)
    if bool((cells != 0).any()):
        add_signed_cells(chart, cells, size, end, unit, most=FINE)
    top, left, bottom, right = window
    # It lies below words of any length, and so moves: nothing is selected here.
    del chart.layout["meta"]
    chart.update(xaxis={"range": [left, right]}, yaxis={"range": [bottom, top]})
    return chart


def score_cells(values: Tensor) -> tuple[Tensor, str]:
    """A map of pixels in cells that a browser draws quickly, and the unit of one."""
    return (values, "logits per pixel") if max(values.shape) <= 320 else (in_fine_cells(values), "logits per 4 x 4 px")


def _times(size: tuple[int, int]) -> int:
    """How many pixels of a picture across stand for one of an image of ``size``."""
    return max(1, _SIDE // max(size))


def _ground(image: Tensor, merged: Merged, shown: Shown, times: int) -> np.ndarray:
    photo = _larger(image, times)
    if shown == Shown.NOTHING:
        return photo
    if shown == Shown.SEMANTIC:
        labels = np.kron(merged.labels.numpy(), np.ones((times, times), np.uint8)).astype(np.uint8)
        tinted = (0.4 * photo + 0.6 * colour(labels, merged.table.semantic)).round().astype(np.uint8)
        # Grey stands for things together, and for buildings: a tint would make them one.
        return _rimmed(np.where((labels == 0)[..., None], photo, tinted), labels, ())
    ids = np.kron(merged.map.ids.numpy(), np.ones((times, times), np.int32)).astype(np.int32)
    picture = painted(photo, SegmentMap(torch.from_numpy(ids), merged.map.segments), merged.table)
    rows, columns = np.indices(ids.shape)
    picture[(ids == VOID) & ((rows + columns) % _STRIPES < _STRIPE)] = (176, 176, 176)
    things = [fate.segment for fate in merged.instances if fate.segment is not None]
    return _rimmed(picture, ids, things)


def _rimmed(picture: np.ndarray, ids: np.ndarray, things: list[int] | tuple[int, ...]) -> np.ndarray:
    """Light edges between segments; around things also a dark one outside."""
    edge = np.zeros(ids.shape, bool)
    edge[1:] |= ids[1:] != ids[:-1]
    edge[:, 1:] |= ids[:, 1:] != ids[:, :-1]
    picture = picture.copy()
    picture[edge] = (0.35 * picture[edge] + 0.65 * 255).astype(np.uint8)
    for thing in things:
        box = _box(ids == thing, 2)
        inside, part = ids[box] == thing, picture[box]
        part[ndimage.binary_dilation(inside, iterations=2) & ~inside] = 26
        part[inside & ~ndimage.binary_erosion(inside, iterations=2, border_value=1)] = 255
    return picture


def _box(mask: np.ndarray, around: int) -> tuple[slice, slice]:
    """The rows and columns that hold a mask and so many pixels around it; all of an empty one."""
    ends = []
    for axis in (1, 0):
        places = np.flatnonzero(mask.any(axis))
        ends.append(slice(max(0, places[0] - around), places[-1] + around + 1) if len(places) else slice(None))
    return ends[0], ends[1]


def _outlined(mask: Tensor, times: int) -> np.ndarray:
    """The border of a region as RGBA: yellow between two dark lines, which shows on every ground."""
    whole = np.kron(mask.numpy(), np.ones((times, times), bool))
    picture = np.zeros((*whole.shape, 4), np.uint8)
    box = _box(whole, 4)
    inside, part = whole[box], picture[box]
    part[ndimage.binary_dilation(inside, iterations=4) & ~inside] = (17, 17, 17, 255)
    part[ndimage.binary_dilation(inside, iterations=3) & ~inside] = (255, 212, 0, 255)
    return picture


def _larger(image: Tensor, times: int) -> np.ndarray:
    photo = Image.fromarray(image.permute(1, 2, 0).numpy())
    return np.asarray(photo.resize((photo.width * times, photo.height * times), Image.Resampling.BICUBIC))


def _place_names(merged: Merged, known: Mapping[int, int] | None, pixel: Pixel) -> tuple[PlacedName, ...]:
    share = merged.size[1] / (PHONE if is_narrow() else enlarged(_NAMES_FOR))  # image pixels a screen pixel

    def box(font: int, words: str) -> tuple[float, float]:
        return 1.15 * font * share, (0.56 * font * len(words) + 4) * share

    placed = placed_names(merged, lambda words: box(_FONT, words), lambda words: box(_SMALL, words), known)
    sizes = [box(_FONT if one.number is None else _SMALL, one.words) for one in placed]
    return set_aside(placed, sizes, pixel, _RING * share, merged.size)
