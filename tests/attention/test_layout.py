"""Windows and heads are told apart by places, in whatever order a library has them, and put back."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from rsp_lab.attention.layout import Layout

WINDOWS, HEADS, TOKENS = 4, 3, 5


def tensor(order: str) -> tuple[Tensor, Tensor]:
    """(leading, query, key) with each number telling where it belongs, and the places of the queries."""
    sizes = {"w": WINDOWS, "h": HEADS, "b": 1, "m": WINDOWS * HEADS}
    rows = torch.arange(WINDOWS * HEADS * TOKENS * 2, dtype=torch.float64).reshape(WINDOWS, HEADS, TOKENS, 2)
    places = torch.complex(torch.arange(WINDOWS * TOKENS).reshape(WINDOWS, 1, TOKENS).double(), torch.zeros(1).double())
    places = places.expand(WINDOWS, HEADS, TOKENS)
    if order.startswith("hw") or order == "bhw":
        rows, places = rows.transpose(0, 1), places.transpose(0, 1)
    leading = [sizes[letter] for letter in order]
    return rows.reshape(*leading, TOKENS, 2), places.reshape(*leading, TOKENS)


@pytest.mark.parametrize("order", ["wh", "hw", "bhw", "bwh", "m"])
def test_any_order_is_brought_to_windows_and_heads_and_back(order: str) -> None:
    x, places = tensor(order)
    layout = Layout.of(x.shape[:-2], places)

    rows = layout.arranged(x)

    assert layout.count == WINDOWS
    assert torch.equal(rows, tensor("wh")[0])
    assert torch.equal(layout.restored(rows, x.shape), x)


def test_without_places_the_last_axis_is_of_heads() -> None:
    x = torch.rand(4, 3, 5, 2)
    assert torch.equal(Layout.of((4, 3), None).arranged(x), x)
    nowhere = torch.full((4, 3, 5), complex("nan+nanj"))
    assert Layout.of((4, 3), nowhere) == Layout.of((4, 3), None)
    assert Layout.of((12,), None).arranged(torch.rand(12, 5, 2)).shape == (1, 12, 5, 2)
    assert Layout.of((), None).arranged(torch.rand(5, 2)).shape == (1, 1, 5, 2)


def test_heads_that_share_keys_and_windows_that_share_them() -> None:
    x, places = tensor("wh")
    layout = Layout.of(x.shape[:-2], places)
    assert layout.arranged(torch.rand(WINDOWS, 1, 7, 2)).shape == (WINDOWS, 1, 7, 2)
    shared = torch.rand(1, HEADS, 7, 2)
    assert torch.equal(layout.arranged(shared), shared.expand(WINDOWS, -1, -1, -1))
    together = torch.rand(WINDOWS * HEADS, 7, 2)  # put together on the way to a product
    assert torch.equal(layout.arranged(together), together.reshape(WINDOWS, HEADS, 7, 2))
