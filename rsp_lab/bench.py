"""Side-by-side measurements: every figure is taken in one run, turn and turn about, so that ratios can be trusted."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from rsp_lab.analysis.ledger.frozen import FrozenHead
from rsp_lab.analysis.ledger.ledger import context_ledger
from rsp_lab.analysis.ledger.levels import level_ledger
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.analysis.trade.run import empty_sum, traded
from rsp_lab.analysis.trade.statistics import TradeSum
from rsp_lab.capture.capture import run_with_capture
from rsp_lab.data.sample import Sample
from rsp_lab.models import presets, weights
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.relations.reference import relate_reference
from rsp_lab.relations.relate import relate
from rsp_lab.relations.window import position_plane
from rsp_lab.shapes import Window

Report = Callable[[str], None]

MIDDLE, VALUES = 64, 128
# Level 4 and level 3 of a 1024 x 2048 image, with the paper's window and with its dilated one.
RELATION_CASES = ((64, 128, Window(7)), (128, 256, Window(7)), (64, 128, Window(3, 3)), (128, 256, Window(3, 3)))
_CLASSES = tuple(f"class {i}" for i in range(19))


def bench_relation(*, rounds: int = 7, report: Report = lambda _: None) -> list[dict[str, Any]]:
    """The fast relation against the naive unfolding, 64 middle and 128 value channels, float32, batch of 1.

    Each object has ``height``, ``width``, ``kernel_size``, ``dilation``; the fastest of all rounds of ``reference_ms``
    and ``fast_ms`` (forward, no gradient), ``reference_backward_ms`` and ``fast_backward_ms`` (forward and backward
    with respect to query, key, value and f_p); and ``reference_extra_mb``, ``fast_extra_mb``, the peak of what a
    forward call allocates (10^6 bytes, output included). Maps are channels-last, as in the models.

    Every case has a process of its own: what one case leaves in the allocator would make the next one's large arrays
    cheaper than they are.
    """
    rows = []
    for height, width, window in RELATION_CASES:
        report(f"relation {height} x {width}, {window.describe()}")
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            rows.append(process.submit(_relation_case, height, width, window, rounds, torch.get_num_threads()).result())
    return rows


def _relation_case(height: int, width: int, window: Window, rounds: int, count: int) -> dict[str, Any]:
    torch.set_num_threads(count)
    torch.manual_seed(0)
    maps = tuple(_channels_last(torch.randn(1, c, height, width)) for c in (MIDDLE, MIDDLE, VALUES))
    f_p = torch.randn(MIDDLE, VALUES) / VALUES**0.5
    grad = _channels_last(torch.randn(1, VALUES, height, width))
    sides = {"reference": partial(relate_reference, window=window), "fast": partial(_fast, window=window)}
    forward = {name: _forward(side, maps, f_p) for name, side in sides.items()}
    backward = {name: _with_gradient(side, maps, f_p, grad) for name, side in sides.items()}
    return {
        "height": height,
        "width": width,
        "kernel_size": window.kernel_size,
        "dilation": window.dilation,
        **{f"{name}_ms": ms for name, ms in _side_by_side(forward, rounds).items()},
        **{f"{name}_backward_ms": ms for name, ms in _side_by_side(backward, max(3, rounds // 2)).items()},
        **{f"{name}_extra_mb": _peak_megabytes(call) for name, call in forward.items()},
    }


def bench_capture(*, rounds: int = 20, report: Report = lambda _: None) -> list[dict[str, Any]]:
    """A forward pass with all taps of all steps captured against a plain one of the same model.

    Objects with ``model``, ``height``, ``width``, ``plain_ms``, ``captured_ms``: the fastest of all rounds, eval mode,
    no gradient.
    """
    names = tuple(f"class {i}" for i in range(11))
    cases = (
        ("RSP-4, tiny encoder", presets.tiny_rsp4(names), (360, 480), rounds),
        (
            "RSP-4, ResNet-50",
            presets.resnet_fpn("resnet50", presets.rsp4(), _CLASSES),
            (512, 1024),
            max(3, rounds // 4),
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
        milliseconds = {f"{name}_ms": value for name, value in times.items()}
        rows.append({"model": label, "height": height, "width": width, **milliseconds})
    return rows


def bench_forward(*, rounds: int = 5, report: Report = lambda _: None) -> list[dict[str, Any]]:
    """RSP-4 against its six-level baseline, whole models on ResNet-50 at 512 x 1024; the multiply-adds say 1.01.

    Objects with ``encoder``, ``height``, ``width``, ``baseline_ms``, ``rsp4_ms``: the fastest of all rounds, no
    gradient.
    """
    height, width = 512, 1024
    report(f"forward, ResNet-50, {height} x {width}")
    image = torch.rand(1, 3, height, width)
    models = {}
    for name, head in (("baseline", presets.baseline_q67()), ("rsp4", presets.rsp4())):
        torch.manual_seed(0)
        models[name] = Segmenter(presets.resnet_fpn("resnet50", head, _CLASSES)).eval()
    times = _side_by_side({name: partial(model, image) for name, model in models.items()}, rounds)
    milliseconds = {f"{name}_ms": value for name, value in times.items()}
    return [{"encoder": "resnet50", "height": height, "width": width, **milliseconds}]


def bench_analysis(*, rounds: int = 5, report: Report = lambda _: None) -> list[dict[str, Any]]:
    """What analysis costs beside plain work of the same model: the shipped CamVid pair, and an untrained ResNet-50.

    Objects with ``model``, ``height``, ``width``, ``levels``; ``forward_ms``, a plain pass; ``ledger_ms``, one pixel's
    ledger of a head that is already frozen; ``context_ledger_ms``, the same from the image, its captured pass included;
    ``head_ms``, the model's own head on its pyramid; ``level_ledger_ms``, all pixels and classes of a frozen head, the
    bias included; ``plain_images_per_s``, plain inference from uint8 image to labels; ``trade_images_per_s``, the
    model's part of a trade matrix, from uint8 image to statistics, on an image in which every class occurs: of the
    fastest of all rounds. For a bar, ``ledger_ms`` is held to ``forward_ms``, ``level_ledger_ms`` to
    ``(levels + 1) * head_ms``, ``trade_images_per_s`` to half of ``plain_images_per_s``.
    """
    torch.manual_seed(0)
    large = Segmenter(presets.resnet_fpn("resnet50", presets.rsp4(), _CLASSES)).eval()
    cases = (
        ("camvid-rsp4", weights.load("camvid-rsp4"), (360, 480), rounds),
        ("camvid-baseline", weights.load("camvid-baseline"), (360, 480), rounds),
        ("RSP-4, ResNet-50", large, (512, 1024), max(2, rounds // 3)),
    )
    rows = []
    for label, model, size, repeats in cases:
        report(f"analysis, {label}, {size[0]} x {size[1]}")
        rows.append({"model": label, **_analysis_case(model, size, repeats)})
    return rows


def _analysis_case(model: Segmenter, size: tuple[int, int], rounds: int) -> dict[str, Any]:
    names = model.config.class_names
    sample = _patchwork(size, len(names))
    image = sample.image[None].float() / 255
    target = PixelTarget(size[0] // 2, size[1] // 3, names[1], names[2])
    with torch.no_grad():
        pyramid = model.pyramid(_channels_last((image - model.mean) / model.std))
    frozen = FrozenHead.of(model, image)
    empty = empty_sum((model, model), "labels")
    calls: dict[str, Callable[[], Any]] = {
        "forward": partial(model, image),
        "context_ledger": partial(context_ledger, model, image, target),
        "ledger": partial(context_ledger, frozen, frozen.image, target),
        "head": partial(model.head, pyramid),
        "level_ledger": partial(_whole_level_ledger, frozen),
        "plain": partial(_plain_inference, model, sample),
        "trade": partial(_trade_of_one, empty, model, sample),
    }
    times = _side_by_side(calls, rounds)
    rates = {f"{name}_images_per_s": round(1e3 / times.pop(name), 3) for name in ("plain", "trade")}
    milliseconds = {f"{name}_ms": value for name, value in times.items()}
    return {"height": size[0], "width": size[1], "levels": len(frozen.levels), **milliseconds, **rates}


def _patchwork(size: tuple[int, int], classes: int) -> Sample:
    """Noise under labels in which every class occurs several times, and some pixels have none: the most zones there
    can be."""
    rows, columns = torch.arange(size[0])[:, None] // 24, torch.arange(size[1]) // 24
    label = ((rows * 5 + columns) % (classes + 1)).to(torch.uint8)
    image = torch.randint(0, 256, (3, *size), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    return Sample("patchwork", image, label)


def _plain_inference(model: Segmenter, sample: Sample) -> Tensor:
    return model(sample.image[None].float() / 255).argmax(1)


def _trade_of_one(total: TradeSum, model: Segmenter, sample: Sample) -> TradeSum:
    """One image of one model into the statistics of a pair, whose other half costs nothing."""
    trade = traded(model, sample, "labels")
    return total.plus([(trade, trade)])


def _whole_level_ledger(frozen: FrozenHead) -> None:
    # A copy has not worked out the bias yet.
    level_ledger(replace(frozen), frozen.image)


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
    """Milliseconds of each call: the fastest of all rounds, as in timeit, since other work can only slow a call down.

    Sides take turns, so that a slow spell of the machine meets all of them, and have the same time in each round, that
    of the slowest one's call: a single call of two milliseconds would be at the mercy of a moment.
    """
    fastest = {name: float("inf") for name in calls}
    with torch.no_grad():
        turn = max(_seconds(call) for call in calls.values())
        for _ in range(rounds):
            for name, call in calls.items():
                # The first call after another one pays for caches and freed memory that the other left behind.
                call()
                spent = 0.0
                while spent == 0 or spent + fastest[name] <= turn:
                    spent += (took := _seconds(call))
                    fastest[name] = min(fastest[name], took)
    return {name: round(seconds * 1e3, 3) for name, seconds in fastest.items()}


def _seconds(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


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
