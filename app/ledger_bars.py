"""Bars of ledgers: the levels adding up to the margin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from app.charts import plain_figure
from app.ledger_readings import Panel, Panels
from app.pictures import ink, signed
from rsp_lab.palette import LEVEL_COLOURS

_BIAS = "#8A8A88"


def level_colour(level: int) -> str:
    """A level below those that relations take from is grey."""
    return LEVEL_COLOURS.get(level, _BIAS)


def sum_ends(panels: Panels, *, summed: bool) -> tuple[float, float]:
    """Ends of the one axis on which all three panels' bars run; see :func:`sum_figure`."""
    reached = [0.0]
    for panel in panels:
        values = [value for _, value, _ in _parts(panel, {})]
        reached += [*np.cumsum(values).tolist(), panel.total] if summed else values
    low, high = min(reached), max(reached)
    room = 0.06 * (high - low) or 1.0
    return low - room, high + room


def _parts(panel: Panel, words: Mapping[int, str]) -> list[tuple[str, float, str]]:
    found = [(words.get(x, f"level {x}"), v, level_colour(x)) for x, v in sorted(panel.sums.items(), reverse=True)]
    return found if panel.bias is None else [*found, ("bias", panel.bias, _BIAS)]


def sum_figure(panel: Panel, ends: tuple[float, float], words: Mapping[int, str], total: str) -> go.Figure:
    """Each part begins where the one above it ended, and the last bar, ``total``, is the whole; without one, from 0."""
    parts = _parts(panel, words)
    names = [name for name, _, _ in parts]
    values = [value for _, value, _ in parts]
    starts = np.cumsum([0.0, *values[:-1]]).tolist() if total else [0.0] * len(values)
    shades = [shade for _, _, shade in parts]
    if total:
        names, values, starts, shades = [*names, total], [*values, panel.total], [*starts, 0.0], [*shades, ink()]
    figure = go.Figure(
        go.Bar(
            x=values,
            base=starts,
            y=names,
            orientation="h",
            marker_color=shades,
            width=0.62,
            customdata=values,
            hovertemplate="%{y}: %{customdata:+.4g} logits<extra></extra>",
        )
    )
    line = {"color": ink(), "width": 1, "dash": "dot"}
    reached = [start + value for start, value in zip(starts, values, strict=True)][: len(parts) if total else 0]
    # All at once: plotly looks through all that is there for each one that is added.
    figure.update_layout(
        shapes=[
            {"type": "line", "x0": at, "x1": at, "y0": place - 0.31, "y1": place + 1.31, "line": line}
            for place, at in enumerate(reached)
        ]
    )
    texts = [tidy(value) for value in values]
    if total:
        texts[-1] = f"<b>{texts[-1]}</b>"
    return finish_bars(figure, names, texts, ends, "logits")


def tidy(value: float) -> str:
    """A signed number of logits in a column of such: three digits, none beyond the third decimal."""
    return signed(round(value, 3))


def finish_bars(
    figure: go.Figure, names: Sequence[str], texts: Sequence[str], ends: tuple[float, float], unit: str
) -> go.Figure:
    """Rows from top to bottom, their values in a column of their own at the right."""
    note = {"x": 1, "xref": "paper", "xanchor": "right", "showarrow": False, "font": {"size": 12, "color": ink()}}
    across = {
        "range": list(ends),
        "domain": [0, 0.83],
        "zeroline": True,
        "zerolinecolor": ink(),
        "zerolinewidth": 1,
        "fixedrange": True,
        "nticks": 5,
        "title": {"text": unit, "standoff": 4},
        "gridcolor": "rgba(128,128,128,0.2)",
    }
    figure.update_layout(
        annotations=[{"y": name, "text": text, **note} for name, text in zip(names, texts, strict=True)],
        xaxis=across,
        yaxis={"autorange": "reversed", "fixedrange": True, "ticksuffix": "  ", "showgrid": False},
    )
    return plain_figure(figure, 52 + 23 * len(names), margin={"l": 4, "r": 2, "t": 4, "b": 4}, showlegend=False)


def level_legend(levels: Sequence[int]) -> str:
    """The levels' colours."""
    chips = "".join(
        '<span style="display:inline-flex;align-items:center;gap:.35em"><i style="width:.8em;height:.8em;'
        f'border-radius:2px;background:{level_colour(level)}"></i>level {level}</span>'
        for level in levels
    )
    return f'<div style="display:flex;flex-wrap:wrap;gap:.3em 1.1em;font-size:.82rem;margin-bottom:.4em">{chips}</div>'
