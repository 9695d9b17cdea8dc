"""The pixels of a region as a short text: bits of its box row by row, deflated, in base 64."""

from __future__ import annotations

import base64
import binascii
import zlib

import numpy as np
from jaxtyping import Bool


def mask_text(inside: Bool[np.ndarray, "y x"]) -> str:
    """The pixels of a box as text; :func:`text_mask` gives them back exactly."""
    return base64.b64encode(zlib.compress(np.packbits(inside).tobytes(), 9)).decode("ascii")


def text_mask(text: str, size: tuple[int, int]) -> Bool[np.ndarray, "y x"]:
    """The pixels of a box of ``size`` (y, x).

    Raises:
        ValueError: if the text is no such mask.
    """
    count = size[0] * size[1]
    try:
        # No more than what is wanted, whatever the text would become.
        packed = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), -(-count // 8) + 1)
    except (binascii.Error, zlib.error) as error:
        raise ValueError(f"a mask cannot be read ({error})") from None
    if len(packed) != -(-count // 8):
        raise ValueError(f"a mask does not have {size[0]} x {size[1]} pixels")
    return np.unpackbits(np.frombuffer(packed, np.uint8), count=count).reshape(size).astype(bool)
