"""What tells contents apart."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from rsp_lab.files.paths import regular_file


def digest(*parts: Any) -> str:
    """16 hexadecimal digits that tell contents apart: the first of SHA-256.

    Args:
        parts: bytes, text, the path of a file (its content), arrays and tensors (type, shape and values). Of one part
            it is the digest of the content itself; of several, of their digests, so that no two lists run together.
    """
    whole = [_sha256(part) for part in parts]
    return (whole[0] if len(whole) == 1 else hashlib.sha256(b"".join(whole)).digest()).hex()[:16]


def _sha256(part: Any) -> bytes:
    if isinstance(part, Path):
        with regular_file(part).open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    if isinstance(part, str):
        return hashlib.sha256(part.encode("utf-8", "surrogateescape")).digest()
    if isinstance(part, bytes | bytearray | memoryview):
        return hashlib.sha256(part).digest()
    state = hashlib.sha256(f"{part.dtype} {tuple(part.shape)} ".encode())
    if hasattr(part, "detach"):
        import torch  # only a caller that has it can hand in a tensor

        part = part.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    state.update(part.tobytes())
    return state.digest()
