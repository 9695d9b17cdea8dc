"""Masks as short texts: given back to the pixel, and nothing else is read as one."""

from __future__ import annotations

import base64
import zlib

import numpy as np
import pytest

from rsp_lab.analysis.scan.masks import mask_text, text_mask


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (40, 33)])
def test_a_mask_comes_back(size: tuple[int, int]) -> None:
    mask = np.random.default_rng(0).random(size) < 0.5

    np.testing.assert_array_equal(text_mask(mask_text(mask), size), mask)


def test_a_region_takes_little_room() -> None:
    rows, columns = np.ogrid[:120, :160]

    assert len(mask_text((rows - 60) ** 2 + (columns - 80) ** 2 < 3000)) < 600


@pytest.mark.parametrize(
    "text",
    ["", "no base 64!", "AAAA", mask_text(np.ones((3, 4), dtype=bool)), base64.b64encode(zlib.compress(b"")).decode()],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a mask"):
        text_mask(text, (30, 40))


def test_a_text_that_would_become_huge_is_not_unpacked() -> None:
    bomb = base64.b64encode(zlib.compress(bytes(50_000_000))).decode()

    with pytest.raises(ValueError, match="does not have 3 x 4 pixels"):
        text_mask(bomb, (3, 4))
