"""Charts that lie on the photograph: axes in input pixels, maps of cells, the selected pixel, a level's frame."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from app.charts.chart import Chart, Place
from app.charts.theme import is_dark, plain_chart
from app.shell.picker import enlarged, is_narrow
from app.shell.selection import Selection
from app.store.results import results
from rsp_lab.palette import LEVEL_COLOURS, LEVEL_DASHES
from rsp_lab.shapes import cell_to_pixel

# What a chart is drawn at in the browser; more pixels would only be sent.
_SIDE = 1024
_EDGE = 3
PHONE = 388
"""Screen pixels across that a chart gets in a narrow window."""


def photograph_uri(selection: Selection) -> str:
    """The image as the source of a chart's ground."""
    return results().get((selection.shown.digest, "photograph"), lambda: _jpeg(selection.shown.sample.image))


def _jpeg(image: Tensor) -> str:
    return picture_uri(image.permute(1, 2, 0).numpy(), "JPEG")


def picture_uri(picture: np.ndarray, kind: str = "PNG") -> str:
    """RGB or RGBA (y, x, channel) as a data address, at most 1024 pixels per side; PNG keeps colours as they are."""
    drawn = Image.fromarray(picture)
    share = _SIDE / max(drawn.size)
    if share < 1:
        size = (max(1, round(drawn.width * share)), max(1, round(drawn.height * share)))
        drawn = drawn.resize(size, Image.Resampling.NEAREST if kind == "PNG" else Image.Resampling.LANCZOS)
    held = io.BytesIO()
    drawn.save(held, kind, **({"quality": 88} if kind == "JPEG" else {}))
    return f"data:image/{kind.lower()};base64,{base64.b64encode(held.getvalue()).decode()}"


def svg_uri(parts: Sequence[str], size: tuple[int, int]) -> str:
    """Elements of SVG over an image of ``size`` (y, x) as a data address, to be stretched over it."""
    text = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size[1]} {size[0]}" width="{size[1]}" '
        f'height="{size[0]}" preserveAspectRatio="none">{"".join(parts)}</svg>'
    )
    return f"data:image/svg+xml;base64,{base64.b64encode(text.encode()).decode()}"


def picture_chart(
    size: tuple[int, int], *grounds: str, width: int = 545, highest: int = 460, right: int = 0, opacity: float = 1.0
) -> Chart:
    """Axes over an image of ``size`` (y, x), rows downwards, on pictures laid over each other.

    Args:
        width: in screen pixels that the picture is expected to get beside others; its height follows from it.
        highest: the most screen pixels upwards, in a window of the standard width.
        right: margin there, for a colour bar.
        opacity: of the grounds.
    """
    rows, columns = size
    width = PHONE - right if is_narrow() else enlarged(width)
    images = [
        {
            "source": ground,
            "xref": "x",
            "yref": "y",
            "x": -0.5,
            "y": -0.5,
            # Plotly draws one image alone of those that have the very same place and size.
            "sizex": columns * (1 + 1e-6 * place),
            "sizey": rows,
            "sizing": "stretch",
            "layer": "below",
            "opacity": opacity,
        }
        for place, ground in enumerate(grounds)
    ]
    plain: dict[str, Any] = {"visible": False, "constrain": "domain", "fixedrange": True}
    across = {"range": [-0.5, columns - 0.5], "constraintoward": "left", **plain}
    down = {"range": [rows - 0.5, -0.5], "constraintoward": "top", "scaleanchor": "x", **plain}
    # Without a trace plotly draws no axes, and so no ground.
    nothing = {"type": "scatter", "x": [0], "y": [0], "mode": "markers", "marker": {"opacity": 0}, "hoverinfo": "skip"}
    chart = Chart([nothing], {"images": images, "xaxis": across, "yaxis": down})
    height = min(enlarged(highest), max(120, round(width * rows / columns)))
    margin = {"l": 0, "r": right, "t": _EDGE, "b": _EDGE}
    # A click selects the pixel under it (app/shell/picker.py).
    meta = {"pick": [rows, columns]}
    return plain_chart(chart, height + 2 * _EDGE, margin=margin, showlegend=False, meta=meta)


def cell_map(values: np.ndarray, size: tuple[int, int], unit: str, **heatmap: Any) -> dict[str, Any]:
    """Trace of a map (y, x) of cells over an image of ``size`` (y, x); NaN stays empty."""
    height, width = values.shape
    cells = np.stack(np.meshgrid(np.arange(height), np.arange(width), indexing="ij"), -1)
    options: dict[str, Any] = {"hoverongaps": False, **heatmap}
    return {
        "type": "heatmap",
        "z": values,
        "x0": cell_to_pixel(0, width, size[1]),
        "dx": size[1] / width,
        "y0": cell_to_pixel(0, height, size[0]),
        "dy": size[0] / height,
        "customdata": cells,
        "hovertemplate": (
            f"%{{z:.3g}}{f' {unit}' if unit else ''}<br>cell y %{{customdata[0]}}, x %{{customdata[1]}}"
            "<br>around pixel y %{y:.0f}, x %{x:.0f}<extra></extra>"
        ),
        **options,
    }


def colour_bar() -> dict[str, Any]:
    """Of a map: as high as the picture, in the room to the right of it."""
    return {"thickness": 10, "len": 1, "y": 0.5, "x": 1.0, "xpad": 6, "tickfont": {"size": 11}, "nticks": 5}


def mark_pixel(chart: Chart, pixel: tuple[int, int], place: Place | None = None) -> None:
    """The selected pixel (y, x): a ring with a dark and a light rim, which shows on every ground."""
    for size, colour, line in ((13, "#111111", 4), (13, "#FFFFFF", 2)):
        chart.add(
            {
                "type": "scatter",
                "x": [pixel[1]],
                "y": [pixel[0]],
                "mode": "markers",
                "marker": {"symbol": "circle-open", "size": size, "color": colour, "line": {"width": line}},
                "hovertemplate": f"selected pixel: y {pixel[0]}, x {pixel[1]}<extra></extra>",
                "showlegend": False,
            },
            place,
        )


def frame_level(chart: Chart, level: int, size: tuple[int, int], place: Place | None = None) -> None:
    """A frame around the picture in a level's colour and dash."""
    dash = LEVEL_DASHES[level]
    line = {
        "color": LEVEL_COLOURS[level],
        "width": 2.5,
        "dash": ",".join(f"{2 * n:g}px" for n in dash) if dash else "solid",
    }
    chart.add_shape({**image_box(size), "line": line}, place)


def image_box(size: tuple[int, int]) -> dict[str, Any]:
    """The rectangle around all pixels of an image of ``size`` (y, x), as a shape."""
    return {"type": "rect", "x0": -0.5, "x1": size[1] - 0.5, "y0": -0.5, "y1": size[0] - 0.5}


def ink() -> str:
    """Colour of what is drawn on the page itself."""
    return "#E8E8E6" if is_dark() else "#222222"


def paper() -> str:
    """Ground of a few words that lie on a picture."""
    return "rgba(24,24,23,0.8)" if is_dark() else "rgba(255,255,255,0.85)"
