"""Charts as plain data are the figures that plotly builds of the same parts."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import pytest
from plotly.subplots import make_subplots

from app.charts.chart import Chart

LINE = {"type": "scatter", "x": [1, 2], "y": [3, 4]}
BOX = {"type": "rect", "x0": 0, "x1": 1, "y0": 0, "y1": 1}


def test_a_grid_is_that_of_plotly_with_titles_of_every_kind() -> None:
    chart = Chart.grid(2, 3, column_titles=("a", "b", "c"), row_titles=("<b>d</b>", "e"), horizontal_spacing=0.1)
    chart.add(LINE, (2, 2))
    chart.add_shape(BOX, (1, 2))
    chart.annotate({"text": "here", "x": 1, "y": 2}, (2, 1))
    chart.update_x(range=[0, 5])
    chart.update_y((2, 3), visible=False)
    chart.update_annotations(3, textangle=0, font={"size": 9})

    known = make_subplots(2, 3, column_titles=["a", "b", "c"], row_titles=["<b>d</b>", "e"], horizontal_spacing=0.1)
    known.add_trace(go.Scatter(x=[1, 2], y=[3, 4]), 2, 2)
    known.add_shape(**BOX, row=1, col=2)
    known.add_annotation(text="here", x=1, y=2, row=2, col=1)
    known.update_xaxes(range=[0, 5])
    known.update_yaxes(visible=False, row=2, col=3)
    for annotation in known.layout.annotations[3:]:
        annotation.update(textangle=0, font_size=9)
    assert chart.figure().to_dict() == known.to_dict()


def test_titles_of_single_charts_do_not_stay_in_the_next_grid() -> None:
    first, second = (Chart.grid(1, 2, titles=(word, "other")) for word in ("one", "two"))
    first.update_annotations(font={"size": 5})

    assert [one["text"] for one in first.layout["annotations"]] == ["one", "other"]
    assert [one["text"] for one in second.layout["annotations"]] == ["two", "other"]
    assert second.figure().layout.annotations[0].font.size == 16
    assert second.figure() == make_subplots(1, 2, subplot_titles=("two", "other"))


def test_parts_are_laid_over_what_is_there_and_callers_keep_theirs() -> None:
    font: dict[str, Any] = {"size": 12, "color": "red"}
    trace = dict(LINE)
    chart = Chart([trace], {"font": font})
    chart.update(font={"size": 9}, margin={"t": 1})
    chart.update(margin={"b": 2})

    assert chart.layout == {"font": {"size": 9, "color": "red"}, "margin": {"t": 1, "b": 2}}
    assert font == {"size": 12, "color": "red"}
    assert trace == LINE
    assert chart.figure().data[0].y == (3, 4)


@pytest.mark.parametrize("layout", [{"hight": 3}, {"xaxis": {"rnge": [0, 1]}}])
def test_a_part_that_plotly_does_not_know_is_refused(layout: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"hight|rnge"):
        Chart([LINE], layout).figure()
