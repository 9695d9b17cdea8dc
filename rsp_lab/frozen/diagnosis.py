"""Which operation keeps a network with its gates held from being affine, found by running it at three places."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from rsp_lab.frozen.calls import module_paths, operation_name
from rsp_lab.frozen.network import FrozenNetwork

AFFINE = {torch.float64: 1e-9, torch.float32: 1e-4}
"""How far an answer may be from affine, relative to its size, by precision."""


def unknown_operation(frozen: FrozenNetwork) -> str | None:
    """The first operation after which the replayed network is not affine in its cut; None if it is.

    Three replays, at the cut, at zero and half-way: what is affine is at the mean there.
    """
    seen: list[list[tuple[str, Tensor]]] = []
    with torch.no_grad():
        for scale in (1.0, 0.0, 0.5):
            marks: list[tuple[str, Tensor]] = []
            with _module_names(frozen.network) as here:

                def watch(func: Callable[..., Any], answer: Any, marks: Any = marks, here: Any = here) -> None:
                    marks.extend((f"{operation_name(func)} in {here()}", part) for part in _marks(answer))

                frozen.forward({name: scale * value for name, value in frozen.cut.items()}, watch)
            seen.append(marks)
    allowed = AFFINE.get(frozen.output.dtype, 1e-4)
    suspects = []
    for number, ((words, full), (_, none), (_, half)) in enumerate(zip(*seen, strict=True)):
        size = torch.maximum(full[1], none[1])
        gap = (half[0] - 0.5 * (full[0] + none[0])).abs()
        if bool(size > 0) and bool(gap > allowed * size):
            suspects.append((number, words))
    return _first_that_matters(frozen, suspects)


def _first_that_matters(frozen: FrozenNetwork, suspects: Sequence[tuple[int, str]]) -> str | None:
    """The first of some answers, by number and words, that reaches the output on a live way: the scores of an
    attention whose weights are held are not affine, and do no harm."""
    wanted, answers = {number for number, _ in suspects}, {}
    count = 0

    def watch(func: Callable[..., Any], answer: Any) -> None:
        nonlocal count
        for part in _numbers(answer):
            if count in wanted:
                answers[count] = part
            count += 1

    with torch.inference_mode(False), torch.enable_grad():
        output = frozen.forward(
            {name: value.detach().clone().requires_grad_() for name, value in frozen.cut.items()}, watch
        )
    for number, words in suspects:
        part = answers[number]
        if part.requires_grad and output.requires_grad:
            (gradient,) = torch.autograd.grad(output.sum(), part, retain_graph=True, allow_unused=True)
            if gradient is not None:
                return words
    return None


@contextmanager
def _module_names(network: nn.Module) -> Iterator[Callable[[], str]]:
    """In force, a function that says in which module the pass is."""
    with module_paths(network) as here:
        kinds = {name: type(module).__name__ for name, module in network.named_modules()}
        yield lambda: f"{here()} ({kinds[here()]})" if here() else "the network"


def _marks(answer: Any) -> Iterator[Tensor]:
    """Of each tensor of an answer: its product with fixed signs, and the sum of its absolute values."""
    for part in _numbers(answer):
        flat = part.detach().double().flatten()
        signs = torch.cos(torch.arange(flat.numel(), dtype=torch.float64, device=flat.device) * 1.7 + 0.3)
        yield torch.stack((flat @ signs, flat.abs().sum()))


def _numbers(answer: Any) -> Iterator[Tensor]:
    """The tensors of numbers in an operation's answer."""
    for part in answer if isinstance(answer, tuple | list) else (answer,):
        if isinstance(part, Tensor) and part.is_floating_point() and part.numel():
            yield part
