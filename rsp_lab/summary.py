"""Short forms of result objects: a few lines in a console, a small table in a notebook."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor, nn

from rsp_lab.text import significant

LINES = 12
"""Lines of a summary at the most, its title among them."""
COLUMNS = 100
_INLINE = 8
Rows = Sequence[tuple[str, Any]]


class Summarised:
    """A result with a short ``repr`` of at most :data:`LINES` lines, and the same as a table in a notebook.

    The summary has a title and rows of a name and a value: by default the class and its fields, tensors as their dtype
    and shape. A result that has more to say overrides :meth:`_summary`. Subclasses that are dataclasses keep this
    ``repr`` instead of the generated one, which prints every number of every tensor.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__repr__" not in cls.__dict__:
            # A dataclass generates a repr for a class that does not hold one itself.
            cls.__repr__ = Summarised.__repr__  # type: ignore[method-assign]

    def _summary(self) -> tuple[str, Rows]:
        """Title and rows; values are shortened by :func:`short`."""
        fields: tuple[dataclasses.Field[Any], ...] = dataclasses.fields(self) if dataclasses.is_dataclass(self) else ()
        return type(self).__name__, [(field.name, getattr(self, field.name)) for field in fields]

    def __repr__(self) -> str:
        title, rows = self._summary()
        return as_text(title, rows)

    def _repr_html_(self) -> str:
        title, rows = self._summary()
        return as_html(title, rows)


def as_text(title: str, rows: Rows) -> str:
    """Title and aligned rows, cut to :data:`LINES` lines of :data:`COLUMNS` columns; what fits on one line is one."""
    cells = _cut_rows(rows)
    if title.isidentifier():
        line = f"{title}({', '.join(f'{name}={value}' for name, value in cells)})"
        if len(line) <= COLUMNS:
            return line
    width = max((len(name) for name, _ in cells), default=0)
    lines = [title, *(f"  {name.ljust(width)}  {value}".rstrip() for name, value in cells)]
    return "\n".join(_cut(line, COLUMNS) for line in lines)


def as_html(title: str, rows: Rows) -> str:
    """The same as a table, everything escaped, without style or resources of its own."""
    body = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>" for name, value in _cut_rows(rows)
    )
    return f"<table><caption>{html.escape(title)}</caption><tbody>{body}</tbody></table>"


def _number(value: float) -> str:
    return "nan" if value != value else significant(value, 4)


def short(value: Any) -> str:
    """A value on one line: numbers to four digits, tensors as dtype and shape, results as their title."""
    if isinstance(value, Summarised):
        return value._summary()[0]
    if isinstance(value, (Tensor, np.ndarray)):
        kind = str(value.dtype).removeprefix("torch.")
        shape = " x ".join(map(str, value.shape))
        return f"{kind} {shape}" if shape else f"{kind} {_number(value.item())}"
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, str):
        return " ".join(value.splitlines())
    if isinstance(value, nn.Module) or (dataclasses.is_dataclass(value) and not isinstance(value, type)):
        return type(value).__name__
    if isinstance(value, Mapping):
        return f"{{{_several([f'{key}: {short(item)}' for key, item in value.items()])}}}"
    if isinstance(value, (tuple, list)):
        kinds = {type(item).__name__ for item in value if isinstance(item, Summarised)}
        if len(kinds) == 1 and len(value) > 1:
            return f"{len(value)} x {kinds.pop()}"
        return f"({_several([short(item) for item in value])})"
    return " ".join(str(value).split())


def _several(items: list[str]) -> str:
    more = [f"... {len(items) - _INLINE} more"] if len(items) > _INLINE else []
    return ", ".join([*items[:_INLINE], *more])


def _cut_rows(rows: Rows) -> list[tuple[str, str]]:
    """Rows as strings, so few that they fit below a title."""
    cells = [(name, short(value)) for name, value in rows]
    if len(cells) >= LINES:
        cells = [*cells[: LINES - 2], ("...", f"{len(cells) - LINES + 2} more")]
    return cells


def _cut(line: str, columns: int) -> str:
    line = " ".join(line.splitlines())
    return line if len(line) <= columns else f"{line[: columns - 3]}..."
