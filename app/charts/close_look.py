"""A part of an image with regions outlined in it, which stay as bright as they are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from PIL import Image
from scipy import ndimage
from torch import Tensor

Box = tuple[int, int, int, int]


def window_around(box: Box, size: tuple[int, int], *, around: float, least: float, shape: float) -> Box:
    """(top, left, bottom, right) of a part of an image around a box, in given proportions where the image has them.

    Args:
        box: (top, left, bottom, right) in pixels.
        size: (y, x) of the image.
        around: how much of the surroundings is shown, over the box's longer side.
        least: rows at the least.
        shape: height over width.
    """
    top, left, bottom, right = box
    height = max(least, (1 + around) * max(bottom - top, shape * (right - left)))
    high, wide = min(round(height), size[0]), min(round(height / shape), size[1])
    first = min(max((top + bottom - high) // 2, 0), size[0] - high)
    second = min(max((left + right - wide) // 2, 0), size[1] - wide)
    return first, second, first + high, second + wide


def outlined_part(image: Tensor, masks: Mapping[str, np.ndarray], window: Box, width: int) -> np.ndarray:
    """RGB (y, x, channel) of a window of an image, ``width`` pixels wide, each region with a rim outside its edge.

    Args:
        image: uint8 [3, y, x].
        masks: bool (y, x) of the image's size, by the colour of their rim as #RRGGBB; each has a dark rim around it,
            which shows on every ground.
        window: (top, left, bottom, right) in pixels.
        width: in pixels of the picture.
    """
    top, left, bottom, right = window
    picture = image[:, top:bottom, left:right].permute(1, 2, 0).numpy()
    size = width, max(1, round(picture.shape[0] * width / picture.shape[1]))
    large = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC)).copy()
    for colour, mask in masks.items():
        inside = np.asarray(Image.fromarray(mask[top:bottom, left:right]).resize(size, Image.Resampling.NEAREST))
        large[ndimage.binary_dilation(inside, iterations=3) & ~inside] = 0
        rim = ndimage.binary_dilation(inside, iterations=2) & ~inside
        large[rim] = [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
    return large
