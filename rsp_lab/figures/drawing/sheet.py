"""Placing panels and words on a sheet in inches, so that every panel has the photograph's proportions exactly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from rsp_lab.figures import fonts
from rsp_lab.figures.fonts import legible
from rsp_lab.figures.style import TEXT, ShownFigure

LINE = 1.35
"""Line spacing in units of the type size."""


ASCENT = 1.0
"""From the top of a line to its baseline, in units of the type size."""


class Sheet:
    """A figure whose parts are placed in inches from the top left; the height is known only at the end.

    A layout engine would leave panels of fixed proportions floating in their slots; here the page is as high as
    what stands on it.
    """

    def __init__(self, width: float) -> None:
        self.width = width
        self.figure = ShownFigure(figsize=(width, 1.0))
        self._axes: list[tuple[Axes, float, float, float, float]] = []
        self._texts: list[tuple[Text, float, float]] = []

    def axes(self, left: float, top: float, width: float, height: float, *, label: str) -> Axes:
        """Axes with a stable label, by which tests and editors of the figure find them.

        Their limits are set by whoever draws: shapes are put there by ``add_artist``, which does not measure them.
        """
        axes = self.figure.add_axes((0.0, 0.0, 1.0, 1.0), label=label)
        self._axes.append((axes, left, top, width, height))
        return axes

    def text(self, left: float, top: float, words: str, *, size: float = TEXT, **style: Any) -> float:
        """Lines of words that begin at ``top``, on baselines that do not depend on the letters; returns their height.

        With ``va="center"``, the lines as a whole are centred on ``top``.
        """
        lines = legible(words).split("\n")
        high = line_height(size)
        start = top - len(lines) * high / 2 if style.pop("va", "top") == "center" else top
        for number, line in enumerate(lines):
            artist = self.figure.text(0.0, 0.0, line, fontsize=size, va="baseline", **style)
            self._texts.append((artist, left, start + number * high + ASCENT * size / 72))
        return high * len(lines)

    def finish(self, height: float) -> Figure:
        """The figure, ``height`` inches high."""
        self.figure.set_size_inches(self.width, height)
        for axes, left, top, w, h in self._axes:
            axes.set_position((left / self.width, 1 - (top + h) / height, w / self.width, h / height))
        for text, left, top in self._texts:
            text.set_position((left / self.width, 1 - top / height))
        return self.figure


def line_height(size: float) -> float:
    """Inches from one line of type to the next."""
    return LINE * size / 72


def fit(image_size: tuple[int, int], width: float, height: float) -> tuple[float, float]:
    """Inches (height, width) of the largest panel of the image's proportions within a slot."""
    rows, columns = image_size
    scale = min(width / columns, height / rows)
    return rows * scale, columns * scale


def text_width(words: str, size: float = TEXT, *, bold: bool = False) -> float:
    """Inches that words take in one line."""
    return fonts.text_width(words, size, bold=bold)


def shorten(words: str, width: float, size: float = TEXT, *, bold: bool = False) -> str:
    """The words, or their beginning and end around an ellipsis where they would not fit."""
    words = legible(words)
    if text_width(words, size, bold=bold) <= width:
        return words
    for keep in range(len(words) - 1, 1, -1):
        short = words[: (keep + 1) // 2] + "…" + words[len(words) - keep // 2 :]
        if text_width(short, size, bold=bold) <= width:
            return short
    return "…"


def wrap(items: Sequence[str], width: float, size: float = TEXT, *, extra: float = 0.0) -> list[list[int]]:
    """Indices of the items by line; ``extra`` inches stand beside each item (a swatch, a gap)."""
    lines: list[list[int]] = [[]]
    used = 0.0
    for index, item in enumerate(items):
        need = text_width(item, size) + extra
        if lines[-1] and used + need > width:
            lines.append([])
            used = 0.0
        lines[-1].append(index)
        used += need
    return lines


def fill(words: str, width: float, size: float = TEXT, *, bold: bool = False) -> str:
    """The words broken into lines that fit, within a word where it is longer than a line."""
    lines: list[str] = []
    for word in legible(words).split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size, bold=bold) <= width:
            lines[-1] = longer
            continue
        while len(word) > 1 and text_width(word, size, bold=bold) > width:
            piece = _beginning(word, width, size, bold)
            lines.append(word[:piece])
            word = word[piece:]
        lines.append(word)
    return "\n".join(lines)


def _beginning(word: str, width: float, size: float, bold: bool) -> int:
    """How many letters of a word fit on a line, at least one."""
    fitting = (count for count in range(len(word) - 1, 1, -1) if text_width(word[:count], size, bold=bold) <= width)
    return next(fitting, 1)
