"""Results that a page worked out, kept for all readers as long as there is room; work that is stopped leaves nothing.

Streamlit's own caches replay what was drawn while they computed, so a computation with a progress bar cannot stand in
one; and a stopped script must not hold a lock that others wait for.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from threading import Lock
from typing import TypeVar, cast

import numpy as np
import streamlit as st
from torch import Tensor, nn

T = TypeVar("T")
ROOM = 512_000_000
"""Bytes. The largest pair of results, both level ledgers of a picture of 2048 x 2048 pixels, takes 320 MB."""
_LEAST = 1000


class Results:
    """The results asked for last, by key, as many as have room; one that is larger than the room stands alone.

    Args:
        room: in bytes, as :func:`size_of` counts them.
    """

    def __init__(self, room: int = ROOM) -> None:
        self.room = room
        self._entries: OrderedDict[Hashable, tuple[object, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, work: Callable[[], T]) -> T:
        """The result under a key, or else that of ``work``, kept from then on; what it raises is not kept."""
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
                return cast("T", self._entries[key][0])
        # Not under the lock: two readers who ask at once both work, and neither waits for a script that was stopped.
        value = work()
        self.put(key, value)
        return value

    def put(self, key: Hashable, value: object) -> None:
        """Keeps a result, and lets go of those that were asked for longest ago."""
        size = size_of(value)
        with self._lock:
            self._entries[key] = value, size
            self._entries.move_to_end(key)
            used = sum(size for _, size in self._entries.values())
            while used > self.room and len(self._entries) > 1:
                _, (_, size) = self._entries.popitem(last=False)
                used -= size

    def find(self, key: Hashable) -> object | None:
        """The result under a key, which counts as asked for; None where there is none."""
        with self._lock:
            if key not in self._entries:
                return None
            self._entries.move_to_end(key)
            return self._entries[key][0]

    def __contains__(self, key: Hashable) -> bool:
        with self._lock:
            return key in self._entries


def size_of(value: object) -> int:
    """Bytes of all tensors, arrays and texts in a result, what is shared once; a network in it is not its own."""
    total, seen, waiting = 0, set[int](), [value]
    while waiting:
        one = waiting.pop()
        identity = one.untyped_storage().data_ptr() if isinstance(one, Tensor) else id(one)
        if identity in seen or isinstance(one, nn.Module):
            continue
        seen.add(identity)
        if isinstance(one, Tensor):
            total += one.untyped_storage().nbytes()
        elif isinstance(one, np.ndarray):
            total += one.nbytes
        elif isinstance(one, str | bytes):
            total += len(one)
        elif isinstance(one, Mapping):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, tuple | list | set | frozenset):
            waiting += one
        else:
            waiting += vars(one).values() if hasattr(one, "__dict__") else ()
    return max(total, _LEAST)


@st.cache_resource(show_spinner=False)
def results() -> Results:
    """The one store of this server."""
    return Results()
