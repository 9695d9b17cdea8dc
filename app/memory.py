"""Memory that many short-lived threads would each keep for themselves."""

from __future__ import annotations

import ctypes
import sys

_ARENA_MAX = -8
"""Parameter of mallopt, as in glibc's malloc.h."""
ARENAS = 2


def share_arenas() -> bool:
    """Has all threads of this process allocate from :data:`ARENAS` heaps; returns whether it does now.

    Streamlit runs a script in a new thread each time, and glibc gives threads heaps of their own, up to eight a core,
    each of which keeps what a forward pass once needed. On other systems nothing changes.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and mallopt(_ARENA_MAX, ARENAS) == 1
