"""A photograph as bytes for a browser."""

from __future__ import annotations

import io

from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

QUALITY = 92


def jpeg(image: UInt8[Tensor, "3 y x"]) -> bytes:
    """An RGB image as JPEG, its colours at full resolution."""
    buffer = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    return buffer.getvalue()
