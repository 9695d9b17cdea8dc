"""Modules of a network put out of action, watched, or kept out of a graph, for as long as a block runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn


@contextmanager
def answering(module: nn.Module, answer: Callable[..., Any]) -> Iterator[None]:
    """In force, a module does not run, and answers otherwise."""
    before = module.__dict__.get("forward")
    module.__dict__["forward"] = answer
    try:
        yield
    finally:
        if before is None:
            del module.__dict__["forward"]
        else:
            module.__dict__["forward"] = before


@contextmanager
def hooked(
    module: nn.Module, *, before: Callable[..., None] | None = None, after: Callable[..., Any] | None = None
) -> Iterator[None]:
    """In force, a module calls ``before(module, inputs)`` and ``after(module, inputs, answer)``."""
    handles = []
    if before is not None:
        handles.append(module.register_forward_pre_hook(before))
    if after is not None:
        handles.append(module.register_forward_hook(after))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def gradients_of(network: nn.Module, wanted: bool) -> Iterator[None]:
    """In force, all parameters of a network take part in a graph, or none does."""
    changed = [p for p in network.parameters() if p.is_floating_point() and p.requires_grad != wanted]
    for parameter in changed:
        parameter.requires_grad_(wanted)
    try:
        yield
    finally:
        for parameter in changed:
            parameter.requires_grad_(not wanted)
