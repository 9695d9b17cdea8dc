"""Copies of a shared module that one reader may hang hooks on while others run it."""

from __future__ import annotations

import copy
from itertools import chain
from threading import Lock
from typing import TypeVar

from torch import nn

Module = TypeVar("Module", bound=nn.Module)


def private_copy(module: Module, lock: Lock) -> Module:
    """A copy with modules of its own and the shared module's own weights, which nobody waits for while it works.

    Args:
        module: a model or a part of it; left alone.
        lock: of the model, held while it is copied, since hooks that hang on it would be copied too.
    """
    with lock:
        weights = {id(tensor): tensor for tensor in chain(module.parameters(), module.buffers())}
        return copy.deepcopy(module, weights)
