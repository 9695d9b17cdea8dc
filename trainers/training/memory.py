"""Memory that an update frees is kept for the next one."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
"""Parameters of mallopt, as in glibc's malloc.h."""
_PAD_BYTES = 1 << 26


def keep_freed_memory() -> bool:
    """Has glibc's allocator keep what is freed instead of giving it back to the system; returns whether it does now.

    By its defaults every large tensor of an update is mapped anew, and the system clears it page by page, only for it
    to be unmapped a moment later. The process then holds its largest use until it ends. On other systems, and on a C
    library without mallopt, nothing changes.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    mallopt.argtypes, mallopt.restype = (ctypes.c_int, ctypes.c_int), ctypes.c_int
    wanted = {_MMAP_MAX: 0, _TRIM_THRESHOLD: (1 << 31) - 1, _TOP_PAD: _PAD_BYTES}
    return all(mallopt(parameter, value) == 1 for parameter, value in wanted.items())
