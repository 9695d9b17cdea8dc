"""Small pictures as plain HTML: a photograph, what lies on it, and the selected pixel; a click selects another one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import ndimage
from torch import Tensor

from app.charts.on_image import picture_uri
from app.charts.signed_cells import AGAINST, FAINT, FOR, FULL
from app.shell.text import escape
from rsp_lab.palette import OUTLINE_COLOURS


@dataclass(frozen=True)
class Layer:
    """A picture that is stretched over the photograph.

    Attributes:
        source: as a data address.
        kind: ``"cells"`` stay sharp, a ``"tint"`` gives its hue and leaves the light as it is, ``"plain"`` lies as it
            is.
    """

    source: str
    kind: Literal["cells", "tint", "plain"] = "plain"


def cell_picture(values: np.ndarray, end: float) -> np.ndarray:
    """RGBA (v, u, 4) of signed cells: blue below 0, nothing at 0, red above, at ``end`` and beyond at full strength."""
    picture = np.zeros((*values.shape, 4), np.uint8)
    for shade, where in ((AGAINST, values < 0), (FOR, values > 0)):
        picture[where, :3] = [int(part) for part in shade.split(",")]
    strength = FAINT + (FULL - FAINT) * np.minimum(np.abs(values) / end, 1)
    picture[..., 3] = np.where(values != 0, np.rint(255 * strength), 0)
    return picture


def outline_uri(masks: Mapping[str, Tensor]) -> str:
    """Edges of masks on nothing, each in its colour on a dark rim; a name without one is white."""
    if not masks:
        return ""
    picture = np.zeros((*next(iter(masks.values())).shape, 4), np.uint8)
    for name, mask in masks.items():
        inside = mask.numpy()
        rim = ndimage.binary_dilation(inside, iterations=1) & ~inside
        edge = inside & ~ndimage.binary_erosion(inside, border_value=1)
        shade = OUTLINE_COLOURS.get(name, "#FFFFFF")
        picture[rim] = (0, 0, 0, 190)
        picture[edge] = (*(int(shade[i : i + 2], 16) for i in (1, 3, 5)), 255)
    return picture_uri(picture)


def picture_html(
    size: tuple[int, int], ground: str, layers: Sequence[Layer], pixel: tuple[int, int] | None, words: str
) -> str:
    """One picture.

    Args:
        size: (y, x) of the image.
        ground: a CSS image, e.g. ``"var(--rsp-photograph)"``, so that many pictures share one.
        layers: from below upwards.
        pixel: (y, x), marked; None marks none.
        words: what is to be seen, for those who hear the page.
    """
    rows, columns = size
    images = "".join(f'<img alt="" class="rsp-{layer.kind}" src="{layer.source}">' for layer in layers)
    mark = ""
    if pixel is not None:
        y, x = (100 * (at + 0.5) / side for at, side in zip(pixel, size, strict=True))
        mark = f'<b style="left:{x:.3f}%;top:{y:.3f}%"></b>'
    return (
        f'<div class="rsp-picture" role="img" aria-label="{escape(words)}" data-pick="{rows},{columns}" '
        f'style="aspect-ratio:{columns}/{rows};--shape:{columns / rows:.4f};background-image:{ground}">'
        f"{images}{mark}</div>"
    )
