"""The fonts of figures: one for all words, and fallbacks for letters that it lacks, where they are installed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache

from matplotlib import font_manager
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from rsp_lab.figures.letters import escaped, note_missing

FIRST = "DejaVu Sans"
"""Comes with matplotlib, so that figures look alike everywhere."""

FALLBACKS = (
    # Chinese, Japanese and Korean, as Linux, macOS and Windows have them.
    *(f"{name} {form}" for name in ("Noto Sans CJK", "Noto Sans", "Source Han Sans") for form in ("SC", "JP", "KR")),
    "IPAexGothic",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
    "NanumGothic",
    "PingFang SC",
    "Hiragino Sans",
    "Apple SD Gothic Neo",
    "Microsoft YaHei",
    "Yu Gothic",
    "MS Gothic",
    "Malgun Gothic",
    # Other scripts.
    "Noto Sans Devanagari",
    "Noto Sans Bengali",
    "Noto Sans Tamil",
    "Noto Sans Thai",
    "Nirmala UI",
    "Leelawadee UI",
    "Arial Unicode MS",
    "Unifont",
)
"""Tried in this order; those that are not installed are left out."""


_WEIGHT = "Failed to find font weight"


@contextmanager
def quiet_weights() -> Iterator[None]:
    """Without matplotlib's line on stderr that a fallback, which draws a letter or two, has no bold face."""

    def keep(record: logging.LogRecord) -> bool:
        return _WEIGHT not in str(record.msg)

    logger = logging.getLogger(font_manager.__name__)
    logger.addFilter(keep)
    try:
        yield
    finally:
        logger.removeFilter(keep)


def font_families() -> list[str]:
    """The fonts that words are drawn with, in the order in which a letter is looked for."""
    return list(_families(len(font_manager.fontManager.ttflist)))


def legible(words: str) -> str:
    """The words, each letter that no installed font has as its code point, e.g. ``\\\\u8eca``."""
    if words.isascii():
        return words
    known = _letters(tuple(font_families()))
    missing = {letter for letter in words if ord(letter) not in known and letter != "\n"}
    if not missing:
        return words
    note_missing(missing)
    return "".join(escaped(letter) if letter in missing else letter for letter in words)


def text_width(words: str, size: float, *, bold: bool = False) -> float:
    """Inches that legible words take in one line."""
    return _width(legible(words), size, bold, tuple(font_families()))


@cache
def _families(fonts: int) -> tuple[str, ...]:
    """Of a machine with so many ``fonts``: as long as none is added, the answer stays."""
    installed = set(font_manager.fontManager.get_font_names())
    return (FIRST, *(name for name in FALLBACKS if name in installed))


@cache
def _letters(families: tuple[str, ...]) -> frozenset[int]:
    """Code points that the fonts have."""
    fonts = (font_manager.findfont(FontProperties(family=[name])) for name in families)
    return frozenset(point for font in fonts for point in font_manager.get_font(font).get_charmap())


@lru_cache(maxsize=8192)
def _width(words: str, size: float, bold: bool, families: tuple[str, ...]) -> float:
    font = FontProperties(family=list(families), size=size, weight="bold" if bold else "normal")
    width, _, _ = text_to_path.get_text_width_height_descent(words, font, ismath=False)
    return float(width) / 72
