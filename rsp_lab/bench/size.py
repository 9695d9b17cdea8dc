"""What looking into a network costs as images grow to the paper's size."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from rsp_lab.analysis.ledger.ledger import context_ledger
from rsp_lab.analysis.passes.view import view_model
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.bench.sides import CLASS_NAMES, CPU, Report, in_own_process, peak_bytes, peak_megabytes, seconds_of
from rsp_lab.data.tables import table_for
from rsp_lab.explorer.payload import build_payload
from rsp_lab.models import presets
from rsp_lab.models.segmenter import Segmenter, SegmenterConfig
from rsp_lab.rgb import rgb_pixels

SIZES = ((256, 512), (512, 1024), (1024, 2048))
"""Rows and columns: a sixteenth, a quarter and all of the pixels of an image of Cityscapes."""
MODEL = "RSP-4, ResNet-50"


def bench_size(*, rounds: int = 2, device: torch.device = CPU, report: Report = lambda _: None) -> list[dict[str, Any]]:
    """RSP-4 on ResNet-50, untrained, from 256 x 512 to 1024 x 2048 pixels, each size in a process of its own.

    Objects with ``height``, ``width``, ``model``; the fastest of all rounds in seconds: ``forward_s``, a plain pass
    without gradients; ``capture_s``, a pass with all that the explorer shows captured; ``ledger_s``, one pixel's
    context ledger from the image; ``payload_s``, the explorer's payload of two captured passes. ``forward_mb`` and
    ``ledger_mb`` are the most that tensors made during the call hold at one time (10^6 bytes), ``ledger_ratio`` is the
    second over the first. ``peak_mb`` is the most memory that the process ever had on the machine's side, network and
    libraries included; None where the system does not say. For a bar, seconds grow by 4.6 at the most for four times
    the pixels, and ``ledger_ratio`` is held to 1.5.
    """
    config = presets.resnet_fpn("resnet50", presets.rsp4(), CLASS_NAMES)
    rows = []
    for height, width in SIZES:
        report(f"size, {MODEL}, {height} x {width}")
        case = partial(size_case, config, (height, width), rounds, torch.get_num_threads(), device)
        rows.append({"height": height, "width": width, "model": MODEL, **in_own_process(case)})
    return rows


def size_case(
    config: SegmenterConfig, size: tuple[int, int], rounds: int, count: int, device: torch.device = CPU
) -> dict[str, Any]:
    """What :func:`bench_size` measures of a model on an image of a size, in this process."""
    torch.set_num_threads(count)
    torch.manual_seed(0)
    model = Segmenter(config).eval().to(device)
    image = torch.rand(1, 3, *size).to(device)
    names = model.class_names
    target = PixelTarget(size[0] // 2, size[1] // 3, names[1], names[2])
    ledger = partial(context_ledger, model, image, target)
    view, table = view_model(model, image), table_for(names, "")
    calls: dict[str, Callable[[], Any]] = {
        "forward": partial(model, image),
        "capture": partial(view_model, model, image),
        "ledger": ledger,
        "payload": lambda: build_payload(rgb_pixels(image), (model, model), (view, view), table),
    }
    seconds = {f"{name}_s": _fastest(call, rounds) for name, call in calls.items()}
    del view
    calls.pop("payload")
    forward_mb, ledger_mb = (peak_megabytes(calls[name], device) for name in ("forward", "ledger"))
    memory = {"forward_mb": forward_mb, "ledger_mb": ledger_mb, "ledger_ratio": round(ledger_mb / forward_mb, 2)}
    peak = peak_bytes()
    return {**seconds, **memory, "peak_mb": None if peak is None else round(peak / 1e6, 1)}


def _fastest(call: Callable[[], Any], rounds: int) -> float:
    """Seconds of the fastest of all rounds."""
    with torch.no_grad():
        return round(min(seconds_of(call) for _ in range(rounds)), 3)
