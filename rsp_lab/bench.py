"""Side-by-side measurements: every figure is taken in one run, turn and turn about, so that ratios can be trusted."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from rsp_lab.capture.capture import run_with_capture
from rsp_lab.models import presets
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.relations.reference import relate_reference
from rsp_lab.relations.relate import relate
from rsp_lab.relations.window import position_plane
from rsp_lab.shapes import Window

Report = Callable[[str], None]

MIDDLE, VALUES = 64, 128
RELATION_CASES = ((64, 128, Window(7)), (128, 256, Window(7)), (64, 128, Window(3, 3)), (128, 256, Window(3, 3)))
_CLASSES = tuple(f"class {i}" for i in range(19))


def bench_relation(*, rounds: int = 7, report: Report = lambda _: None) -> list[dict[str, Any]]:
    """The fast relation against the naive unfolding, 64 middle and 128 value channels, float32, batch of 1.

    Each object has ``height``, ``width``, ``kernel_size``, ``dilation``; medians over rounds of ``reference_ms`` and
    ``fast_ms`` (forward, no gradient), ``reference_backward_ms`` and ``fast_backward_ms`` (forward and backward with
    respect to query, key, value and f_p); and ``reference_extra_mb``, ``fast_extra_mb``, the peak of what a forward
    call allocates (10^6 bytes, output included). Maps are channels-last, as in the models.
    """
    rows = []
    for height, width, window in RELATION_CASES:
        report(f"relation {height} x {width}, {window.describe()}")
        torch.manual_seed(0)
        maps = tuple(_channels_last(torch.randn(1, c, height, width)) for c in (MIDDLE, MIDDLE, VALUES))
        f_p = torch.randn(MIDDLE, VALUES) / VALUES**0.5
        grad = _channels_last(torch.randn(1, VALUES, height, width))

        reference, fast = partial(relate_reference, window=window), partial(_fast, window=window)
        forward = _side_by_side(
            {"reference": _forward(reference, maps, f_p), "fast": _forward(fast, maps, f_p)}, rounds
        )
        backward = _side_by_side(
            {"reference": _with_gradient(reference, maps, f_p, grad), "fast": _with_gradient(fast, maps, f_p, grad)},
            max(3, rounds // 2),
        )
        rows.append(
            {
                "height": height,
                "width": width,
                "kernel_size": window.kernel_size,
                "dilation": window.dilation,
                **{f"{name}_ms": ms for name, ms in forward.items()},
                **{f"{name}_backward_ms": ms for name, ms in backward.items()},
                "reference_extra_mb": _peak_megabytes(_forward(reference, maps, f_p)),
                "fast_extra_mb": _peak_megabytes(_forward(fast, maps, f_p)),
            }
        )
    return rows


def bench_capture(*, rounds: int = 7, report: Report = lambda _: None) -> list[dict[str, Any]]:
    """A forward pass with all taps of all steps captured against a plain one of the same model.

    Objects with ``model``, ``height``, ``width``, ``plain_ms``, ``captured_ms``, medians over rounds, eval mode, no
    gradient.
    """
    names = tuple(f"class {i}" for i in range(11))
    cases = (
        ("RSP-4, tiny encoder", presets.tiny_rsp4(names), (360, 480), rounds),
        (
            "RSP-4, ResNet-50",
            presets.resnet_fpn("resnet50", presets.rsp4(), _CLASSES),
            (512, 1024),
            max(3, rounds // 2),
        ),
    )
    rows = []
    for label, config, (height, width), repeats in cases:
        report(f"capture, {label}, {height} x {width}")
        torch.manual_seed(0)
        model = Segmenter(config).eval()
        image = torch.rand(1, 3, height, width)
        times = _side_by_side(
            {"plain": partial(model, image), "captured": partial(run_with_capture, model, image, taps="step*")},
            repeats,
        )
        rows.append(
            {
                "model": label,
                "height": height,
                "width": width,
                "plain_ms": times["plain"],
                "captured_ms": times["captured"],
            }
        )
    return rows


def bench_forward(*, rounds: int = 5, report: Report = lambda _: None) -> list[dict[str, Any]]:
    """RSP-4 against its six-level baseline, whole models on ResNet-50 at 512 x 1024; the multiply-adds say 1.01.

    Objects with ``encoder``, ``height``, ``width``, ``baseline_ms``, ``rsp4_ms``, medians over rounds, no gradient.
    """
    height, width = 512, 1024
    report(f"forward, ResNet-50, {height} x {width}")
    image = torch.rand(1, 3, height, width)
    models = {}
    for name, head in (("baseline", presets.baseline_q67()), ("rsp4", presets.rsp4())):
        torch.manual_seed(0)
        models[name] = Segmenter(presets.resnet_fpn("resnet50", head, _CLASSES)).eval()
    times = _side_by_side({name: partial(model, image) for name, model in models.items()}, rounds)
    return [
        {
            "encoder": "resnet50",
            "height": height,
            "width": width,
            "baseline_ms": times["baseline"],
            "rsp4_ms": times["rsp4"],
        }
    ]


def _fast(query: Tensor, key: Tensor, value: Tensor, f_p: Tensor, window: Window) -> Tensor:
    return relate(query, key, value, position_plane(f_p), window)


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def _forward(relation: Callable[..., Tensor], maps: tuple[Tensor, ...], f_p: Tensor) -> Callable[[], Any]:
    return lambda: relation(*maps, f_p)


def _with_gradient(
    relation: Callable[..., Tensor], maps: tuple[Tensor, ...], f_p: Tensor, grad: Tensor
) -> Callable[[], Any]:
    leaves = [x.detach().requires_grad_() for x in (*maps, f_p)]

    def run() -> None:
        with torch.enable_grad():
            torch.autograd.grad(relation(*leaves), leaves, grad)

    return run


def _side_by_side(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Median milliseconds of each call; calls take turns, so that a slow spell of the machine meets all of them."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    with torch.no_grad():
        for call in calls.values():
            call()
        for _ in range(rounds):
            for name, call in calls.items():
                # The first call after another one pays for caches and freed memory that the other left behind.
                call()
                began = time.perf_counter()
                call()
                times[name].append((time.perf_counter() - began) * 1e3)
    return {name: round(statistics.median(values), 3) for name, values in times.items()}


def _peak_megabytes(call: Callable[[], Any]) -> float:
    """Peak of the bytes that tensors made during the call hold at one time, from the allocator's own events."""
    with torch.no_grad():
        call()
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as trace:
            kept = call()
        del kept
    held = peak = 0
    for change in _allocations(trace):
        held += change
        peak = max(peak, held)
    return round(peak / 1e6, 3)


def _allocations(trace: profile) -> Iterator[int]:
    """Bytes of each allocation (positive) and release (negative) in order of time."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        trace.export_chrome_trace(str(path))
        events = json.loads(path.read_text())["traceEvents"]
    memory = [event for event in events if event.get("name") == "[memory]" and event["args"].get("Device Type") == 0]
    for event in sorted(memory, key=lambda event: event["ts"]):
        yield int(event["args"]["Bytes"])


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """torch's threads set to ``count`` for a while; None leaves them."""
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
