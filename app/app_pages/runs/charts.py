"""Curves of runs: one colour and one dash a run, the same in all charts."""

from __future__ import annotations

import math
from collections.abc import Sequence

from app.app_pages.runs.logs import Curve, RunFacts
from app.charts.chart import Chart
from app.charts.theme import is_dark, plain_chart
from app.shell.text import escape

# Okabe and Ito's colours without black and yellow: none is the colour of a level, all read on both grounds.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#8C8C8C", "#7A5CC4")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "solid", "dash", "dot")
MOST = len(COLOURS)
POINTS = 3000
"""Points of a curve that are sent to the browser; more would lie on the same screen pixels."""
_HEIGHT = 250


def thinned(curve: Curve, most: int = POINTS) -> Curve:
    """At most ``most`` points, each the mean of its equally many neighbours, at the last one's step."""
    count = len(curve.steps)
    if count <= most:
        return curve
    each = math.ceil(count / most)
    starts = range(0, count, each)
    parts = [curve.values[i : i + each] for i in starts]
    return Curve(
        tuple(curve.steps[min(i + each, count) - 1] for i in starts), tuple(sum(part) / len(part) for part in parts)
    )


def curve_chart(
    runs: Sequence[RunFacts],
    curves: Sequence[Curve],
    name: str,
    unit: str = "",
    *,
    log: bool = False,
    points: bool = False,
) -> Chart:
    """One number of all runs over the updates.

    Args:
        runs: at most :data:`MOST`.
        curves: one per run; an empty one is left out.
        name: of the number.
        unit: may be empty.
        log: of the upright axis.
        points: whether each value is marked.
    """
    chart = Chart()
    for place, (run, whole) in enumerate(zip(runs, curves, strict=True)):
        curve = thinned(whole)
        if not curve.steps:
            continue
        chart.add(
            {
                "type": "scatter",
                "x": curve.steps,
                "y": curve.values,
                "name": escape(run.name),
                "mode": "lines+markers" if points or len(curve.steps) == 1 else "lines",
                "line": {"color": COLOURS[place], "dash": DASHES[place], "width": 2},
                "marker": {"size": 6},
                "connectgaps": False,
                "showlegend": False,
                "hovertemplate": f"%{{y:.4g}}{f' {unit}' if unit else ''} after %{{x:,}} updates"
                f"<extra>{escape(run.name)}</extra>",
            }
        )
    title = escape(f"{name}, {unit}" if unit else name)
    grid = "rgba(255,255,255,0.12)" if is_dark() else "rgba(0,0,0,0.09)"
    chart.update_x(title={"text": "updates"}, rangemode="tozero", gridcolor=grid, zeroline=False)
    chart.update_y(title={"text": title}, gridcolor=grid, zeroline=False, exponentformat="power")
    if log:
        # Plotly's own ticks of a logarithmic axis are the digits alone.
        ticks = [digit * 10.0**power for power in range(-6, 7) for digit in (1, 2, 5)]
        chart.update_y(type="log", tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks])
    return plain_chart(chart, _HEIGHT, margin={"l": 8, "r": 8, "t": 8, "b": 8}, hovermode="closest")


def legend(runs: Sequence[RunFacts]) -> str:
    """Stroke and name of each run, as HTML."""
    strokes = {"solid": "solid", "dash": "dashed", "dot": "dotted", "dashdot": "dashed", "longdash": "dashed"}
    items = [
        f'<span><i style="border-top:3px {strokes[DASHES[place]]} {COLOURS[place]}"></i>{escape(run.name)}</span>'
        for place, run in enumerate(runs)
    ]
    return f'<div class="rsp-runs">{"".join(items)}</div>'
