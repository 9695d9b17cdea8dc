"""Edits: replace what flows through named points of a network, inside a ``with`` block."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from rsp_lab.capture.edit_effect import EditEffects, EditWarning
from rsp_lab.capture.points import Point, Site, map_tensors, resolve
from rsp_lab.frozen.wrappers import uncompiled

Edit = Callable[[Tensor, Any], Tensor | None]
"""``edit(tensor, point) -> tensor | None``; ``point`` is a Tap or ModulePoint: ``name``, ``axes``, ``stride``."""


class _Scope(threading.local):
    """What is running now: each thread, and each call of an edit, is a scope of its own.

    A hook is only live in the scope it was attached in. So another thread that shares the model is neither edited
    nor captured, and an edit may run the model itself without being called again from there.
    """

    def __init__(self) -> None:
        self.current = object()


_scope = _Scope()


class PointHook:
    """A forward hook on one module that is live only in the scope it was made in."""

    observes = False

    def __init__(self, site: Site) -> None:
        self.site = site
        self._home = _scope.current

    def __call__(self, module: nn.Module, inputs: Any, output: Any) -> Any:
        if _scope.current is not self._home:
            return None
        result = map_tensors(output, self._visit)
        return None if result is output else result

    def _visit(self, tensor: Tensor, suffix: str) -> Tensor:
        return self.visit(tensor, suffix) if self.site.covers(self.site.module, suffix) else tensor

    def visit(self, tensor: Tensor, suffix: str) -> Tensor:
        """What flows on in place of one tensor of the module's output."""
        raise NotImplementedError

    def attach(self) -> RemovableHandle:
        """Attach so that on one module every edit, in order of opening, runs before every capture."""
        handle = self.site.module.register_forward_hook(self)
        if not self.observes:
            attached = self.site.module._forward_hooks
            for key in [key for key, hook in attached.items() if getattr(hook, "observes", False)]:
                attached[key] = attached.pop(key)
        return handle


class _EditHook(PointHook):
    def __init__(self, site: Site, edit: Edit, calls: dict[str, int], effects: EditEffects) -> None:
        super().__init__(site)
        self.edit = edit
        self.calls = calls
        self.effects = effects
        self.calls[site.name] = 0

    def visit(self, tensor: Tensor, suffix: str) -> Tensor:
        point = self.site.point_of(suffix, tensor)
        _scope.current = object()
        try:
            edited = self.edit(tensor, point)
        except Exception as error:
            error.add_note(f"raised by the edit at {point.name!r}")
            raise
        finally:
            _scope.current = self._home
        self.calls[self.site.name] += 1
        if edited is None:
            return tensor
        _check_edited(edited, tensor, point)
        self.effects.put_in(self.site.name, edited)
        return edited


def _check_edited(edited: object, tensor: Tensor, point: Point) -> None:
    if not isinstance(edited, Tensor):
        raise ValueError(
            f"the edit at {point.name!r} returned a {type(edited).__name__}; expected a tensor, or None for no change."
        )
    for what in ("shape", "dtype", "device"):
        got, expected = getattr(edited, what), getattr(tensor, what)
        if got != expected:
            shown = (tuple(got), tuple(expected)) if what == "shape" else (got, expected)
            raise ValueError(
                f"the edit at {point.name!r} returned {what} {shown[0]}, expected {shown[1]} as it came in; "
                "an edit changes values only."
            )


@contextmanager
def attached(point_hooks: list[PointHook]) -> Iterator[None]:
    """Attach hooks for the duration of a block; they come off however it ends."""
    handles: list[RemovableHandle] = []
    try:
        for hook in point_hooks:
            handles.append(hook.attach())
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _watched(model: nn.Module, effects: EditEffects) -> Iterator[None]:
    # What the network returns is read, whatever becomes of it.
    handle = model.register_forward_hook(lambda _module, _inputs, output: effects.note_read(output))
    try:
        with effects:
            yield
    finally:
        handle.remove()


@contextmanager
def hooks(model: nn.Module, edits: Mapping[str, Edit], *, warn: bool = True) -> Iterator[dict[str, int]]:
    """Edit what flows through a network while the block runs.

    ``edit(tensor, point)`` receives the tensor at the point and returns the one that flows on, of the same shape,
    dtype and device, or None to leave it alone. ``point`` is the :class:`~rsp_lab.shapes.Tap`, or a
    :class:`~rsp_lab.capture.points.ModulePoint` for a module path. It should return a new tensor rather than write
    into the one given, which other parts of the network may share. Gradients flow through an edit as through any code.

    - Keys are names and globs as in :func:`~rsp_lab.capture.points.find_points`. Where several match one point,
      edits run in the order given; those of an outer block run before those of an inner one. A capture sees the
      value after all edits, whichever was opened first.
    - A point passed several times in one forward pass is edited each time. For an output that is a dict, tuple or
      list, the edit runs for each tensor in it, or for the one named by a key such as ``"backbone[out]"``.
    - Only forward passes on the thread that opened the block are edited. While an edit runs, the edits and captures
      around it rest: it may run the model itself.
    - What is compiled in the network runs as it was written while the block does.
    - However the block ends, the model is left as it was.
    - A gradient is that of the edited network where it is taken inside the block. With activation checkpointing, a
      backward pass after the block would compute parts of the network again without the edits.

    Args:
        warn: False for a caller that looks itself at what became of its edits.

    Yields:
        How many edits ran at each point so far, by name; 0 tells that a point was never reached.

    Warns:
        EditWarning: at the end of the block, for a key none of whose points was reached; for an edit of a tensor that
            no function of torch read before it was gone; for one inside activation checkpointing whose gradient was
            not taken.

    Raises:
        ValueError: if a key matches nothing; from the forward pass, if an edit returns something that is not a tensor
            of the same shape, dtype and device. What an edit itself raises comes through with a note naming the point.
    """
    calls: dict[str, int] = {}
    effects = EditEffects()
    edit_hooks: list[PointHook] = []
    patterns: dict[str, list[str]] = {}
    for pattern, edit in edits.items():
        sites = [site for found in resolve(model, pattern).values() for site in found]
        patterns[pattern] = [site.name for site in sites]
        edit_hooks.extend(_EditHook(site, edit, calls, effects) for site in sites)
    # What was compiled before the hooks were hung on it would pass them over.
    with uncompiled(model), attached(edit_hooks), _watched(model, effects) if warn else nullcontext():
        yield calls
    for problem in effects.problems(patterns, calls) if warn else ():
        warnings.warn(problem, EditWarning, stacklevel=3)
