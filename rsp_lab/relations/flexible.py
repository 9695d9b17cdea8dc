"""The relation by PyTorch's flexible attention, for accelerators: one fused kernel over the blocks that windows reach.

The window is a block mask, the position plane a modification of the scores. Cells are tokens in row-major order.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import torch
from torch import Tensor

from rsp_lab.relations.fast import gathered_relation
from rsp_lab.shapes import Window

_DEVICES = ("cuda", "xpu")
_BLOCK = 128
"""Cells of a block of queries or keys: the kernels' own choice."""
_KERNELS = 64
_LEAST_CHANNELS = 16
"""Of query and key and of the values: the kernels multiply no thinner matrices."""


class TooManySizesError(RuntimeError):
    """No further kernel is compiled in this process."""


def takes_flexible(query: Tensor, value: Tensor, *, softmax: bool) -> bool:
    """Whether a relation of maps (b, y, x, c) goes by :func:`flexible_relation`: on an accelerator that has Triton.

    Not where weights are not normalised, since flexible attention always is, nor in float64, which its kernels do not
    have.
    """
    return (
        query.device.type in _DEVICES
        and softmax
        and query.dtype == torch.float32
        and min(query.shape[-1], value.shape[-1]) >= _LEAST_CHANNELS
        and _has_triton()
    )


def flexible_relation(
    query: Tensor, key: Tensor, value: Tensor, gaze: Tensor, window: Window, *, compiled: bool = True
) -> Tensor:
    """Context (b, y, x, c) of maps (b, y, x, c) and gaze (2, b, y, x), weights by softmax.

    Equal to the explicit path up to rounding. Differentiable once, where flexible attention is: not on a CPU. A kernel
    is compiled for each size of map and window; after :data:`_KERNELS` of them further ones go the gathered way, and so
    does what needs a gradient where its kernels cannot be compiled, which a warning says.

    Args:
        compiled: as one kernel; without it all scores of the map are held, which is for tests of small maps.
    """
    maps = (query, key, value, gaze)
    # In a network that is compiled as a whole it is compiled with it.
    compiled = compiled and not torch.compiler.is_compiling()
    needs_gradient = torch.is_grad_enabled() and any(x.requires_grad for x in maps)
    if compiled and needs_gradient and not _gradient_compiles(query.device):
        return gathered_relation(*maps, window, softmax=True)
    try:
        return _attended(*maps, window, _compiled() if compiled else _attention())
    except TooManySizesError:
        return gathered_relation(*maps, window, softmax=True)


def _attended(
    query: Tensor, key: Tensor, value: Tensor, gaze: Tensor, window: Window, attend: Callable[..., Tensor]
) -> Tensor:
    batch, height, width, _ = query.shape
    # A tensor each: kernels of the gradient take no tensor that is indexed twice.
    down, right = (slope.flatten(1).clone() for slope in gaze)

    def position(score: Tensor, b: Tensor, _head: Tensor, i: Tensor, j: Tensor) -> Tensor:
        rows, columns = j // width - i // width, j % width - i % width
        return score + (down[b, i] * rows + right[b, i] * columns) / max(window.radius, 1)

    tokens = tuple(x.reshape(batch, 1, height * width, x.shape[-1]) for x in (query, key, value))
    mask = window_blocks(height, width, window, query.device)
    context: Tensor = attend(*tokens, score_mod=position, block_mask=mask, scale=1.0)
    return context.view(value.shape)


@cache
def _gradient_compiles(device: torch.device) -> bool:
    """Whether kernels of the gradient are compiled on a device, by a trial on two cells: an error in the midst of a
    backward pass would come too late."""
    shapes = (1, 1, 2, _LEAST_CHANNELS), (1, 1, 2, _LEAST_CHANNELS), (1, 1, 2, _LEAST_CHANNELS), (2, 1, 1, 2)
    try:
        with torch.enable_grad():
            leaves = [torch.zeros(shape, device=device, requires_grad=True) for shape in shapes]
            query, key, value, gaze = leaves
            torch.autograd.grad(_attended(query, key, value, gaze, Window(3), _compiled()).sum(), leaves)
    except Exception as error:  # whatever the compiler meets, the other way is there
        warnings.warn(
            f"relations on {device} take the slower way of gathered blocks where they need a gradient: flexible "
            f"attention does not compile there ({type(error).__name__}: {str(error).partition(chr(10))[0][:200]}).",
            stacklevel=2,
        )
        return False
    return True


@lru_cache(maxsize=16)
def window_blocks(height: int, width: int, window: Window, device: torch.device) -> Any:
    """The window around each cell of a map as a ``BlockMask``; blocks out of every window's reach are skipped."""
    from torch.nn.attention.flex_attention import BlockMask  # takes longer than all else to import

    def inside(_b: Tensor, _head: Tensor, i: Tensor, j: Tensor) -> Tensor:
        rows, columns = j // width - i // width, j % width - i % width
        reached = (rows.abs() <= window.radius) & (columns.abs() <= window.radius)
        return reached & (rows % window.dilation == 0) & (columns % window.dilation == 0)

    reached = _reached_blocks(height, width, window).to(device)
    count = reached.sum(1, dtype=torch.int32)
    # The reached blocks of each row first, in order.
    order = reached.to(torch.int8).argsort(dim=1, descending=True, stable=True).to(torch.int32)
    cells = height * width
    return BlockMask.from_kv_blocks(
        count[None, None], order[None, None], BLOCK_SIZE=_BLOCK, mask_mod=inside, seq_lengths=(cells, cells)
    )


def _reached_blocks(height: int, width: int, window: Window) -> Tensor:
    """Whether any window of a block of cells (row) reaches into another block (column), from indices alone."""
    blocks = -(-height * width // _BLOCK)
    reached = torch.zeros(blocks, blocks, dtype=torch.bool)
    rows, columns = torch.arange(height)[:, None], torch.arange(width)[None]
    own = (rows * width + columns) // _BLOCK
    for down in window.offsets:
        for right in window.offsets:
            there = (rows + down >= 0) & (rows + down < height) & (columns + right >= 0) & (columns + right < width)
            other = ((rows + down) * width + columns + right) // _BLOCK
            reached[own[there], other[there]] = True
    return reached


def _attention() -> Callable[..., Tensor]:
    from torch.nn.attention.flex_attention import flex_attention

    attend: Callable[..., Tensor] = flex_attention
    return attend


@cache
def _compiled() -> Callable[..., Tensor]:
    # Whole, since all scores of a map would be held otherwise.
    attend = torch.compile(_attention(), fullgraph=True, dynamic=False)

    from torch._dynamo.exc import FailOnRecompileLimitHit

    def limited(*given: Any, **options: Any) -> Tensor:
        try:
            with torch._dynamo.config.patch(recompile_limit=_KERNELS):
                context: Tensor = attend(*given, **options)
                return context
        except FailOnRecompileLimitHit as error:
            raise TooManySizesError(f"there are {_KERNELS} kernels already.") from error

    return limited


@cache
def _has_triton() -> bool:
    from torch.utils._triton import has_triton

    return bool(has_triton())
