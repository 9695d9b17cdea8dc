"""Networks whose weights are about to be read: built without the random numbers that would be replaced at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor
from torch.nn import init
from torch.overrides import TorchFunctionMode

_DRAWN = (
    "normal_",
    "uniform_",
    "trunc_normal_",
    "kaiming_uniform_",
    "kaiming_normal_",
    "xavier_uniform_",
    "orthogonal_",
)
DRAWING = {func for name in _DRAWN for holder in (init, Tensor) if (func := getattr(holder, name, None)) is not None}
"""What fills a tensor with random numbers."""


class _Undrawn(TorchFunctionMode):
    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in DRAWING:
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))


@contextmanager
def undrawn() -> Iterator[None]:
    """Layers that are built in this block have whatever was in memory as their weights: all of them must be filled.

    Drawing is most of the time that building takes. The global generator of random numbers stays where it was, too.
    """
    with _Undrawn():
        yield
