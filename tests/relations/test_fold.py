"""The position term folded into the keys gives the same weights, under softmax only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from rsp_lab.relations.fold import fold_position_into_keys
from rsp_lab.relations.reference import relate_reference
from rsp_lab.relations.relate import Normalisation, normalise, relate, relation_scores
from rsp_lab.relations.window import position_plane
from rsp_lab.shapes import Window

WINDOWS = [Window(k, d) for k in (1, 3, 5, 7) for d in (1, 2, 3)]
ORIGINS = [(0.0, 0.0), (-20.5, 31.0)]


def both(query: Tensor, key: Tensor, plane: Tensor, window: Window, how: Normalisation = "softmax", **at: Any) -> Any:
    """Weights from keys and plane, and from folded keys without a plane."""
    folded = fold_position_into_keys(key, plane, window, **at)
    plain = relation_scores(query, folded, torch.zeros_like(plane), window)
    return normalise(relation_scores(query, key, plane, window), window, how), normalise(plain, window, how)


@pytest.mark.parametrize(("window", "origin"), [(w, None) for w in WINDOWS] + [(Window(5, 2), o) for o in ORIGINS])
def test_weights_are_the_same(window: Window, origin: Any, draw: Callable[..., Any]) -> None:
    query, key, _, f_p = draw()
    expected, found = both(query, key, position_plane(f_p), window, origin=origin)

    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("window", [Window(7), Window(3, 3)])
def test_float32_on_a_map_wider_than_the_window(window: Window, draw: Callable[..., Any]) -> None:
    query, key, _, f_p = (x.float() for x in draw(45, 61, b=1, m=32, channels=64))
    # Scores of a few units, as in a trained model.
    expected, found = both(query / 4, key / 4, position_plane(f_p) / 8, window)

    torch.testing.assert_close(found, expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize("window", [Window(5), Window(3, 2)])
def test_plain_attention_with_folded_keys_is_the_unfolded_relation(window: Window, draw: Callable[..., Any]) -> None:
    """Against torch's own attention over all cells with a mask, and the literal f_p of the naive relation."""
    query, key, value, f_p = draw()
    folded = fold_position_into_keys(key, position_plane(f_p), window)
    height, width = key.shape[-2:]
    cells = torch.cartesian_prod(torch.arange(height), torch.arange(width))
    offset = cells[None, :] - cells[:, None]
    seen = ((offset.abs() <= window.radius) & (offset % window.dilation == 0)).all(-1)
    flat = [x.flatten(2).mT for x in (query, folded, value)]
    context = F.scaled_dot_product_attention(*flat, attn_mask=seen, scale=1.0).mT.view_as(value)

    expected = relate_reference(query, key, value, f_p, window)
    torch.testing.assert_close(context, expected, rtol=1e-10, atol=1e-10)
    fast = relate(query, folded, value, torch.zeros(2, query.shape[1]).double(), window)
    torch.testing.assert_close(fast, expected, rtol=1e-10, atol=1e-10)


def test_by_hand() -> None:
    """Dilation 2 on a 1 x 5 map: one unit is 2 cells, so x runs -1, -1/2, 0, 1/2, 1 about the middle."""
    plane = torch.tensor([[7.0], [10.0]], dtype=torch.float64)
    key = torch.tensor([1.0, 2, 3, 4, 5], dtype=torch.float64).view(1, 1, 1, 5)

    assert fold_position_into_keys(key, plane, Window(3, 2)).flatten().tolist() == [-9, -3, 3, 9, 15]
    corner = fold_position_into_keys(key, plane, Window(3, 2), origin=(1, 0))
    assert corner.flatten().tolist() == [1 - 3.5, 2 - 3.5 + 5, 3 - 3.5 + 10, 4 - 3.5 + 15, 5 - 3.5 + 20]


def test_one_position_has_no_position_term(draw: Callable[..., Any]) -> None:
    _, key, _, f_p = draw()

    assert torch.equal(fold_position_into_keys(key, position_plane(f_p), Window(1)), key)


def test_without_softmax_folding_changes_the_weights(draw: Callable[..., Any]) -> None:
    query, key, _, f_p = draw()
    expected, found = both(query, key, position_plane(f_p), Window(3), "none")

    assert (found - expected).abs().max() > 0.1


def test_gradients_pass_through(draw: Callable[..., Any]) -> None:
    query, key, _, f_p = draw(5, 7, b=1)
    key.requires_grad_(), f_p.requires_grad_()
    probe = torch.randn(1, 3, 3, 5, 7, dtype=torch.float64)
    expected, found = ((w * probe).sum() for w in both(query, key, position_plane(f_p), Window(3)))

    for a, b in zip(
        torch.autograd.grad(found, (key, f_p), retain_graph=True),
        torch.autograd.grad(expected, (key, f_p)),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-10)
