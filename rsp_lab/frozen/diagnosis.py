"""Which operation keeps a network with its gates held from being affine, found by running it at three places.

Seen are functions of torch, functions of autograd that somebody wrote, and operations of a library's own kernels: the
answers of each are watched, and what is affine has at the mean of two cuts the mean of its answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import BackwardCFunction
from torch.utils._python_dispatch import TorchDispatchMode

from rsp_lab.frozen.calls import module_paths, operation_name
from rsp_lab.frozen.modules import hooked
from rsp_lab.frozen.network import FrozenNetwork

AFFINE = {torch.float64: 1e-9, torch.float32: 1e-4}
"""How far an answer may be from affine, relative to its size, by precision."""
_OF_TORCH = ("aten", "prim", "prims")
"""Operations that torch's own functions call, which are watched themselves."""
_GENERATED = "GeneratedBackwardFor_"
"""What torch calls the autograd function of an operation of a library, which is watched as a kernel."""
_NUDGE = 1.01


@dataclass(frozen=True)
class UnknownOperation:
    """An operation that is not affine with all gates held.

    Attributes:
        words: e.g. ``"torch.mul in decoder.fpa (FPABlock)"``.
        opaque: whether it is a function of autograd or a kernel, into which torch's functions give no look.
    """

    words: str
    opaque: bool = False


@dataclass
class _Answer:
    """An answer on the way.

    Attributes:
        operation: which gave it.
        where: in which module.
        kind: ``"torch"``, ``"autograd"`` or ``"kernel"``.
        value: the tensor, in a graph unless a kernel gave it.
    """

    operation: str
    where: str
    kind: str
    value: Tensor

    @property
    def unknown(self) -> UnknownOperation:
        # What a function of autograd answers may be what a function of torch gave it inside.
        inside = _written_function(self.value)
        name = self.operation if inside is None else inside
        return UnknownOperation(f"{name} in {self.where}", self.kind != "torch" or inside is not None)


def unknown_operation(frozen: FrozenNetwork) -> UnknownOperation | None:
    """The first operation after which the replayed network is not affine in its cut; None if it is.

    Three replays, at the cut, at zero and half-way: what is affine is at the mean there.
    """
    seen = [[one.value for one in _replayed(frozen, scale, _mark)[1]] for scale in (1.0, 0.0, 0.5)]
    allowed = AFFINE.get(frozen.output.dtype, 1e-4)
    suspects = []
    for number, (full, none, half) in enumerate(zip(*seen, strict=True)):
        size = torch.maximum(full[1], none[1])
        gap = (half[0] - 0.5 * (full[0] + none[0])).abs()
        if bool(size > 0) and bool(gap > allowed * size):
            suspects.append(number)
    return _first_that_matters(frozen, suspects)


def _first_that_matters(frozen: FrozenNetwork, suspects: list[int]) -> UnknownOperation | None:
    """The first of some answers, by number, that reaches the output on a live way: the scores of an attention whose
    weights are held are not affine, and do no harm."""
    if not suspects:
        return None
    wanted = set(suspects)
    output, answers = _replayed(frozen, 1.0, lambda number, value: value if number in wanted else value.new_empty(0))
    for number in suspects:
        one = answers[number]
        if one.kind == "kernel":
            # No graph leads back to it: does the output change with it?
            nudged = _replayed(frozen, 1.0, lambda _, value: value.new_empty(0), nudge=number)[0]
            matters = not torch.equal(nudged, output)
        else:
            matters = _leads_to(one.value, output)
        if matters:
            return one.unknown
    return None


def _leads_to(part: Tensor, output: Tensor) -> bool:
    if not (part.requires_grad and output.requires_grad):
        return False
    (gradient,) = torch.autograd.grad(output.sum(), part, retain_graph=True, allow_unused=True)
    return gradient is not None


