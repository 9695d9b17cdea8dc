"""Contexts in which exact numbers are made, whatever the caller's region is: autocast, inference mode, gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from operator import attrgetter
from threading import Lock
from typing import Any

import torch

_OPERATIONS = ("cuda.matmul", "cudnn.conv", "cudnn.rnn", "mkldnn.matmul", "mkldnn.conv")
"""What torch lets multiply float32 in fewer bits; convolutions on a GPU do unless told otherwise."""
_EXACT = ("ieee", "none")


def without_autocast(device: torch.device) -> AbstractContextManager[Any]:
    """Autocast switched off for ``device``; nothing to do for devices that have none, such as meta."""
    has_autocast = torch.amp.is_autocast_available(device.type)
    return torch.autocast(device.type, enabled=False) if has_autocast else nullcontext()


@contextmanager
def full_precision(device: torch.device, *, grad: bool = False) -> Iterator[None]:
    """Every operation in the dtype of its inputs, outside inference mode, with gradients recorded or not.

    float32 is multiplied in all its bits, not as TF32 or bfloat16, in which sums would be a thousandth off. torch has
    one setting for all threads: it is as it was when the last one leaves.

    What was made in inference mode can take no part in a gradient; a copy that is made in here can.

    Args:
        device: on which the operations run.
        grad: whether gradients are recorded.
    """
    with ALL_BITS, torch.inference_mode(False), torch.set_grad_enabled(grad), without_autocast(device):
        yield


class _AllBits:
    """While any thread is inside, float32 is multiplied as float32."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._inside = 0
        self._restore: list[Callable[[], None]] = []

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._switch()

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            while not self._inside and self._restore:
                self._restore.pop()()

    def _switch(self) -> None:
        # By torch's older names where they answer: the newer ones alone would leave the two at odds, and the older ones
        # then refuse to answer, to kernels that are compiled among others.
        with suppress(RuntimeError):
            self._set(torch.set_float32_matmul_precision, torch.get_float32_matmul_precision(), "highest")
        with suppress(RuntimeError):
            self._set(partial(setattr, torch.backends.cudnn, "allow_tf32"), torch.backends.cudnn.allow_tf32, False)
        for name in _OPERATIONS:
            operation = attrgetter(name)(torch.backends)
            if operation.fp32_precision not in _EXACT:
                self._set(partial(setattr, operation, "fp32_precision"), operation.fp32_precision, "ieee")

    def _set(self, setter: Callable[[Any], None], before: object, wanted: object) -> None:
        if before != wanted:
            setter(wanted)
            self._restore.append(partial(setter, before))


ALL_BITS = _AllBits()
"""A context in which float32 is multiplied in all its bits; see :func:`full_precision`, which is in it."""
