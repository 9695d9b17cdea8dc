"""Maps and tables of logits as short texts: float32 in little-endian order, deflated, in base 64."""

from __future__ import annotations

import base64
import binascii
import math
import zlib
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

MOST = 1 << 24
"""Numbers of an array that is read."""
_DIMENSIONS = 8


def array_facts(values: Float[Tensor, "..."]) -> dict[str, Any]:
    """JSON-able; :func:`array_of` gives the values back, rounded to float32. Cells without a part take next to no
    room."""
    packed = np.ascontiguousarray(values.detach().cpu().numpy(), dtype="<f4").tobytes()
    return {"shape": list(values.shape), "values": base64.b64encode(zlib.compress(packed, 9)).decode("ascii")}


def array_of(facts: Any) -> Float[Tensor, "..."]:
    """What :func:`array_facts` gave, in float64; raises KeyError, TypeError or ValueError for anything else."""
    shape, text = facts["shape"], facts["values"]
    if not isinstance(shape, list) or not all(type(side) is int and 0 < side <= MOST for side in shape):
        raise ValueError(f"{str(shape)[:60]} is no shape")
    count = math.prod(shape)
    if len(shape) > _DIMENSIONS or count > MOST:
        raise ValueError(f"an array of the shape {tuple(shape)} is too large")
    try:
        # No more than what is wanted, whatever the text would become.
        packed = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), 4 * count + 1)
    except (binascii.Error, zlib.error) as error:
        raise ValueError(f"an array cannot be read ({error})") from None
    if len(packed) != 4 * count:
        raise ValueError(f"an array does not have the shape {tuple(shape)}")
    values = torch.from_numpy(np.frombuffer(packed, "<f4").astype(np.float64).reshape(shape))
    if not bool(values.isfinite().all()):
        raise ValueError("an array has values that are not finite")
    return values
