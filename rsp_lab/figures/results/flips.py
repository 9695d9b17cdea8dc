"""Regions in which two models part: each on the photograph, with the ledger entries that set the two apart."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import Normal, Stroke
from matplotlib.transforms import Affine2D

from rsp_lab.analysis.comparison.flips import ITSELF, RANK_RULE, FlipStories, FlipStory, LedgerEntry
from rsp_lab.figures.drawing.captions import image_words, model_words
from rsp_lab.figures.drawing.panels import bare, rgb, show_picture
from rsp_lab.figures.drawing.sheet import Sheet, fill, fit, line_height, shorten, text_width
from rsp_lab.figures.style import DOUBLE, FAINT, INK, QUIET, SINGLE, SMALL, level_colour, plot_style
from rsp_lab.rgb import ImageLike
from rsp_lab.text import signed_column

_MARGIN = 0.08
_PHOTO = 2.0
_TALLEST = 1.7
_CLOSE = 1.35
_NUMBERS = 1.35
_WORDS = 1.62
"""Inches of the three columns of numbers beside the bars."""
_ENTRIES = 3
"""Towards the right model's class, and as many against it."""


def draw_flips(image: ImageLike, flips: FlipStories, *, width: float = DOUBLE) -> Figure:
    """A row for each story: where it is, close up, and its largest ledger entries of either sign in both models.

    Bars of a row add up: what is not among the largest entries stands in a row of its own.

    Args:
        image: RGB of the stories, uint8 or float in [0, 1]; see :mod:`rsp_lab.rgb`.
        flips: at least one.
        width: inches, ``DOUBLE``, or ``SINGLE``, in which the bars stand below the pictures.

    Raises:
        ValueError: without a story.
    """
    if not flips.stories:
        raise ValueError("there is no flip to draw: the models agree, or every region is smaller than `least`.")
    with plot_style():
        sheet, top = Sheet(width), _MARGIN
        for number, story in enumerate(flips.stories, 1):
            top = _draw_story(sheet, rgb(image), story, number, top) + 0.14
        words = (
            f"□ {flips.names[0]}  ■ {flips.names[1]}. Bars: contribution to the right model's class over the left "
            "model's, mean over the region, in logits"
        )
        if width > SINGLE + 1:
            words += (
                f", by level and by what lies where it comes from ({flips.source_rule}); the largest differences of "
                f"either sign, and the rest in one bar. Ranked by {RANK_RULE}"
            )
        words += "."
        top += sheet.text(_MARGIN, top, fill(words, width - 2 * _MARGIN, SMALL), size=SMALL, color=QUIET)
        return sheet.finish(top + _MARGIN)


def flips_caption(flips: FlipStories, image_name: str = "") -> str:
    """The caption of :func:`draw_flips`, as plain text."""
    stories = [f"{number}: {story.sentence()}" for number, story in enumerate(flips.stories, 1)]
    size = flips.stories[0].mask.shape
    return " ".join(
        [
            f"Where {model_words(flips.names)} part, ranked by {RANK_RULE}. By level and by what lies "
            f"where it comes from: {flips.source_rule}.",
            *stories,
            image_words((size[0], size[1]), image_name),
        ]
    )


def _draw_story(sheet: Sheet, photo: np.ndarray, story: FlipStory, number: int, top: float) -> float:
    head = f"{number}  {story.names[0]} says {story.left_class}, {story.names[1]} says {story.right_class}"
    if story.verdict is not None:
        head += {
            "better": f": {story.names[1]} is right more often",
            "worse": f": {story.names[1]} is right less often",
            "neither": ": both are right equally often",
        }[story.verdict]
    room, narrow = sheet.width - 2 * _MARGIN, sheet.width < DOUBLE - 1
    words = fill(head, room, bold=True) if narrow else shorten(head, room, bold=True)
    top += sheet.text(_MARGIN, top, words, weight="bold") + 0.02
    high, wide = fit(
        (photo.shape[0], photo.shape[1]), min(_PHOTO, room - _CLOSE - 0.06), _TALLEST if not narrow else 0.85
    )
    whole = sheet.axes(_MARGIN, top, wide, high, label=f"photo {number}")
    close = sheet.axes(_MARGIN + wide + 0.06, top, _CLOSE, high, label=f"close {number}")
    box = close_up(story, (photo.shape[0], photo.shape[1]), high / _CLOSE)
    for axes in (whole, close):
        show_picture(axes, photo)
        _outline(axes, story)
    y0, x0, y1, x1 = box
    whole.add_artist(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor="white", linewidth=0.8))
    close.set(xlim=(x0, x1), ylim=(y1, y0))
    if narrow:
        top = _draw_entries(sheet, story, number, _MARGIN, top + high + 0.06, 0.0) + 0.04
    else:
        bottom = _draw_entries(sheet, story, number, _MARGIN + wide + _CLOSE + 0.2, top, high)
        top = max(top + high, bottom) + 0.04
    return top + sheet.text(_MARGIN, top, fill(story.sentence(), room, SMALL), size=SMALL)


