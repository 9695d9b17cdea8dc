"""Contexts in which exact numbers are made, whatever the caller's region is: autocast, inference mode, gradients."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch


def without_autocast(device: torch.device) -> AbstractContextManager[Any]:
    """Autocast switched off for ``device``; nothing to do for devices that have none, such as meta."""
    has_autocast = torch.amp.is_autocast_available(device.type)
    return torch.autocast(device.type, enabled=False) if has_autocast else nullcontext()


@contextmanager
def full_precision(device: torch.device, *, grad: bool = False) -> Iterator[None]:
    """Every operation in the dtype of its inputs, outside inference mode, with gradients recorded or not.

    What was made in inference mode can take no part in a gradient; a copy that is made in here can.

    Args:
        device: on which the operations run.
        grad: whether gradients are recorded.
    """
    with torch.inference_mode(False), torch.set_grad_enabled(grad), without_autocast(device):
        yield
