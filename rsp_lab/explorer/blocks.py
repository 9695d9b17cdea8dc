"""The blocks of bytes behind a payload's header, and the header's list of them."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from rsp_lab.explorer.quantise import FEW, packed_nibbles


class Blocks:
    """Named blocks, one after the other.

    Attributes:
        index: by name, where a block lies, how long it is, and how it is read.
        data: the blocks.
    """

    def __init__(self) -> None:
        self.index: dict[str, dict[str, Any]] = {}
        self.data = bytearray()

    def add(self, name: str, data: bytes, **facts: Any) -> str:
        """A block that is a file of its own; its name."""
        self.index[name] = {"offset": len(self.data), "bytes": len(data), **facts}
        self.data += data
        return name

    def add_array(self, name: str, values: np.ndarray, bits: int | None = None) -> str:
        """An array, deflated; with ``bits`` = 4, its values below 16 lie two in a byte."""
        facts: dict[str, Any] = {"dtype": values.dtype.name, "shape": list(values.shape), "encoding": "deflate"}
        if bits == FEW:
            facts["bits"] = FEW
            values = packed_nibbles(values)
        return self.add(name, zlib.compress(np.ascontiguousarray(values).tobytes(), 6), **facts)
