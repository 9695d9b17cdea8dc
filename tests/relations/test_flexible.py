"""The relation by flexible attention, uncompiled, against unfolding; and which relations take it."""

from __future__ import annotations

import pytest
import torch
from torch.nn.attention import flex_attention

from rsp_lab.relations import flexible, relate
from rsp_lab.relations.fast import gathered_relation
from rsp_lab.relations.flexible import flexible_relation, takes_flexible, window_blocks
from rsp_lab.relations.reference import relate_reference
from rsp_lab.relations.window import position_plane, window_mask
from rsp_lab.shapes import Window

WINDOWS = (Window(3), Window(7), Window(3, 3), Window(1))


def by_flexible(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, f_p: torch.Tensor, window: Window
) -> torch.Tensor:
    by_cell, *others = (x.permute(0, 2, 3, 1).contiguous() for x in (query, key, value))
    gaze = torch.einsum("pm,byxm->pbyx", position_plane(f_p), by_cell)
    return flexible_relation(by_cell, *others, gaze, window, compiled=False).permute(0, 3, 1, 2)


@pytest.mark.parametrize("window", WINDOWS, ids=Window.describe)
def test_forward_and_gradient_are_those_of_unfolding(window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    """13 x 11 cells are two blocks, the second of them not full."""
    monkeypatch.setattr(flex_attention, "_validate_device", lambda *_: None)  # gradients on a CPU: not in its kernels
    generator = torch.Generator().manual_seed(0)
    shapes = (2, 5, 13, 11), (2, 5, 13, 11), (2, 7, 13, 11), (5, 6)
    leaves = [torch.randn(shape, generator=generator, requires_grad=True) for shape in shapes]
    grad = torch.randn(shapes[2], generator=generator)
    expected, found = relate_reference(*leaves, window), by_flexible(*leaves, window)

    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)
    ours, theirs = (torch.autograd.grad(one, leaves, grad) for one in (found, expected))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-4)


@pytest.mark.parametrize("window", WINDOWS, ids=Window.describe)
def test_blocks_hold_every_window_and_skip_what_none_reaches(window: Window) -> None:
    height, width = 24, 20
    mask = window_blocks(height, width, window, torch.device("cpu"))
    reached = flexible._reached_blocks(height, width, window)
    cells = torch.arange(height * width)
    inside = mask.mask_mod(None, None, cells[:, None], cells[None])

    assert torch.equal(mask.to_dense()[0, 0].bool(), reached)
    assert torch.equal(inside.sum(1), window_mask(height, width, window).sum((0, 1)).flatten())
    whole = torch.nn.functional.pad(inside, (0, -len(cells) % 128, 0, -len(cells) % 128))
    blocks = whole.unflatten(0, (-1, 128)).unflatten(2, (-1, 128)).any(3).any(1)
    assert torch.equal(blocks, reached)
    assert window.radius > 3 or not reached.all()


def test_kernels_of_the_gradient_take_the_position(monkeypatch: pytest.MonkeyPatch) -> None:
    """They refuse a tensor that scores read twice, and only when a network is trained. Here up to where they are
    compiled, which needs a GPU."""
    from torch._dynamo.backends.common import aot_autograd
    from torch._inductor.kernel.flex.flex_attention import validate_joint_graph

    monkeypatch.setattr(flex_attention, "_validate_device", lambda *_: None)
    backward: list[torch.fx.GraphModule] = []

    def kept(graph: torch.fx.GraphModule, _: object) -> torch.fx.GraphModule:
        backward.append(graph)
        return graph

    traced = aot_autograd(fw_compiler=lambda graph, _: graph, bw_compiler=kept)
    attend = torch.compile(flex_attention.flex_attention, fullgraph=True, dynamic=False, backend=traced)
    monkeypatch.setattr(flexible, "_compiled", lambda: attend)
    monkeypatch.setattr(flexible, "_gradient_compiles", lambda _: True)
    shapes = (2, 13, 11, 16), (2, 13, 11, 16), (2, 13, 11, 16), (2, 2, 13, 11)
    leaves = [torch.ones(shape, requires_grad=True) for shape in shapes]
    flexible_relation(*leaves, Window(3)).sum().backward()  # type: ignore[arg-type]

    (graph,) = backward
    validate_joint_graph(graph.joint_graph0.graph)  # type: ignore[arg-type, union-attr]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU: tests use one where CUDA_VISIBLE_DEVICES names it")
