"""Calls of torch's functions, as a mode sees them: their arguments, names, and modules; what is written in Python."""

from __future__ import annotations

import builtins
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from threading import get_ident
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode, resolve_name

_CHECKS = ("has_torch_function", "has_torch_function_unary", "has_torch_function_variadic")


def argument(args: Sequence[Any], kwargs: dict[str, Any], place: int, name: str, default: Any = None) -> Any:
    """An argument of a call, given by place or by name."""
    return args[place] if len(args) > place else kwargs.get(name, default)


def functions(names: str) -> set[Any]:
    """Functions of torch and methods of tensors of these names, parted by spaces."""
    return {
        func for name in names.split() for holder in (torch, Tensor, F) if callable(func := getattr(holder, name, None))
    }


def passed_on(mode: TorchFunctionMode, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """An operation without a rule: as it is, but what torch wrote in Python is looked into."""
    if isinstance(func, types.FunctionType) and func.__module__ == "torch.nn.functional":
        with mode:
            return _opened(func)(*args, **kwargs)
    return func(*args, **kwargs)


_OPENED: dict[Callable[..., Any], Callable[..., Any]] = {}


def _opened(func: types.FunctionType) -> Callable[..., Any]:
    """A function of torch without its own check for modes, which would hand it back to this one for ever."""
    if func not in _OPENED:
        inside = func.__globals__ | dict.fromkeys(_CHECKS, lambda *_: False)
        inside["__builtins__"] = builtins
        copy = types.FunctionType(func.__code__, inside, func.__name__, func.__defaults__, func.__closure__)
        copy.__kwdefaults__ = func.__kwdefaults__
        _OPENED[func] = copy
    return _OPENED[func]


def operation_name(func: Callable[..., Any]) -> str:
    """E.g. ``"torch.nn.functional.relu"``."""
    return resolve_name(func) or getattr(func, "__name__", repr(func))


def on_this_thread(hook: Callable[..., Any]) -> Callable[..., Any]:
    """A hook that other threads, which may run the same network, do not call."""
    home = get_ident()
    return lambda *given: hook(*given) if get_ident() == home else None


@contextmanager
def module_paths(network: nn.Module) -> Iterator[Callable[[], str]]:
    """In force, a function that gives the path of the module in which this thread's pass is."""
    stack: list[str] = []
    with ExitStack() as held:
        for name, module in network.named_modules():
            entering = module.register_forward_pre_hook(on_this_thread(lambda *_, name=name: stack.append(name)))
            leaving = module.register_forward_hook(on_this_thread(lambda *_: (stack.pop(), None)[1]), always_call=True)
            held.callback(entering.remove)
            held.callback(leaving.remove)
        yield lambda: stack[-1] if stack else ""
