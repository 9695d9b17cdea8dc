"""RSP-4 against its baseline, whole forward passes."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from rsp_lab.bench.sides import CLASS_NAMES, CPU, Report, side_by_side
from rsp_lab.models import presets
from rsp_lab.models.segmenter import Segmenter


def bench_forward(
    *, rounds: int = 5, device: torch.device = CPU, report: Report = lambda _: None
) -> list[dict[str, Any]]:
    """RSP-4 against its six-level baseline, whole models on ResNet-50 at 512 x 1024; the multiply-adds say 1.01.

    Objects with ``encoder``, ``height``, ``width``, ``baseline_ms``, ``rsp4_ms``: the fastest of all rounds, no
    gradient.
    """
    height, width = 512, 1024
    report(f"forward, ResNet-50, {height} x {width}")
    image = torch.rand(1, 3, height, width, device=device)
    models = {}
    for name, head in (("baseline", presets.baseline_q67()), ("rsp4", presets.rsp4())):
        torch.manual_seed(0)
        models[name] = Segmenter(presets.resnet_fpn("resnet50", head, CLASS_NAMES)).eval().to(device)
    times = side_by_side({name: partial(model, image) for name, model in models.items()}, rounds)
    milliseconds = {f"{name}_ms": value for name, value in times.items()}
    return [{"encoder": "resnet50", "height": height, "width": width, **milliseconds}]
