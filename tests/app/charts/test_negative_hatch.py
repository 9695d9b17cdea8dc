"""Signed maps of the workbench say what is below 0 by a hatch as well."""

from __future__ import annotations

import base64

import numpy as np
import pytest
import torch

from app.charts import negative_hatch
from app.charts.chart import Chart
from app.charts.negative_hatch import hatch_negative, hatch_uri
from app.charts.signed_cells import add_signed_cells

SIZE = (32, 64)


@pytest.fixture(params=[False, True], ids=["light", "dark"], autouse=True)
def theme(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(negative_hatch, "is_dark", lambda: request.param)


def test_pale_and_strong_cells_are_hatched_in_colours_of_their_own() -> None:
    chart = Chart()
    hatch_negative(chart, np.array([[-1.0, -0.3], [0.5, -0.01]]), SIZE, 1.0)
    pale, strong = chart.figure().data

    assert pale.fillpattern.shape == strong.fillpattern.shape == "/"
    assert pale.fillpattern.fgcolor != strong.fillpattern.fgcolor
    # The right half of the upper row, and the left one, in pixels whose first reaches from -0.5.
    assert (np.nanmin(pale.x), np.nanmax(pale.x), np.nanmin(pale.y), np.nanmax(pale.y)) == (31.5, 63.5, -0.5, 15.5)
    assert (np.nanmin(strong.x), np.nanmax(strong.x)) == (-0.5, 31.5)
    assert {trace.hoverinfo for trace in chart.figure().data} == {"skip"}


def test_in_one_chart_of_several_from_an_edge_of_its_own() -> None:
    chart = Chart.grid(1, 2)
    hatch_negative(chart, -np.ones((5, 5)), (10, 10), 1.0, (1, 2), first=(-5, -5))
    (trace,) = chart.figure().data

    assert trace.xaxis == "x2"
    assert (np.nanmin(trace.x), np.nanmax(trace.y)) == (-5, 5)


def test_nothing_below_zero_has_no_hatch() -> None:
    chart = Chart()
    hatch_negative(chart, np.ones((2, 2)), SIZE, 1.0)

    assert not chart.figure().data
    assert hatch_uri(np.ones((2, 2)), SIZE, 1.0) == ""


def test_cells_of_a_ledger_bring_their_hatch() -> None:
    chart = Chart()
    add_signed_cells(chart, torch.tensor([[0.0, -2.0], [1.0, 0.0]]), SIZE, 2.0, "logits")
    cells, hatch = chart.figure().data

    assert cells.type == "heatmap"
    assert (np.nanmin(hatch.x), np.nanmax(hatch.y)) == (31.5, 15.5)


def test_a_small_map_has_the_same_hatch_as_a_picture() -> None:
    kind, _, content = hatch_uri(np.array([[-1.0, -0.3], [0.5, 0.0]]), SIZE, 1.0).partition(",")
    drawn = base64.b64decode(content).decode()

    assert kind == "data:image/svg+xml;base64"
    assert 'viewBox="0 0 64 32"' in drawn
    assert "M32 0H64V16H32z" in drawn
    assert "M0 0H32V16H0z" in drawn
    assert drawn.count("<pattern") == 2
