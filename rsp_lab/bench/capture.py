"""A captured forward pass against a plain one."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from rsp_lab.bench.sides import CLASS_NAMES, CPU, Report, side_by_side
from rsp_lab.capture.capture import run_with_capture
from rsp_lab.models import presets
from rsp_lab.models.segmenter import Segmenter


def bench_capture(
    *, rounds: int = 20, device: torch.device = CPU, report: Report = lambda _: None
) -> list[dict[str, Any]]:
    """A forward pass with all taps of all steps captured against a plain one of the same model.

    Objects with ``model``, ``height``, ``width``, ``plain_ms``, ``captured_ms``: the fastest of all rounds, eval mode,
    no gradient.
    """
    names = tuple(f"class {i}" for i in range(11))
    cases = (
        ("RSP-4, tiny encoder", presets.tiny_rsp4(names), (360, 480), rounds),
        (
            "RSP-4, ResNet-50",
            presets.resnet_fpn("resnet50", presets.rsp4(), CLASS_NAMES),
            (512, 1024),
            max(3, rounds // 4),
        ),
    )
    rows = []
    for label, config, (height, width), repeats in cases:
        report(f"capture, {label}, {height} x {width}")
        torch.manual_seed(0)
        model = Segmenter(config).eval().to(device)
        image = torch.rand(1, 3, height, width, device=device)
        times = side_by_side(
            {"plain": partial(model, image), "captured": partial(run_with_capture, model, image, taps="step*")},
            repeats,
        )
        milliseconds = {f"{name}_ms": value for name, value in times.items()}
        rows.append({"model": label, "height": height, "width": width, **milliseconds})
    return rows
