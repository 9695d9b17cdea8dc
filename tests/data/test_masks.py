"""Masks are light where they are meant, and of their image's size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rsp_lab.data.masks import read_mask

SIZE = (70, 90)


@pytest.mark.parametrize("mode", ["L", "RGB", "1"])
def test_light_pixels_are_the_mask(mode: str, tmp_path: Path) -> None:
    pixels = np.zeros(SIZE, np.uint8)
    pixels[10:30, 20:50] = 255
    pixels[40, 60] = 100
    Image.fromarray(pixels).convert(mode, dither=Image.Dither.NONE).save(tmp_path / "mask.png")

    assert np.array_equal(read_mask(tmp_path / "mask.png", SIZE).numpy(), pixels > 200)


@pytest.mark.parametrize(
    ("value", "size", "says"),
    [
        (0, SIZE, "mask.png: the mask holds no pixel lighter"),
        (255, SIZE, "mask.png: the mask is light everywhere"),
        (9, SIZE[::-1], "mask.png: the mask has 70 rows and 90 columns, its image 90 and 70"),
    ],
)
def test_what_is_no_mask_is_said(value: int, size: tuple[int, int], says: str, tmp_path: Path) -> None:
    Image.fromarray(np.full(SIZE, value, np.uint8)).save(tmp_path / "mask.png")

    with pytest.raises(ValueError, match=says):
        read_mask(tmp_path / "mask.png", size)
