"""The relation by its several paths, side by side on one device."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from rsp_lab.bench.sides import CPU, Report, channels_last, in_own_process, peak_megabytes, side_by_side
from rsp_lab.relations.fast import gathered_relation
from rsp_lab.relations.flexible import flexible_relation, takes_flexible
from rsp_lab.relations.reference import relate_reference
from rsp_lab.relations.window import position_plane
from rsp_lab.shapes import Window

MIDDLE, VALUES = 64, 128
# Level 4 and level 3 of a 1024 x 2048 image, with the paper's window and with its dilated one.
RELATION_CASES = ((64, 128, Window(7)), (128, 256, Window(7)), (64, 128, Window(3, 3)), (128, 256, Window(3, 3)))
# Level 2 of it as well.
ACCELERATOR_CASES = (*RELATION_CASES, (256, 512, Window(7)), (256, 512, Window(3, 3)))


def bench_relation(
    *, rounds: int = 7, device: torch.device = CPU, report: Report = lambda _: None
) -> list[dict[str, Any]]:
    """The paths of the relation against naive unfolding, 64 middle and 128 value channels, float32, batch of 1.

    Sides are ``reference``, unfolding; ``fast``, blocks whose windows are gathered, which is what a CPU takes; on an
    accelerator with Triton ``flexible``, PyTorch's flexible attention, compiled; and on a GPU of CUDA ``natten``, where
    that package is installed: its neighbourhood attention has no position term and moves windows inwards at the border,
    so that it is another function of the same work.

    Each object has ``device``, ``height``, ``width``, ``kernel_size``, ``dilation``; of each side the fastest of all
    rounds, ``SIDE_ms`` (forward, no gradient) and ``SIDE_backward_ms`` (forward and backward with respect to query,
    key, value and f_p), and ``SIDE_extra_mb``, the peak of what a forward call allocates (10^6 bytes, output included).
    Maps are channels-last, as in the models.

    Every case has a process of its own: what one case leaves in the allocator would make the next one's large arrays
    cheaper than they are.
    """
    rows = []
    for height, width, window in RELATION_CASES if device.type == "cpu" else ACCELERATOR_CASES:
        report(f"relation {height} x {width}, {window.describe()}, {device}")
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
    sides = {name: partial(side, window=window) for name, side in relation_sides(*maps).items()}
    forward = {name: _forward(side, maps, f_p) for name, side in sides.items()}
    backward = {name: _with_gradient(side, maps, f_p, grad) for name, side in sides.items()}
    return {
        "device": str(device),
        "height": height,
        "width": width,
        "kernel_size": window.kernel_size,
        "dilation": window.dilation,
        **{f"{name}_ms": ms for name, ms in side_by_side(forward, rounds).items()},
        **{f"{name}_backward_ms": ms for name, ms in side_by_side(backward, max(3, rounds // 2)).items()},
        **{f"{name}_extra_mb": peak_megabytes(call, device) for name, call in forward.items()},
    }


def relation_sides(query: Tensor, key: Tensor, value: Tensor) -> dict[str, Callable[..., Tensor]]:
    """The paths that such maps can take here, by name: functions of query, key, value, f_p and window."""
    sides: dict[str, Callable[..., Tensor]] = {
        "reference": relate_reference,
        "fast": partial(_by_cell, partial(gathered_relation, softmax=True)),
    }
    if takes_flexible(*(x.permute(0, 2, 3, 1) for x in (query, value)), softmax=True):
        sides["flexible"] = partial(_by_cell, flexible_relation)
    if query.device.type == "cuda" and find_spec("natten"):
        sides["natten"] = _natten
    return sides


def _by_cell(
    relation: Callable[..., Tensor], query: Tensor, key: Tensor, value: Tensor, f_p: Tensor, window: Window
) -> Tensor:
    by_cell, *others = (x.permute(0, 2, 3, 1).contiguous() for x in (query, key, value))
    slope = (position_plane(f_p) @ by_cell.flatten(0, 2).mT).view(2, *by_cell.shape[:3])
    return relation(by_cell, *others, slope, window).permute(0, 3, 1, 2)


def _natten(query: Tensor, key: Tensor, value: Tensor, f_p: Tensor, window: Window) -> Tensor:
    from natten.functional import na2d

    # Its heads have as many channels of values as of keys: values are shared out among heads with the same weights.
    heads = value.shape[1] // key.shape[1]
    q, k = (x.permute(0, 2, 3, 1).unsqueeze(3).expand(-1, -1, -1, heads, -1).contiguous() for x in (query, key))
    v = value.permute(0, 2, 3, 1).unflatten(3, (heads, -1)).contiguous()
    context: Tensor = na2d(q, k, v, kernel_size=window.kernel_size, dilation=window.dilation, scale=1.0)
    # No position term: f_p has a gradient of 0.
    return context.flatten(3).permute(0, 3, 1, 2) + 0 * f_p.sum()


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
