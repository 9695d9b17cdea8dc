"""The fast relation against naive unfolding."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from rsp_lab.bench.sides import CPU, Report, channels_last, in_own_process, peak_megabytes, side_by_side
from rsp_lab.relations.reference import relate_reference
from rsp_lab.relations.relate import relate
from rsp_lab.relations.window import position_plane
from rsp_lab.shapes import Window

MIDDLE, VALUES = 64, 128
# Level 4 and level 3 of a 1024 x 2048 image, with the paper's window and with its dilated one.
RELATION_CASES = ((64, 128, Window(7)), (128, 256, Window(7)), (64, 128, Window(3, 3)), (128, 256, Window(3, 3)))


def bench_relation(
    *, rounds: int = 7, device: torch.device = CPU, report: Report = lambda _: None
) -> list[dict[str, Any]]:
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
        rows.append(in_own_process(_relation_case, height, width, window, rounds, torch.get_num_threads(), device))
    return rows


def _relation_case(
    height: int, width: int, window: Window, rounds: int, count: int, device: torch.device
) -> dict[str, Any]:
    torch.set_num_threads(count)
    torch.manual_seed(0)
    maps = tuple(channels_last(torch.randn(1, c, height, width)).to(device) for c in (MIDDLE, MIDDLE, VALUES))
    f_p = torch.randn(MIDDLE, VALUES).to(device) / VALUES**0.5
    grad = channels_last(torch.randn(1, VALUES, height, width)).to(device)
    sides = {"reference": partial(relate_reference, window=window), "fast": partial(_fast, window=window)}
    forward = {name: _forward(side, maps, f_p) for name, side in sides.items()}
    backward = {name: _with_gradient(side, maps, f_p, grad) for name, side in sides.items()}
    return {
        "height": height,
        "width": width,
        "kernel_size": window.kernel_size,
        "dilation": window.dilation,
        **{f"{name}_ms": ms for name, ms in side_by_side(forward, rounds).items()},
        **{f"{name}_backward_ms": ms for name, ms in side_by_side(backward, max(3, rounds // 2)).items()},
        **{f"{name}_extra_mb": peak_megabytes(call, device) for name, call in forward.items()},
    }


def _fast(query: Tensor, key: Tensor, value: Tensor, f_p: Tensor, window: Window) -> Tensor:
    return relate(query, key, value, position_plane(f_p), window)


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
