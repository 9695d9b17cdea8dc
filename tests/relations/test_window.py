"""The position map of Eq. 3, its plane, and which window positions lie on the map."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from rsp_lab.relations.window import position_embedding, position_map, position_plane, relative_offsets, window_mask
from rsp_lab.shapes import Window

WINDOWS = [Window(k, d) for k in (1, 3, 5, 7) for d in (1, 2, 3)]


def test_position_map_by_hand() -> None:
    rows = [[-1.0] * 3, [0.0] * 3, [1.0] * 3]
    columns = [[-1.0, 0.0, 1.0]] * 3

    assert position_map(4, Window(3)).tolist() == [rows, rows, columns, columns]


@pytest.mark.parametrize("window", WINDOWS)
def test_position_map_has_halves_in_minus_one_to_one(window: Window) -> None:
    p = position_map(6, window, dtype=torch.float64)
    k = window.kernel_size

    assert p.shape == (6, k, k)
    assert (p[:3] == p[0]).all()
    assert (p[3:] == p[3]).all()
    assert torch.equal(p[0], p[3].T)
    assert torch.equal(p, -p.flip(1, 2))
    assert p.abs().max() == (1 if k > 1 else 0)
    assert torch.linalg.matrix_rank(p.flatten(1)) == (2 if k > 1 else 0)


def test_dilation_does_not_change_positions() -> None:
    assert torch.equal(position_map(6, Window(5, 1)), position_map(6, Window(5, 3)))


def test_a_single_position_is_at_offset_zero() -> None:
    assert relative_offsets(Window(1)).tolist() == [0]


def test_odd_channels_are_refused() -> None:
    with pytest.raises(ValueError, match=r"two halves, got 5. Use an even number"):
        position_map(5, Window(3))


@pytest.mark.parametrize("window", WINDOWS)
def test_f_p_of_the_position_map_is_a_plane(window: Window, draw: Callable[..., Any]) -> None:
    f_p = draw()[3]
    literal = torch.einsum("mk,kvw->mvw", f_p, position_map(f_p.shape[1], window, dtype=f_p.dtype))

    torch.testing.assert_close(position_embedding(position_plane(f_p), window), literal, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 11), (7, 5)])
def test_mask_is_true_exactly_on_the_map(window: Window, height: int, width: int) -> None:
    mask = window_mask(height, width, window)

    for v, dy in enumerate(window.offsets):
        for w, dx in enumerate(window.offsets):
            expected = [[0 <= y + dy < height and 0 <= x + dx < width for x in range(width)] for y in range(height)]
            assert mask[v, w].tolist() == expected
