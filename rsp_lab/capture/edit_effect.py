"""Whether an edit can have had an effect: that it ran, that something read what it returned, and its gradient."""

from __future__ import annotations

import sys
import traceback
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree
from torch.utils import checkpoint


class EditWarning(UserWarning):
    """An edit without the effect that it looks to have."""


_LOOKS = frozenset({"__get__", "__set__", "__len__", "__repr__", "__hash__", "__format__"}) | {
    "dim",
    "is_complex",
    "is_contiguous",
    "is_floating_point",
    "numel",
    "size",
    "stride",
}
"""Functions that look at a tensor without reading its values."""
_RECOMPUTES = frozenset({"backward", "recompute_fn"})
"""Functions of :mod:`torch.utils.checkpoint` that run a block once more, for its gradient."""


@dataclass
class _Edited:
    """What became of the edits at one point.

    Attributes:
        unread: the tensors that were put in and not read so far.
        read: whether any was.
        checkpointed: runs inside activation checkpointing, less the runs that recompute them.
    """

    unread: dict[int, weakref.ref[Tensor]] = field(default_factory=dict)
    read: bool = False
    checkpointed: int = 0


class EditEffects(TorchFunctionMode):
    """While it is entered, notes which of the tensors that edits put in are read by a function of torch."""

    def __init__(self) -> None:
        super().__init__()
        self._points: dict[str, _Edited] = {}

    def put_in(self, name: str, edited: Tensor) -> None:
        """Notes that a tensor flows on from a point in place of another one."""
        point = self._points.setdefault(name, _Edited())
        point.unread[id(edited)] = weakref.ref(edited)
        point.checkpointed += _checkpointed()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if self._points and getattr(func, "__name__", "") not in _LOOKS:
            self.note_read((args, kwargs))
        return func(*args, **(kwargs or {}))

    def note_read(self, values: Any) -> None:
        """Notes that tensors in any nested structure are read, as by whoever gets a network's output."""
        for value in pytree.tree_leaves(values):
            for point in self._points.values() if isinstance(value, Tensor) else ():
                edited = point.unread.get(id(value))
                if edited is not None and edited() is value:
                    point.read = True
                    del point.unread[id(value)]

    def problems(self, patterns: Mapping[str, Sequence[str]], calls: Mapping[str, int]) -> list[str]:
        """Sentences about edits that changed nothing, or whose gradient will not be that of the edited network.

        Args:
            patterns: names of the points that each key stands for.
            calls: how many edits ran, by name of the point.
        """
        never = [key for key, names in patterns.items() if not any(calls[name] for name in names)]
        found = [
            f"the edit at {key!r} never ran: the network did not run inside the block, or not through this point, or "
            "what ran is a compiled, copied or replicated one; run the very network that the edits were opened on."
            for key in never
        ]
        for name, point in self._points.items():
            # One that is alive is in someone's hands.
            if not point.read and not any(edited() is not None for edited in point.unread.values()):
                found.append(
                    f"the edit at {name!r} ran, but nothing read the tensor that it returned, so it changed nothing: "
                    "edit a point whose output is used."
                )
            if point.checkpointed > 0:
                found.append(
                    f"the edit at {name!r} ran inside activation checkpointing: a backward pass after the block "
                    "computes that part again without the edit. Take the gradient inside the block."
                )
        return found


def _checkpointed() -> int:
    """1 inside a checkpointed part that will be computed again, -1 while that is done, 0 elsewhere."""
    frames = (frame.f_code for frame, _ in traceback.walk_stack(sys._getframe(1)))
    names = {code.co_name for code in frames if code.co_filename == checkpoint.__file__}
    if names & _RECOMPUTES:
        return -1
    # Of the reentrant kind, the forward pass is without gradients whether there will be a backward pass or not.
    return 1 if names and (torch.is_grad_enabled() or "forward" in names) else 0
