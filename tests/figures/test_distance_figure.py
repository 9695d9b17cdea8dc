"""Distance curves: medians are the lines, spreads the bars, and no point lies outside of its panel."""

from __future__ import annotations

import pytest

from rsp_lab.figures.distance import DistanceCurve, draw_distance_curves

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


def test_no_curve_is_refused() -> None:
    with pytest.raises(ValueError, match="no curve to draw"):
        draw_distance_curves([])
