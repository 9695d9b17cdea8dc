"""Headers of safetensors files, checked before a tensor is read."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any

from rsp_lab.files.json_data import parse_json
from rsp_lab.files.paths import AnyPath, FileError, readable_name, regular_file

HEADER_BYTES = 16_000_000
_DIMENSIONS = 16

_ELEMENT_BYTES = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2"), 1),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 2),
    **dict.fromkeys(("U32", "I32", "F32"), 4),
    **dict.fromkeys(("U64", "I64", "F64", "C64"), 8),
}


@dataclass(frozen=True)
class TensorFacts:
    """What a header promises of one tensor.

    Attributes:
        dtype: as safetensors calls it, e.g. ``"F16"``.
        shape: of the tensor.
    """

    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class SafetensorsHeader:
    """What a safetensors file says before its tensors.

    Attributes:
        metadata: texts by name.
        tensors: in the file's order.
    """

    metadata: dict[str, str]
    tensors: dict[str, TensorFacts]


def read_safetensors_header(
    path: AnyPath, what: str = "safetensors file", *, remedy: str = "Download or export it again."
) -> SafetensorsHeader:
    """The header of a safetensors file, checked against the file's size; no tensor is read.

    Args:
        path: to read.
        what: the file is, for messages, e.g. ``"weights file"``.
        remedy: end of messages, a sentence.

    Raises:
        FileError: if the file is no regular file, no safetensors file, or does not hold what its header promises.
    """
    path = regular_file(path, what)
    where = f"{readable_name(path)} is damaged or no {what}"
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            length = int.from_bytes(file.read(8), "little")
            if size < 8 or length > min(size - 8, HEADER_BYTES):
                raise FileError(f"{where}: its first bytes are not those of a safetensors file. {remedy}")
            data = file.read(length)
    except OSError as error:
        raise FileError(
            f"{readable_name(path)}: cannot be read ({error.strerror or error}). Change its access rights."
        ) from error
    entries = parse_json(data, where, remedy=remedy)
    metadata = entries.pop("__metadata__", None) or {}
    try:
        if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
            raise ValueError("its metadata are not texts by name")
        facts = {name: _tensor_facts(name, entry) for name, entry in entries.items()}
        end = 0
        for (first, last), name in sorted((span, name) for name, (_, span) in facts.items()):
            if first != end:
                raise ValueError(f"the bytes of {name} do not follow those of the tensor before it")
            end = last
        if end != size - 8 - length:
            raise ValueError(f"its tensors promise {end:,} bytes, it has {size - 8 - length:,}")
    except ValueError as error:
        raise FileError(f"{where}: {error}. {remedy}") from None
    return SafetensorsHeader(metadata, {name: tensor for name, (tensor, _) in facts.items()})


def _tensor_facts(name: str, entry: Any) -> tuple[TensorFacts, tuple[int, int]]:
    """What an entry of a header says, and the tensor's first byte and the one after its last."""
    entry = entry if isinstance(entry, dict) else {}
    dtype, shape, span = (entry.get(key) for key in ("dtype", "shape", "data_offsets"))
    if not isinstance(dtype, str) or dtype not in _ELEMENT_BYTES:
        raise ValueError(f"{name} has the unknown type {str(dtype)[:20]!r}")
    if not (_counts(shape) and _counts(span) and len(span) == 2):
        raise ValueError(f"{name} has no shape or no place in the file")
    if span[1] - span[0] != math.prod(shape) * _ELEMENT_BYTES[dtype]:
        raise ValueError(f"{name} has another place in the file than its shape {tuple(shape)} needs")
    return TensorFacts(dtype, tuple(shape)), (span[0], span[1])


def _counts(values: Any) -> bool:
    return (
        isinstance(values, list) and len(values) <= _DIMENSIONS and all(type(one) is int and one >= 0 for one in values)
    )
