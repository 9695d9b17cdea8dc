"""Arrays from outside as tensors."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from torch import Tensor, from_numpy

T = TypeVar("T")


def own_tensor(values: T) -> T | Tensor:
    """A tensor or an array as a tensor in memory of its own; anything else as it is.

    What is kept must not change when the caller writes into theirs. torch takes no array that is mirrored by negative
    strides or of another machine, and warns of one that is read-only.
    """
    if isinstance(values, np.ndarray):
        try:
            return from_numpy(values.astype(values.dtype.newbyteorder("="), order="C"))
        except TypeError:  # torch has no such type
            return values
    return values.clone() if isinstance(values, Tensor) else values