def close_up(story: FlipStory, size: tuple[int, int], proportion: float) -> tuple[float, float, float, float]:
    """(top, left, bottom, right) in pixels, about three times the region's box, of the given height over width, and on
    the image as far as it reaches."""
    top, left, bottom, right = story.box
    height = min(float(size[0]), max(3.0 * (bottom - top), 3.0 * (right - left) * proportion, 48.0))
    width = height / proportion
    middle_y, middle_x = (top + bottom) / 2, (left + right) / 2
    y0 = min(max(middle_y - height / 2, 0.0), size[0] - height)
    x0 = middle_x - width / 2 if width > size[1] else min(max(middle_x - width / 2, 0.0), size[1] - width)
    return y0 - 0.5, x0 - 0.5, y0 + height - 0.5, x0 + width - 0.5


def _outline(axes: Axes, story: FlipStory) -> None:
    mask = story.mask.cpu().numpy().astype(float)
    lines = axes.contour(np.pad(mask, 1), levels=[0.5], colors=[INK], linewidths=0.9)
    # The padded map starts one pixel before the image; without it regions at the border would stay open.
    lines.set_paths([path.transformed(Affine2D().translate(-1, -1)) for path in lines.get_paths()])
    lines.set(path_effects=[Stroke(linewidth=2.2, foreground="white"), Normal()], gid="region")


def _words(entry: LedgerEntry) -> str:
    """Where an entry comes from, in fewer words where its level's stride makes them too long for the column."""
    words = entry.describe()
    source = "itself" if entry.source == ITSELF else entry.source
    return words if text_width(words, SMALL) <= _WORDS - 0.06 else f"{source}, {entry.level_name}"


def _draw_entries(sheet: Sheet, story: FlipStory, number: int, left: float, top: float, high: float) -> float:
    rows = [
        (_words(entry), FAINT if entry.level is None else level_colour(entry.level), entry)
        for entry in story.leading_entries(_ENTRIES if sheet.width > SINGLE + 1 else 2)
    ]
    rows.append(("in all", INK, LedgerEntry(None, "in all", story.left.total, story.right.total)))
    words_wide = min(
        _WORDS if sheet.width > SINGLE + 1 else 1.2, max(text_width(words, SMALL) for words, _, _ in rows) + 0.06
    )
    start, ends = left + words_wide, [sheet.width - _MARGIN - _NUMBERS * (2 - i) / 3 for i in range(3)]
    for words, end in zip(("□", "■", "■ − □"), ends, strict=True):
        sheet.text(end, top, words, size=SMALL, color=QUIET, ha="right")
    top += line_height(SMALL)
    tall = max(high - line_height(SMALL), 0.17 * len(rows))
    axes = sheet.axes(start, top, sheet.width - _MARGIN - _NUMBERS - start, tall, label=f"entries {number}")
    for place, (words, colour, entry) in enumerate(rows):
        middle = top + (place + 0.5) * tall / len(rows)
        sheet.text(left, middle, shorten(words, words_wide - 0.04, SMALL), size=SMALL, va="center")
        for end, value in zip(ends, (entry.left, entry.right, entry.difference), strict=True):
            sheet.text(end, middle, signed_column(value), size=SMALL, va="center", ha="right")
        for shift, value, filled in ((-0.19, entry.left, False), (0.19, entry.right, True)):
            (bar,) = axes.barh(place + shift, value, 0.34, linewidth=0.8, edgecolor=colour)
            bar.set(facecolor=colour if filled else "none", gid=f"{words} {'right' if filled else 'left'}")
    axes.axvline(0, color=QUIET, linewidth=0.5)
    axes.set(ylim=(len(rows) - 0.5, -0.5), xmargin=0.04)
    bare(axes)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return top + tall
