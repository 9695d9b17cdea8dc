"""Numbers in words, tables in plain text and Markdown, and numbers cut for JSON: one way each.

Numbers for readers have a true minus sign; what is missing or no number is a dash.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, SupportsFloat

MINUS = "−"
MISSING = "–"
"""Stands where there is no number."""

_LEAST_PERCENT = 0.001

Value = SupportsFloat | None
"""A number of Python, numpy or torch, or none."""


def in_short(given: object) -> str:
    """What was given in the place of something else, e.g. ``"(40, 50)"`` or ``"a Tensor of shape (3, 4)"``."""
    shape = getattr(given, "shape", None)
    if shape is not None:
        return f"a {type(given).__name__} of shape {tuple(shape)}"
    words = reprlib.repr(given)
    return f"a {type(given).__name__}" if "\n" in words else words  # a network's repr is a page


def significant(value: Value, digits: int = 3) -> str:
    """Significant digits, e.g. ``"−1.2"``."""
    return _written(value, f".{digits}g")


def signed(value: Value, digits: int = 3) -> str:
    """Significant digits with a sign, e.g. ``"+1.2"``; 0 has none."""
    return _written(value, f"+.{digits}g")


def fixed(value: Value, decimals: int = 2) -> str:
    """Decimals, so that a column lines up, e.g. ``"−1.20"``; what rounds to 0 has no sign."""
    return _written(value, f".{decimals}f")


def signed_fixed(value: Value, decimals: int = 2) -> str:
    """Decimals with a sign, e.g. ``"+1.20"``; what rounds to 0 has none."""
    return _written(value, f"+.{decimals}f")


def signed_column(value: Value) -> str:
    """Two decimals with a sign, and fewer where a number is so large that it would leave its column."""
    size = 0.0 if value is None else abs(float(value))
    return signed(value) if size >= 99_999.5 else signed_fixed(value, 2 if size < 99.995 else 1 if size < 999.95 else 0)


def share(value: Value) -> str:
    """A share of 1 with three decimals; a share that is not 0 does not look like 0."""
    return "< 0.001" if value is not None and 0 < float(value) < 0.0005 else fixed(value, 3)


def percent(value: Value, decimals: int | None = None, *, unit: bool = True) -> str:
    """A share of 1 in percent, with three significant digits or with decimals, e.g. ``"12.3 %"``.

    What is not 0 but tiny is said to be less than the thousandth part of a percent, instead of as 5.78e−14.
    """
    hundreds = None if value is None else 100 * float(value)
    if decimals is None and hundreds is not None and 0 < abs(hundreds) < _LEAST_PERCENT:
        words = f"< {_LEAST_PERCENT}" if hundreds > 0 else f"> {MINUS}{_LEAST_PERCENT}"
    else:
        words = significant(hundreds) if decimals is None else fixed(hundreds, decimals)
    return f"{words} %" if unit and words != MISSING else words


def points(value: Value) -> str:
    """A difference of shares in percentage points, without the unit, e.g. ``"+1.2"``."""
    return signed_fixed(None if value is None else 100 * float(value), 1)


def aligned(values: Sequence[Value], *, sign: bool = False, least: int = 1, beside: Sequence[Value] = ()) -> list[str]:
    """Numbers of a pair or a table with the same decimals: those that give the largest three significant digits.

    There are ``least`` to three decimals. What is nothing is 0, and what would look like it is e.g. ``"< 0.001"``, of
    either sign.

    Args:
        sign: of differences, a plus stands too.
        beside: numbers that stand in the same table and have a say in the decimals.
    """
    sizes = [abs(float(one)) for one in (*values, *beside) if one is not None and math.isfinite(float(one))]
    largest = float(f"{max(sizes, default=0.0):.2e}")  # 9.996 is written as 10
    places = 2 - math.floor(math.log10(largest)) if largest else least
    decimals = min(3, max(least, places))
    form = signed_fixed if sign else fixed

    def words(value: Value) -> str:
        if value is None or math.isnan(float(value)):
            return MISSING
        if not float(value):
            return "0"
        too_small = abs(float(value)) < 0.5 * 10.0**-decimals
        return f"< {fixed(10.0**-decimals, decimals)}" if too_small else form(value, decimals)

    return [words(value) for value in values]


def listed(names: Sequence[str]) -> str:
    """E.g. ``"76, 65 and 54"``."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def spread(values: Sequence[float], *, difference: bool = False) -> str:
    """Shares, or differences of them, in percent: median (minimum to maximum), or the one value alone."""
    form = signed_fixed if difference else fixed
    middle, least, most = (form(100 * value, 1) for value in (median(values), min(values), max(values)))
    return middle if len(values) == 1 else f"{middle} ({least} to {most})"


def spell_out(stream: Any) -> None:
    """From here on, a stream writes as an escape what its encoding lacks, instead of raising; e.g. a true minus."""
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")


def plain_table(rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their content, the first to the left and the others to the right."""
    wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join([row[0].ljust(wide[0]), *map(str.rjust, row[1:], wide[1:])]) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def markdown_table(titles: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Lines of a table; ``left`` columns are left-aligned, the others, numbers, right-aligned."""
    rule = ["---"] * left + ["---:"] * (len(titles) - left)
    return [f"| {' | '.join(line)} |" for line in (_cells(titles), rule, *map(_cells, rows))]


def _cells(row: Sequence[str]) -> list[str]:
    """Cells that stay cells whatever a class or a model is called."""
    return [" ".join(cell.split("\n")).replace("|", "\\|") for cell in row]


def rounded(value: Any, digits: int = 6) -> Any:
    """JSON-able data with its floats rounded to ``digits`` decimals; what is not finite is None.

    Args:
        value: floats, numbers of numpy, arrays and tensors, and dicts, lists and tuples of such; the rest stays as it
            is.
    """
    if isinstance(value, float):
        return round(float(value), digits) + 0.0 if math.isfinite(value) else None  # no -0.0
    if isinstance(value, Mapping):
        return {name: rounded(item, digits) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item, digits) for item in value]
    if hasattr(value, "tolist"):  # arrays, tensors, and their scalars
        return rounded(value.tolist(), digits)
    return value


def _written(value: Value, form: str) -> str:
    if value is None or math.isnan(float(value)):
        return MISSING
    text = format(float(value), form).replace("-", MINUS)
    nothing = not any(digit in text for digit in "123456789") and "inf" not in text
    return text.lstrip(f"+{MINUS}") if nothing else text