def _replayed(
    frozen: FrozenNetwork, scale: float, keep: Callable[[int, Tensor], Tensor], *, nudge: int | None = None
) -> tuple[Tensor, list[_Answer]]:
    """A replay at the scaled cut: its output, and what is kept of every answer on the way, by its number.

    Args:
        frozen: the network.
        scale: of the cut.
        keep: gives what is kept of an answer.
        nudge: number of a kernel's answer that is made a little larger.
    """
    found: list[_Answer] = []
    functions: set[Any] = set()

    def note(operation: str, where: str, kind: str, answer: Any) -> None:
        for part in _numbers(answer):
            found.append(_Answer(operation, where, kind, keep(len(found), part)))

    with torch.inference_mode(False), torch.enable_grad(), _module_names(frozen.network) as here, ExitStack() as stack:

        def note_functions(given: Any, where: str) -> None:
            for part in _numbers(given):
                name = _written_function(part)
                if name is not None and part.grad_fn not in functions:
                    functions.add(part.grad_fn)
                    note(name, where, "autograd", part)

        def watch(func: Callable[..., Any], given: tuple[Any, ...], answer: Any) -> None:
            note_functions(given, here())
            note(operation_name(func), here(), "torch", answer)

        def leaving(where: str, module: nn.Module, given: Any, answer: Any) -> None:
            note_functions(_flat(answer), where)

        for name, module in frozen.network.named_modules():
            where = _described(name, module)
            stack.enter_context(hooked(module, after=partial(leaving, where)))

        def kernel(func: Any, answer: Any) -> Any:
            first = len(found)
            note(f"{func.namespace}::{func._opname}", here(), "kernel", answer)
            changed = nudge is not None and first <= nudge < len(found)
            return _larger(answer) if changed else answer

        cut = {name: (scale * value).detach().clone().requires_grad_() for name, value in frozen.cut.items()}
        with _Kernels(kernel):
            output = frozen.forward(cut, watch)
    return output, found


class _Kernels(TorchDispatchMode):
    """In force, operations that are none of torch's own are shown, and may be answered otherwise."""

    def __init__(self, shown: Callable[[Any, Any], Any]) -> None:
        super().__init__()
        self._shown = shown

    def __torch_dispatch__(
        self, func: Any, types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        answer = func(*args, **(kwargs or {}))
        return answer if func.namespace in _OF_TORCH else self._shown(func, answer)


def _written_function(part: Tensor) -> str | None:
    """The function of autograd that somebody wrote and that gave a tensor, in words; None if there is none."""
    node: Any = part.grad_fn
    if not isinstance(node, BackwardCFunction):
        return None
    name = type(node).__name__.removesuffix("Backward")
    return None if name.startswith(_GENERATED) else f"the autograd function {name}"


def _larger(answer: Any) -> Any:
    if isinstance(answer, tuple | list):
        return type(answer)(_larger(part) for part in answer)
    return _NUDGE * answer if isinstance(answer, Tensor) and answer.is_floating_point() else answer


@contextmanager
def _module_names(network: nn.Module) -> Iterator[Callable[[], str]]:
    """In force, a function that says in which module the pass is."""
    with module_paths(network) as here:
        modules = dict(network.named_modules())
        yield lambda: _described(here(), modules[here()])


def _described(path: str, module: nn.Module) -> str:
    return f"{path} ({type(module).__name__})" if path else "the network"


def _mark(_: int, value: Tensor) -> Tensor:
    """Of an answer its product with fixed signs, and the sum of its absolute values: all that is kept of many."""
    flat = value.detach().double().flatten()
    signs = torch.cos(torch.arange(flat.numel(), dtype=torch.float64, device=flat.device) * 1.7 + 0.3)
    return torch.stack((flat @ signs, flat.abs().sum()))


def _flat(answer: Any) -> list[Any]:
    """The values in a module's answer, whatever containers they lie in."""
    if isinstance(answer, Mapping):
        return [part for value in answer.values() for part in _flat(value)]
    if isinstance(answer, tuple | list):
        return [part for value in answer for part in _flat(value)]
    return [answer]


def _numbers(answer: Any) -> Iterator[Tensor]:
    """The tensors of numbers in an operation's answer, or among its arguments."""
    for part in answer if isinstance(answer, tuple | list) else (answer,):
        if isinstance(part, tuple | list):
            yield from _numbers(part)
        elif isinstance(part, Tensor) and part.is_floating_point() and part.numel():
            yield part
