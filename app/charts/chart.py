"""A chart of plotly as plain data, which plotly checks once, when it is drawn.

Put together part by part, plotly checks each part as it comes, which takes several times as long as the whole at once.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import plotly.graph_objects as go
from plotly.subplots import make_subplots

Place: TypeAlias = tuple[int, int]
"""(row, column) of one chart in a grid of several, counted from 1."""


class Chart:
    """Traces and a layout as plotly names their parts; a grid of charts has axes of its own for each.

    Attributes:
        traces: as they are drawn, the last one on top.
        layout: of the whole.
    """

    def __init__(self, traces: Sequence[Mapping[str, Any]] = (), layout: Mapping[str, Any] | None = None) -> None:
        self.traces = [dict(trace) for trace in traces]
        self.layout: dict[str, Any] = dict(layout or {})
        self._columns, self._axes = 1, 1

    @classmethod
    def grid(
        cls,
        rows: int,
        columns: int,
        *,
        titles: Sequence[str] = (),
        column_titles: Sequence[str] = (),
        row_titles: Sequence[str] = (),
        horizontal_spacing: float | None = None,
        vertical_spacing: float | None = None,
    ) -> Chart:
        """Charts in rows and columns; see :func:`plotly.subplots.make_subplots`, which says where each lies.

        Args:
            titles: of each chart, row by row.
            column_titles: above the columns.
            row_titles: beside the rows.
            horizontal_spacing: between columns, of the whole width.
            vertical_spacing: between rows, of the whole height.
        """
        words = (*titles, *column_titles, *row_titles)
        counts = len(titles), len(column_titles), len(row_titles)
        chart = cls(layout=copy.deepcopy(_grid_layout(rows, columns, counts, horizontal_spacing, vertical_spacing)))
        for annotation, text in zip(chart.layout.get("annotations", ()), words, strict=True):
            annotation["text"] = text
        chart._columns, chart._axes = columns, rows * columns
        return chart

    def add(self, trace: Mapping[str, Any], place: Place | None = None) -> None:
        """A trace, of the chart at a place."""
        of = self._number(place)
        axes = {} if of is None else {"xaxis": f"x{of}", "yaxis": f"y{of}"}
        self.traces.append({**trace, **axes})

    def add_shape(self, shape: Mapping[str, Any], place: Place | None = None) -> None:
        """A shape, on the axes of the chart at a place."""
        self.layout.setdefault("shapes", []).append({**shape, **self._references(place)})

    def annotate(self, annotation: Mapping[str, Any], place: Place | None = None) -> None:
        """Words, on the axes of the chart at a place."""
        self.layout.setdefault("annotations", []).append({**annotation, **self._references(place)})

    def update(self, **layout: Any) -> None:
        """Lays parts of a layout over what is there, mapping by mapping."""
        _lay_over(self.layout, layout)

    def update_x(self, place: Place | None = None, /, **axis: Any) -> None:
        """The same for the axis across of the chart at a place, or of all."""
        self._update_axes("xaxis", place, axis)

    def update_y(self, place: Place | None = None, /, **axis: Any) -> None:
        """The same for the upright axis."""
        self._update_axes("yaxis", place, axis)

    def update_annotations(self, first: int = 0, /, **annotation: Any) -> None:
        """The same for all words, or those from the ``first`` on."""
        for one in self.layout.get("annotations", [])[first:]:
            _lay_over(one, annotation)

    def to_dict(self) -> dict[str, Any]:
        """Data and layout, as plotly takes them; nothing is checked."""
        return {"data": self.traces, "layout": self.layout}

    def figure(self) -> go.Figure:
        """As a figure of plotly.

        Raises:
            ValueError: for a part that plotly does not know.
        """
        return go.Figure(self.to_dict())

    def _number(self, place: Place | None) -> str | None:
        """What plotly calls the axes at a place, after their letter."""
        if place is None:
            return None
        number = (place[0] - 1) * self._columns + place[1]
        return str(number) if number > 1 else ""

    def _references(self, place: Place | None) -> dict[str, str]:
        of = self._number(place)
        return {} if of is None else {"xref": f"x{of}", "yref": f"y{of}"}

    def _update_axes(self, kind: str, place: Place | None, axis: Mapping[str, Any]) -> None:
        of = self._number(place)
        numbers = [str(n) if n > 1 else "" for n in range(1, self._axes + 1)] if of is None else [of]
        for number in numbers:
            _lay_over(self.layout.setdefault(f"{kind}{number}", {}), axis)


# As many kinds of grids as the workbench has, and some for models with other numbers of steps.
@lru_cache(maxsize=64)
def _grid_layout(
    rows: int, columns: int, counts: tuple[int, int, int], horizontal: float | None, vertical: float | None
) -> dict[str, Any]:
    """The layout of a grid with so many titles of charts, columns and rows, whose words are still to come."""
    charts, above, beside = (["to come"] * count or None for count in counts)
    figure = make_subplots(
        rows,
        columns,
        subplot_titles=charts,
        column_titles=above,
        row_titles=beside,
        horizontal_spacing=horizontal,
        vertical_spacing=vertical,
    )
    layout: dict[str, Any] = figure.to_plotly_json()["layout"]
    # plotly puts in the one that is in force when the chart is drawn.
    layout.pop("template", None)
    return layout


def _lay_over(ground: dict[str, Any], parts: Mapping[str, Any]) -> None:
    for name, value in parts.items():
        if isinstance(value, Mapping) and isinstance(ground.get(name), dict):
            # What lies there may be the caller's.
            ground[name] = dict(ground[name])
            _lay_over(ground[name], value)
        else:
            ground[name] = dict(value) if isinstance(value, Mapping) else value
