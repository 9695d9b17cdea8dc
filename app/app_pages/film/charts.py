"""A film's curves over the updates, with a cursor at the state that is shown."""

from __future__ import annotations

from app.charts.chart import Chart
from app.charts.theme import is_dark, plain_chart
from app.shell.text import escape
from rsp_lab.analysis.film.curves import X_WORDS, FilmCurve, FilmPanel
from rsp_lab.analysis.film.film import Film
from rsp_lab.palette import LEVEL_COLOURS, LEVEL_DASHES

HEIGHT = 168
_OTHERS = {False: ("#1a1a1a", "#0072B2", "#B44A00", "#00755A"), True: ("#f2f2f0", "#56B4E9", "#F0A35E", "#3FC9A2")}
"""By dark: colours of curves that belong to no level, by rank; the same dashes as in the figure."""
_DASHES = ("solid", "dash", "dot", "dashdot")
_GREY = "#8C8C8C"
_TICKS = 5


def curve_look(curve: FilmCurve) -> tuple[str, str]:
    """Colour and dash."""
    if curve.level is not None:
        dash = LEVEL_DASHES.get(curve.level, ())
        return LEVEL_COLOURS.get(curve.level, _GREY), ",".join(f"{2 * part}px" for part in dash) or "solid"
    return _OTHERS[is_dark()][curve.rank % 4], _DASHES[curve.rank % 4]


def panel_chart(film: Film, panel: FilmPanel, place: int) -> Chart:
    """One panel; its axes are those of the whole film."""
    chart = Chart()
    x = [max(1, updates) for updates in film.updates]
    for curve in panel.curves:
        colour, dash = curve_look(curve)
        filled = curve.clear or (True,) * len(x)
        sizes = [9 if i == place else 4.5 for i in range(len(x))]
        symbols = ["circle" if one else "circle-open" for one in filled]
        wide = 2.6 if curve.level is None and not curve.rank else 1.7
        chart.add(
            {
                "type": "scatter",
                "x": x,
                "y": curve.values,
                "name": escape(curve.name),
                "mode": "lines+markers",
                "line": {"color": colour, "dash": dash, "width": wide},
                "marker": {"size": sizes, "symbol": symbols, "color": colour},
                "hovertemplate": f"%{{y:.3g}} {escape(panel.unit)} after %{{x:,}} updates"
                f"<extra>{escape(curve.name)}</extra>",
            }
        )
    grid = "rgba(255,255,255,0.13)" if is_dark() else "rgba(0,0,0,0.1)"
    shown = sorted({round(i * (len(x) - 1) / (_TICKS - 1)) for i in range(_TICKS)})
    ticks = {"tickvals": [x[i] for i in shown], "ticktext": [f"{film.updates[i]:,}" for i in shown]}
    chart.update_x(type="log", gridcolor=grid, zeroline=False, fixedrange=True, **ticks)
    chart.update_x(title={"text": X_WORDS, "font": {"size": 11}, "standoff": 2})
    chart.update_y(range=ends(panel), gridcolor=grid, zeroline=False, fixedrange=True, nticks=5)
    if panel.reference is not None:
        across = {"x0": 0, "x1": 1, "xref": "x domain", "y0": panel.reference, "y1": panel.reference, "yref": "y"}
        chart.add_shape({"type": "line", **across, "line": {"color": _GREY, "width": 1}, "layer": "below"})
    upright = {"x0": x[place], "x1": x[place], "xref": "x", "y0": 0, "y1": 1, "yref": "y domain"}
    chart.add_shape({"type": "line", **upright, "line": {"color": _OTHERS[is_dark()][0], "width": 1.4}})
    legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "font": {"size": 11}, "itemwidth": 30}
    margin = {"l": 8, "r": 8, "t": 44, "b": 8}
    return plain_chart(chart, HEIGHT + 52, margin=margin, legend=legend, showlegend=True, hovermode="closest")


def ends(panel: FilmPanel) -> list[float]:
    """Of the upright axis, with all values of the film and the reference in it."""
    if panel.limits is not None:
        return [panel.limits[0] - 0.04, panel.limits[1] + 0.04]
    values = [value for curve in panel.curves for value in curve.values]
    values += [] if panel.reference is None else [panel.reference]
    room = 0.07 * (max(values) - min(values)) or 1.0
    return [min(values) - room, max(values) + room]