@pytest.mark.parametrize("size", [(13, 11), (64, 128)])
@pytest.mark.parametrize("window", [Window(7), Window(3, 3)], ids=Window.describe)
def test_a_gpu_gives_the_gradient_of_gathering(window: Window, size: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(3)
    shapes = (2, *size, 32), (2, *size, 32), (2, *size, 64), (2, 2, *size)
    leaves = [torch.randn(shape, generator=generator).cuda().requires_grad_() for shape in shapes]
    assert takes_flexible(leaves[0], leaves[2], softmax=True)
    grad = torch.randn(shapes[2], generator=generator).cuda()
    expected = gathered_relation(*leaves, window, softmax=True)  # type: ignore[arg-type]
    found = flexible_relation(*leaves, window)  # type: ignore[arg-type]

    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    ours, theirs = (torch.autograd.grad(one, leaves, grad) for one in (found, expected))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


def maps(device: str = "cuda", channels: int = 32, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """A map that says where it is; no values."""
    made = torch.empty(1, 4, 4, channels, dtype=dtype, device="meta")
    return _Placed(made, torch.device(device))  # type: ignore[return-value]


class _Placed:
    def __init__(self, values: torch.Tensor, device: torch.device) -> None:
        self.shape, self.dtype, self.device = values.shape, values.dtype, device


@pytest.mark.usefixtures("unchecked")
def test_what_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flexible, "_has_triton", lambda: True)
    assert takes_flexible(maps(), maps(), softmax=True)
    assert not takes_flexible(maps("cpu"), maps("cpu"), softmax=True)
    assert not takes_flexible(maps("mps"), maps("mps"), softmax=True)
    assert not takes_flexible(maps(), maps(), softmax=False)
    assert not takes_flexible(maps(dtype=torch.float64), maps(), softmax=True)
    assert not takes_flexible(maps(channels=8), maps(), softmax=True)
    monkeypatch.setattr(flexible, "_has_triton", lambda: False)
    assert not takes_flexible(maps(), maps(), softmax=True)


class _Unfit(torch.autograd.Function):
    """An attention whose gradient no kernel can be compiled for."""

    @staticmethod
    def forward(ctx: object, value: torch.Tensor) -> torch.Tensor:
        return value.clone()

    @staticmethod
    def backward(ctx: object, *grads: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError("indexed twice\nand more")


def test_without_kernels_of_the_gradient_only_what_needs_one_is_gathered(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[tuple[int, ...]] = []

    def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, **_: object) -> torch.Tensor:
        taken.append(tuple(value.shape))
        return _Unfit.apply(value)  # type: ignore[no-any-return, no-untyped-call]

    monkeypatch.setattr(flexible, "_compiled", lambda: attend)
    flexible._gradient_compiles.cache_clear()
    shapes = (1, 5, 6, 16), (1, 5, 6, 16), (1, 5, 6, 16), (2, 1, 5, 6)
    maps = [torch.ones(shape) for shape in shapes]
    flexible_relation(*maps, Window(3))  # type: ignore[arg-type]
    assert taken == [(1, 1, 30, 16)]
    leaves = [one.requires_grad_() for one in maps]
    expected = gathered_relation(*leaves, Window(3), softmax=True)  # type: ignore[arg-type]
    with pytest.warns(UserWarning, match=r"gathered blocks .* \(NotImplementedError: indexed twice\)"):
        found = flexible_relation(*leaves, Window(3))  # type: ignore[arg-type]
    assert torch.equal(found, expected)
    flexible_relation(*leaves, Window(3))  # type: ignore[arg-type]
    assert taken[1:] == [(1, 1, 2, 16)], "tried once"
    flexible._gradient_compiles.cache_clear()


def test_relate_goes_where_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(1)
    query, key, value = (torch.randn(1, c, 6, 5, generator=generator) for c in (4, 4, 3))
    plane, window = torch.randn(2, 4, generator=generator), Window(3)
    expected = relate.relate(query, key, value, plane, window)
    taken: list[bool] = []

    def uncompiled(*given: torch.Tensor) -> torch.Tensor:
        taken.append(True)
        return flexible_relation(*given, compiled=False)

    monkeypatch.setattr(relate, "takes_flexible", lambda *_, softmax: softmax)
    monkeypatch.setattr(relate, "flexible_relation", uncompiled)
    torch.testing.assert_close(relate.relate(query, key, value, plane, window), expected, rtol=0, atol=1e-5)
    relate.relate(query, key, value, plane, window, "none")
    assert taken == [True]


def test_a_size_too_many_goes_the_gathered_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_given: object, **_options: object) -> torch.Tensor:
        raise flexible.TooManySizesError("64 kernels")

    monkeypatch.setattr(flexible, "_compiled", lambda: full)
    generator = torch.Generator().manual_seed(2)
    query, key, value, gaze = (
        torch.randn(shape, generator=generator) for shape in ((1, 5, 6, 4),) * 3 + ((2, 1, 5, 6),)
    )
    expected = gathered_relation(query, key, value, gaze, Window(3), softmax=True)
    assert torch.equal(flexible_relation(query, key, value, gaze, Window(3)), expected)
