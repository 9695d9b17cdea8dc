"""Unfolding, the explicit path and the fast path are one function: values, gradients, layouts, precisions, memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from rsp_lab.relations.fast import gathered_relation
from rsp_lab.relations.reference import relate_reference
from rsp_lab.relations.relate import Normalisation, relate
from rsp_lab.relations.window import position_plane
from rsp_lab.shapes import Window
from tests.kit.relations import explicit, fast

NORMALISATIONS: list[Normalisation] = ["softmax", "none"]
WINDOWS = [Window(k, d) for k in (1, 3, 5, 7) for d in (1, 2, 3)]
# Smaller than the window, one cell, one row, one column, and odd sides larger than a tile.
SIZES = [(1, 1), (1, 5), (5, 1), (2, 3), (11, 13)]


def values_and_gradients(way: Callable[..., Tensor], operands: Any, window: Window, normalisation: str) -> list[Tensor]:
    """Context, then the gradients of query, key, value and f_p for one fixed cotangent."""
    leaves = [x.detach().clone(memory_format=torch.preserve_format).requires_grad_() for x in operands]
    context = way(*leaves, window, normalisation)
    generator = torch.Generator().manual_seed(1)
    cotangent = torch.randn(context.shape, generator=generator, dtype=torch.float64).to(context.dtype)
    return [context.detach(), *torch.autograd.grad(context, leaves, cotangent)]


def assert_all_close(actual: list[Tensor], expected: list[Tensor], tolerance: float) -> None:
    """Each tensor to ``tolerance`` of its own largest entry, or of 1 if that is smaller."""
    for name, a, e in zip(("context", "query", "key", "value", "f_p"), actual, expected, strict=True):
        error = (a.double() - e.double()).abs().max().item() / max(1.0, e.abs().max().item())
        assert error <= tolerance, f"{name}: {error:.2e}"


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
@pytest.mark.parametrize("window", WINDOWS, ids=Window.describe)
@pytest.mark.parametrize("size", SIZES)
def test_three_ways_agree(
    size: tuple[int, int], window: Window, normalisation: Normalisation, draw: Callable[..., Any]
) -> None:
    operands = draw(*size)
    expected = values_and_gradients(relate_reference, operands, window, normalisation)

    assert_all_close(values_and_gradients(explicit, operands, window, normalisation), expected, 1e-10)
    assert_all_close(values_and_gradients(fast, operands, window, normalisation), expected, 1e-10)
    single = [x.float() for x in operands]
    assert_all_close(values_and_gradients(explicit, single, window, normalisation), expected, 1e-5)
    assert_all_close(values_and_gradients(fast, single, window, normalisation), expected, 1e-5)


@pytest.mark.parametrize(
    ("size", "batch", "window", "normalisation"),
    [
        ((67, 71), 3, Window(7), "softmax"),
        ((67, 71), 3, Window(1), "none"),
        ((151, 149), 2, Window(7), "softmax"),
        ((151, 149), 1, Window(5, 2), "none"),
        ((251, 241), 1, Window(3, 3), "softmax"),
    ],
)
def test_ways_agree_on_maps_that_are_worked_through_in_pieces(
    size: tuple[int, int], batch: int, window: Window, normalisation: Normalisation, draw: Callable[..., Any]
) -> None:
    operands = draw(*size, b=batch, m=2, c=5, channels=22)
    expected = values_and_gradients(relate_reference, operands, window, normalisation)

    assert_all_close(values_and_gradients(fast, operands, window, normalisation), expected, 1e-10)


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
def test_ways_agree_on_a_single_cell(normalisation: Normalisation, draw: Callable[..., Any]) -> None:
    operands = draw(1, 1, b=1)
    expected = values_and_gradients(relate_reference, operands, Window(7), normalisation)

    assert_all_close(values_and_gradients(fast, operands, Window(7), normalisation), expected, 1e-10)


def test_images_that_are_worked_through_together_do_not_mix(draw: Callable[..., Any]) -> None:
    operands = draw(3, 2, b=13)
    together = fast(*operands, Window(5), "softmax")
    one_by_one = [fast(*(x[i : i + 1] for x in operands[:3]), operands[3], Window(5), "softmax") for i in range(13)]

    torch.testing.assert_close(together, torch.cat(one_by_one), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
def test_no_images_give_no_context(normalisation: Normalisation, draw: Callable[..., Any]) -> None:
    query, key, value, f_p = draw()

    assert fast(query[:0], key[:0], value[:0], f_p, Window(3), normalisation).shape == (0, 7, 11, 13)


@pytest.mark.parametrize("window", [Window(3), Window(7), Window(5, 2)], ids=Window.describe)
def test_huge_scores_stay_finite_and_pick_the_best_position(window: Window, draw: Callable[..., Any]) -> None:
    query, key, value, f_p = (x.float() for x in draw())
    operands = (query * 1e5, key, value, f_p)
    expected = relate_reference(*(x.double() for x in operands), window, "softmax")
    context, *gradients = values_and_gradients(fast, operands, window, "softmax")

    assert (context - expected).abs().max() < 1e-5
    assert all(x.isfinite().all() for x in gradients)


def relayouts() -> dict[str, Callable[[Tensor], Tensor]]:
    def strided(x: Tensor) -> Tensor:
        base = x.new_full((x.shape[0], x.shape[1], 2 * x.shape[2], 3 * x.shape[3]), float("nan"))
        base[..., ::2, 1::3] = x
        return base[..., ::2, 1::3]

    return {
        "channels last": lambda x: x.contiguous(memory_format=torch.channels_last),
        "transposed": lambda x: x.transpose(-1, -2).contiguous().transpose(-1, -2),
        "strided": strided,
        "part of the channels": lambda x: torch.cat([x, x], 1)[:, x.shape[1] :],
    }


@pytest.mark.parametrize("layout", relayouts())
def test_layout_does_not_matter(layout: str, draw: Callable[..., Any]) -> None:
    operands = draw()
    expected = values_and_gradients(fast, operands, Window(5), "softmax")
    moved = [relayouts()[layout](x) for x in operands[:3]]
    leaves = [*(x.detach().requires_grad_() for x in moved), operands[3].clone().requires_grad_()]
    assert layout == "part of the channels" or not any(x.is_contiguous() for x in moved)
    context = fast(*leaves, Window(5), "softmax")
    cotangent = torch.randn(context.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

    gradients = torch.autograd.grad(context, leaves, relayouts()[layout](cotangent))

    assert_all_close([context, *gradients], expected, 1e-12)


def test_an_expanded_cotangent_will_do(draw: Callable[..., Any]) -> None:
    leaves = [x.requires_grad_() for x in draw()]
    summed = torch.autograd.grad(fast(*leaves, Window(3), "softmax").sum(), leaves)
    expected = torch.autograd.grad(relate_reference(*leaves, Window(3), "softmax").sum(), leaves)

    for a, e in zip(summed, expected, strict=True):
        torch.testing.assert_close(a, e, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("normalisation", NORMALISATIONS)
def test_half_precision_is_computed_in_float32_and_rounded_once(
    dtype: torch.dtype, normalisation: Normalisation, draw: Callable[..., Any]
) -> None:
    halves = [x.to(dtype) for x in draw()[:3]]
    plane = position_plane(draw()[3]).float()
    context = relate(*halves, plane, Window(5), normalisation)

    assert context.dtype == dtype
    assert torch.equal(context, relate(*(x.float() for x in halves), plane, Window(5), normalisation).to(dtype))
    # And the float32 result itself is near, within the rounding of the inputs.
    exact = relate(*draw()[:3], plane.double(), Window(5), normalisation)
    assert (context.double() - exact).abs().max() <= 32 * torch.finfo(dtype).eps * exact.abs().max()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_has_gradients(dtype: torch.dtype, draw: Callable[..., Any]) -> None:
    operands = draw()
    halves = values_and_gradients(fast, [x.to(dtype) for x in operands], Window(5), "softmax")

    assert {x.dtype for x in halves} == {dtype}
    expected = values_and_gradients(relate_reference, [x.to(dtype).double() for x in operands], Window(5), "softmax")
    assert_all_close(halves, expected, 32 * torch.finfo(dtype).eps)


def test_autocast_changes_nothing(draw: Callable[..., Any]) -> None:
    query, key, value, f_p = (x.float() for x in draw())
    plane = position_plane(f_p)
    expected = relate(query, key, value, plane, Window(5))

    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(relate(query, key, value, plane, Window(5)), expected)


def test_gradients_taken_inside_an_autocast_region_are_exact() -> None:
    # The fast path proper; the gaze before it is an ordinary product, which autograd rounds as the region says.
    shapes = [(2, 11, 13, 5), (2, 11, 13, 5), (2, 11, 13, 7), (2, 2, 11, 13)]
    operands = [torch.randn(shape, requires_grad=True) for shape in shapes]

    def gradients() -> tuple[Tensor, ...]:
        context = gathered_relation(*operands, Window(5), softmax=True)
        return torch.autograd.grad(context, operands, torch.ones_like(context))

    expected = gradients()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        actual = gradients()

    assert all(map(torch.equal, actual, expected))


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
@pytest.mark.parametrize("window", [Window(5), Window(3, 2)], ids=Window.describe)
def test_gradcheck(window: Window, normalisation: Normalisation, draw: Callable[..., Any]) -> None:
    query, key, value, f_p = draw(3, 5, b=1, m=2, c=1, channels=4)
    leaves = [x.requires_grad_() for x in (query, key, value, position_plane(f_p))]

    assert torch.autograd.gradcheck(lambda *x: relate(*x, window, normalisation), leaves)


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
@pytest.mark.parametrize("window", [Window(3)], ids=Window.describe)
def test_the_explicit_path_can_be_differentiated_twice(
    window: Window, normalisation: Normalisation, draw: Callable[..., Any]
) -> None:
    query, key, value, f_p = draw(2, 3, b=1, m=2, c=1, channels=2)
    leaves = [x.requires_grad_() for x in (query, key, value, f_p)]

    assert torch.autograd.gradgradcheck(lambda *x: explicit(*x, window, normalisation), leaves, fast_mode=True)


@pytest.mark.parametrize("readout", [torch.sum, lambda x: x.square().sum()], ids=["linear", "square"])
@pytest.mark.parametrize("which", range(4))
def test_differentiating_twice_is_refused(
    which: int, readout: Callable[[Tensor], Tensor], draw: Callable[..., Any]
) -> None:
    leaves = [x.requires_grad_() for x in draw()]
    context = fast(*leaves, Window(3), "softmax")
    (gradient,) = torch.autograd.grad(readout(context), leaves[which : which + 1], create_graph=True)

    with pytest.raises(RuntimeError, match="relate can be differentiated once"):
        gradient.sum().backward()


def test_shapes_alone_can_be_followed() -> None:
    meta = {s: torch.empty(2, s, 5, 7, device="meta") for s in (4, 6)}

    assert relate(meta[4], meta[4], meta[6], torch.empty(2, 4, device="meta"), Window(3)).shape == (2, 6, 5, 7)


class LargestStorage(TorchDispatchMode):
    """Bytes of the largest tensor that any operation returns; a view counts as what it views."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        sizes = [x.untyped_storage().nbytes() for x in tree_iter(result) if isinstance(x, Tensor)]
        self.bytes = max(self.bytes, *sizes, 0)
        return result


def largest_tensor(way: Callable[..., Tensor], operands: Any, window: Window) -> int:
    leaves = [x.clone().requires_grad_() for x in operands]
    with LargestStorage() as largest:
        way(*leaves, window, "softmax").sum().backward()
    return largest.bytes


def test_the_fast_path_never_holds_the_weights(draw: Callable[..., Any]) -> None:
    side, window = 288, Window(7, 2)
    operands = [x.float() for x in draw(side, side, b=1, m=2, c=3, channels=4)]
    weights = 4 * window.positions * side * side

    assert largest_tensor(fast, operands, window) < weights / 2
    assert largest_tensor(explicit, operands, window) >= weights, "the yardstick itself sees the weights"
