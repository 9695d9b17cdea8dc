"""Run a network once and keep what flowed through the selected points."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from rsp_lab.capture.hooks import PointHook, attached
from rsp_lab.capture.points import Selection, Site, map_tensors, resolve
from rsp_lab.capture.record import Entry, Record
from rsp_lab.frozen.wrappers import uncompiled
from rsp_lab.shapes import Tap


@dataclass(frozen=True)
class _Keep:
    """How a tensor that flows by is stored."""

    device: str | torch.device | int
    dtype: torch.dtype | None
    detach: bool
    clone: bool

    def __call__(self, tensor: Tensor, clone: bool) -> Tensor:
        kept = tensor.detach() if self.detach else tensor
        if self.device != "keep":
            kept = kept.to(self.device)
        if self.dtype is not None and kept.is_floating_point():
            kept = kept.to(self.dtype)
        # Inference tensors count no versions, so a later write in place could not be noticed.
        clone = clone or (self.detach and tensor.is_inference())
        return kept.clone() if clone and _shares_memory(kept, tensor) else kept


class _Recorder:
    """Collects entries during one forward pass."""

    def __init__(self, keep: _Keep) -> None:
        self.keep = keep
        self.entries: dict[str, Entry] = {}
        self.versions: dict[str, int] = {}
        self.reached: set[tuple[nn.Module, str]] = set()
        self.calls: dict[str, int] = {}

    def add(self, site: Site, suffix: str, tensor: Tensor) -> None:
        self.reached.add((site.module, suffix))
        point = site.point_of(suffix, tensor)
        name = point.name + suffix if isinstance(point, Tap) else point.name
        self.calls[name] = self.calls.get(name, 0) + 1
        if self.calls[name] > 1:
            name = f"{name}#{self.calls[name]}"
        # Foreign networks write in place after most modules (batch norm, then ReLU); a network with taps need not.
        clone = self.keep.clone or (self.keep.detach and not isinstance(point, Tap))
        kept = self.keep(tensor, clone)
        if len(point.axes) != kept.ndim:
            raise ValueError(
                f"tap {point.name!r} declares axes '{' '.join(point.axes)}' but a tensor of shape "
                f"{tuple(kept.shape)} went through it. Pass a batched input, or correct the tap's axes."
            )
        self.entries[name] = Entry(kept, tuple(point.axes), point.stride)
        if not kept.is_inference():
            self.versions[name] = kept._version

    def check_reached(self, selected: dict[str, list[Site]]) -> None:
        missed = [
            pattern
            for pattern, sites in selected.items()
            if not any(site.covers(module, suffix) for site in sites for module, suffix in self.reached)
        ]
        if missed:
            raise ValueError(
                f"nothing was captured at {', '.join(map(repr, missed))}: the forward pass did not reach it, or no "
                "tensor came out of it. Select points that this forward pass uses."
            )

    def check_unchanged(self) -> None:
        changed = [name for name, version in self.versions.items() if self.entries[name].tensor._version != version]
        if changed:
            raise ValueError(
                f"{', '.join(map(repr, changed))} changed in place after being captured (e.g. by ReLU(inplace=True)), "
                "so what flowed there is lost. Pass clone=True with detach=True, or make that operation out of place."
            )

    def own_memory(self, held: Iterable[Tensor]) -> None:
        """Copy the entries that share memory with tensors which others hold and may write into later."""
        addresses = {_address(tensor) for tensor in held} - {None, 0}
        for name, entry in self.entries.items():
            if _address(entry.tensor) in addresses:
                self.entries[name] = replace(entry, tensor=entry.tensor.clone())


class _CaptureHook(PointHook):
    observes = True

    def __init__(self, site: Site, recorder: _Recorder) -> None:
        super().__init__(site)
        self.recorder = recorder

    def visit(self, tensor: Tensor, suffix: str) -> Tensor:
        self.recorder.add(self.site, suffix, tensor)
        return tensor


def run_with_capture(
    model: nn.Module,
    *inputs: Any,
    taps: Selection = "*",
    device: str | torch.device | int = "keep",
    dtype: torch.dtype | None = None,
    detach: bool = True,
    clone: bool = False,
    **kwargs: Any,
) -> tuple[Any, Record]:
    """Run ``model(*inputs, **kwargs)`` once and keep what flowed through the selected points.

    The model is left as it was found, also when it raises, and it runs in the caller's ``training`` and grad mode:
    wrap the call in ``torch.no_grad()`` to save memory. Only forward passes on the calling thread are captured.

    Names in the record, in order of computation: the tap's name, or the module's path, followed by ``[key]`` for each
    tensor of a dict, tuple or list output (``"backbone[out]"``), and by ``#2``, ``#3``, ... for the second and later
    passes through the same point in one forward pass (``"relu#2"``). Module paths have axes ``d0 d1 ...`` and
    stride None.

    Args:
        taps: name, glob, several of these, or a predicate on taps; see :func:`~rsp_lab.capture.points.find_points`.
            Each name and glob, and a predicate, must yield at least one tensor.
        device: where to store the tensors; ``"keep"`` leaves each where it was computed.
        dtype: dtype to store floating-point tensors in; others keep theirs. None keeps all.
        detach: True stores tensors without graph that share no memory with inputs, outputs, parameters or buffers.
            False stores the very tensors of the graph, so that gradients of the output with respect to them exist
            (unless ``device``, ``dtype`` or ``clone`` makes a copy of them, which lies beside the path to the output).
        clone: copy every tensor as it flows by. Tap tensors are otherwise kept without a copy, which costs nothing
            and is checked; module outputs are always copied when ``detach`` is True. Treat stored tensors as
            read-only without it, as two taps on one tensor share its memory.

    Returns:
        The model's output, as without capture (to rounding, where a network computes what is listened to in another
        way than it would otherwise), and the :class:`~rsp_lab.capture.record.Record`.

    Raises:
        ValueError: if the selection matches nothing, or a part of it was not reached; if a stored tensor was changed
            in place later in the forward pass; if a tap's tensor does not have the axes that the tap declares.
    """
    selected = resolve(model, taps)
    recorder = _Recorder(_Keep(device, dtype, detach, clone))
    mode = model.training
    sites = _disjoint(chain.from_iterable(selected.values()))
    capture_hooks: list[PointHook] = [_CaptureHook(site, recorder) for site in sites]
    with uncompiled(model), attached(capture_hooks):
        output = model(*inputs, **kwargs)
    recorder.check_reached(selected)
    recorder.check_unchanged()
    if detach:
        given = _tensors((inputs, kwargs))
        recorder.own_memory(chain(given, _tensors(output), model.parameters(), model.buffers()))
    size = _image_size((inputs, kwargs))
    return output, Record(recorder.entries, size, {"model": type(model).__name__, "training": mode})


def _disjoint(sites: Iterable[Site]) -> list[Site]:
    """The same tensors from sites that share none, so that none is captured twice: wholes before their parts."""
    kept: list[Site] = []
    for site in sorted(sites, key=lambda site: len(site.part)):
        if not any(other.covers(site.module, site.part) for other in kept):
            kept.append(site)
    return kept


def _tensors(value: Any) -> list[Tensor]:
    found: list[Tensor] = []

    def visit(tensor: Tensor, suffix: str) -> Tensor:
        found.append(tensor)
        return tensor

    map_tensors(value, visit)
    return found


def _image_size(given: Any) -> tuple[int, int] | None:
    """Rows and columns of the first image, or of whatever else has two axes, in nested arguments; None without one."""
    if isinstance(given, Image.Image):
        return given.height, given.width
    if isinstance(given, Tensor | np.ndarray):
        return (given.shape[-2], given.shape[-1]) if given.ndim >= 2 else None
    parts = given.values() if isinstance(given, Mapping) else given if isinstance(given, tuple | list) else ()
    return next((size for part in parts if (size := _image_size(part)) is not None), None)


def _address(tensor: Tensor) -> int | None:
    """Identifies the memory that a dense tensor lives in, together with every view of it."""
    return tensor.untyped_storage().data_ptr() if tensor.layout == torch.strided else None


def _shares_memory(first: Tensor, second: Tensor) -> bool:
    return _address(first) == _address(second)
