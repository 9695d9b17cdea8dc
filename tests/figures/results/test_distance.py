"""Distance curves: medians are the lines, spreads the bars, and no point lies outside of its panel."""

from __future__ import annotations

import pytest

from rsp_lab.analysis.scenes.distance import DistanceCurve
from rsp_lab.figures.results.distance import draw_distance_curves

CURVES = [
    DistanceCurve("sum", "person-rider", (4, 20, 50), ((1.0, 0.9, 0.5), (0.8, 0.7, 0.1), (0.9, 0.8, 0.4))),
    DistanceCurve("RSP-4", "person-rider", (4, 20, 50), ((0.95, 0.9, 0.85),)),
    DistanceCurve("sum", "car-bus", (4, 20, 50), ((0.6, 0.6, 0.6),)),
]


def test_lines_are_medians_and_every_point_is_seen() -> None:
    figure = draw_distance_curves(CURVES)
    first, second = figure.axes
    drawn = {bars.get_label(): list(bars.lines[0].get_ydata()) for bars in first.containers}

    assert drawn == {"sum": [0.9, 0.8, 0.4], "RSP-4": [0.95, 0.9, 0.85]}
    assert first.get_ylim()[0] < 0.1, "the least run is within the panel"
    assert second.get_title() == "car / bus"


def test_a_long_legend_stays_on_the_page_and_every_model_has_a_colour() -> None:
    names = [f"RSP-4, relations at {n} times the rate" for n in range(9)]
    figure = draw_distance_curves([DistanceCurve(name, "car-bus", (4, 20), ((0.6, 0.5),)) for name in names])
    figure.draw_without_rendering()
    (legend,) = figure.legends
    box = legend.get_window_extent().transformed(figure.transFigure.inverted())
    axis_title = figure.axes[0].xaxis.label.get_window_extent().transformed(figure.transFigure.inverted())

    assert 0 <= box.x0 < box.x1 <= 1
    assert 0 <= box.y0 < box.y1 < axis_title.y0
    assert len({bars.lines[0].get_color() for bars in figure.axes[0].containers}) == 9


def test_no_curve_is_refused() -> None:
    with pytest.raises(ValueError, match="no curve to draw"):
        draw_distance_curves([])
