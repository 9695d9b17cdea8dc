"""A network with weights as drawn before training, from one seed after another, without building it each time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import chain
from threading import Lock
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import init
from torch.overrides import TorchFunctionMode

from rsp_lab.devices import seeded
from rsp_lab.models.undrawn import DRAWING

ModuleT = TypeVar("ModuleT", bound=nn.Module)

_CONSTANT = {init.constant_, init.zeros_, init.ones_, Tensor.fill_, Tensor.zero_}
_BUILDING = Lock()
"""Held while a network is built: all threads share one generator."""


class Redrawn(Generic[ModuleT]):
    """A network that is built once; its weights are then what building it after ``torch.manual_seed`` would give.

    Equal to the bit. The global random state is left alone. One thread at a time: the weights are drawn in place.

    Args:
        build: makes the network on the CPU, with every random number from torch's global generator.
    """

    def __init__(self, build: Callable[[], ModuleT]) -> None:
        self._build = build
        with _Recorded() as recorded:
            self.network = self._built(0)
        own = {id(value) for value in chain(self.network.parameters(), self.network.buffers())}
        self._draws: list[_Draw] | None = [draw.into(own) for draw in recorded.draws]
        before = {name: value.clone() for name, value in self.network.state_dict().items()}
        drawn = {id(draw.tensor) for draw in self._draws}
        self.draw(0)
        # A construction may do more to its weights than draw them, or move them elsewhere.
        same = all(torch.equal(value, before[name]) for name, value in self.network.state_dict().items())
        if not same or not all(_constant(p) for p in self.network.parameters() if id(p) not in drawn):
            self._draws = None

    def draw(self, seed: int) -> ModuleT:
        """The network with the weights of a seed."""
        if self._draws is None:
            self.network.load_state_dict(self._built(seed).state_dict())
            return self.network
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for draw in self._draws:
                draw.again(generator)
        return self.network

    def _built(self, seed: int) -> ModuleT:
        with _BUILDING, seeded(seed):
            return self._build()


@dataclass(frozen=True)
class _Draw:
    """One call that filled a tensor with random numbers, and how the tensor lay in memory then."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    options: dict[str, Any]
    tensor: Tensor | None
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype

    def into(self, own: set[int]) -> _Draw:
        """The same for a network of these tensors' ids; numbers of others are drawn for their place in the row."""
        kept = self.tensor if id(self.tensor) in own else None
        return replace(self, tensor=kept)

    def again(self, generator: torch.Generator) -> None:
        # Parameters may lie in another order of memory by now, in which the same numbers would come to other places.
        drawn = torch.empty_strided(self.shape, self.stride, dtype=self.dtype)
        self.function(drawn, *self.arguments, **self.options, generator=generator)
        if self.tensor is not None:
            self.tensor.copy_(drawn)


def _constant(values: Tensor) -> bool:
    return not values.numel() or bool((values == values.flatten()[0]).all())


class _Recorded(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.draws: list[_Draw] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        options = dict(kwargs or {})
        if func in DRAWING or func in _CONSTANT:
            tensor = args[0] if args else options["tensor"]
            # What is overwritten keeps its place in the row of numbers.
            self.draws = [replace(draw, tensor=None) if draw.tensor is tensor else draw for draw in self.draws]
        if func in DRAWING:
            rest = {name: value for name, value in options.items() if name not in ("tensor", "generator")}
            draw = _Draw(func, args[1:], rest, tensor, tuple(tensor.shape), tensor.stride(), tensor.dtype)
            self.draws.append(draw)
        return func(*args, **options)
