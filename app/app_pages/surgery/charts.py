"""Charts of surgery: label maps before and after, the pixels that changed, and the ledger's account by level."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from torch import Tensor

from app.charts.chart import Chart
from app.charts.legend import chip, legend_html
from app.charts.on_image import ink, mark_pixel, picture_chart, picture_uri
from app.charts.theme import plain_chart
from rsp_lab.analysis.ledger.difference import LedgerDifference
from rsp_lab.analysis.surgery.operate import SurgeryResult
from rsp_lab.data.labels import ClassTable, colour
from rsp_lab.palette import LEVEL_COLOURS
from rsp_lab.text import aligned

Pixel = tuple[int, int]
_WIDTH = 390


def label_chart(labels: Tensor, table: ClassTable, where: Tensor | None, pixel: Pixel) -> Chart:
    """A label map in the data set's colours, with the edge of the edited pixels."""
    size = labels.shape[0], labels.shape[1]
    chart = picture_chart(size, picture_uri(_edged(colour(labels.numpy(), table), where)), width=_WIDTH)
    mark_pixel(chart, pixel)
    return chart


def changed_chart(result: SurgeryResult, image: Tensor, table: ClassTable, where: Tensor | None, pixel: Pixel) -> Chart:
    """The photograph, grey and faint, and in their new colour the pixels whose label changed."""
    size = image.shape[-2], image.shape[-1]
    grey = image.float().mean(0).numpy()[..., None].repeat(3, 2)
    picture = (0.45 * grey + 0.55 * 205).astype(np.uint8)
    changed = result.changed.numpy()
    picture[changed] = colour(result.after.labels.numpy(), table)[changed]
    chart = picture_chart(size, picture_uri(_edged(picture, where)), width=_WIDTH)
    mark_pixel(chart, pixel)
    return chart


def _edged(picture: np.ndarray, where: Tensor | None) -> np.ndarray:
    """White on black along the edge of a mask; a picture without a mask stays as it is."""
    if where is None:
        return picture
    mask = where.numpy()
    outer, inner = ndimage.binary_dilation(mask), ndimage.binary_erosion(mask, border_value=1)
    edged = picture.copy()
    edged[outer & ~mask] = 0
    edged[mask & ~inner] = 255
    return edged


def legend(result: SurgeryResult, table: ClassTable) -> str:
    """Colours and names of the classes that occur, with their share of the image before and after."""
    chips = []
    for name, (before, after) in sorted(result.label_shares().items(), key=lambda item: -sum(item[1])):
        red, green, blue = table.palette[result.class_names.index(name)]
        first, second = aligned((100 * before, 100 * after))
        shares = f"{first} %" if first == second else f"{first} → {second} %"
        chips.append(chip(f"rgb({red},{green},{blue})", name, shares))
    return legend_html(chips)


def levels_chart(predicted: LedgerDifference) -> Chart:
    """The predicted change of the margin by the level that it comes from, coarse to fine, and from the bias."""
    rows = [(predicted.level_name(x), value, LEVEL_COLOURS.get(x, "#8A8A88")) for x, value in predicted.sums.items()]
    rows = [("bias", predicted.bias, "#8A8A88"), *rows]
    bars = {
        "type": "bar",
        "x": [value for _, value, _ in rows],
        "y": [name for name, _, _ in rows],
        "orientation": "h",
        "marker": {"color": [shade for _, _, shade in rows]},
        "text": aligned([round(value, 6) for _, value, _ in rows], sign=True, least=2),
        "textposition": "outside",
        "cliponaxis": False,
        "hovertemplate": "%{y}: %{x:+.3g} logits<extra></extra>",
    }
    chart = Chart([bars])
    end = 1.6 * max(*(abs(value) for _, value, _ in rows), 1e-6)
    chart.update_x(
        range=[-end, end],
        zeroline=True,
        zerolinecolor=ink(),
        zerolinewidth=1,
        fixedrange=True,
        nticks=5,
        title={"text": "predicted change, logits", "standoff": 6},
    )
    chart.update_y(fixedrange=True, ticksuffix="  ")
    return plain_chart(chart, 60 + 27 * len(rows), margin={"l": 4, "r": 4, "t": 4, "b": 4}, bargap=0.3)
