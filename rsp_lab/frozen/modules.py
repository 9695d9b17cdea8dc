"""Modules of a network put out of action, watched, or kept out of a graph, for as long as a block runs.

Other threads may run the network meanwhile, and see nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, RLock, get_ident
from typing import Any
from weakref import WeakKeyDictionary

from torch import nn

from rsp_lab.frozen.calls import on_this_thread


class _Answers:
    """In the place of a method: what the threads want answered that have something in force, else the method."""

    def __init__(self, own: Callable[..., Any], before: Any) -> None:
        self.own, self.before = own, before
        self.wanted: dict[int, list[Callable[..., Any]]] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        wanted = self.wanted.get(get_ident())
        return (wanted[-1] if wanted else self.own)(*args, **kwargs)


_CHANGING = Lock()
"""Held while a method is put in another one's place, or back."""


@contextmanager
def answering(module: nn.Module, answer: Callable[..., Any], method: str = "forward") -> Iterator[Callable[..., Any]]:
    """In force, a module does not run, and answers otherwise, to this thread alone.

    Args:
        module: any.
        answer: called instead.
        method: whose place it takes.

    Yields:
        What answered this thread before.
    """
    thread, held = get_ident(), module.__dict__
    with _CHANGING:
        before = held.get(method)
        answers = before if isinstance(before, _Answers) else _Answers(getattr(module, method), before)
        held[method] = answers
        wanted = answers.wanted.setdefault(thread, [])
        outer = wanted[-1] if wanted else answers.own
        wanted.append(answer)
    try:
        yield outer
    finally:
        with _CHANGING:
            wanted.remove(answer)
            if not wanted:
                del answers.wanted[thread]
            if not answers.wanted and answers.before is None:
                del held[method]
            elif not answers.wanted:
                held[method] = answers.before


@contextmanager
def hooked(
    module: nn.Module, *, before: Callable[..., None] | None = None, after: Callable[..., Any] | None = None
) -> Iterator[None]:
    """In force, a module calls ``before(module, inputs)`` and ``after(module, inputs, answer)``, on this thread."""
    handles = []
    if before is not None:
        handles.append(module.register_forward_pre_hook(on_this_thread(before)))
    if after is not None:
        handles.append(module.register_forward_hook(on_this_thread(after)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


_LOCKS: WeakKeyDictionary[nn.Module, RLock] = WeakKeyDictionary()


def lock_of(network: nn.Module) -> RLock:
    """What a thread holds while it changes something of a network that all threads see."""
    with _CHANGING:
        return _LOCKS.setdefault(network, RLock())


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
