"""Eq. 1-3 against cases worked out on paper, plain loops, and the laws the docstrings state."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from rsp_lab.relations.reference import relate_reference
from rsp_lab.relations.relate import (
    Normalisation,
    check_normalisation,
    gaze,
    normalise,
    propagate,
    propagate_back,
    relate,
    relation_scores,
)
from rsp_lab.relations.window import position_plane, relative_offsets, window_mask
from rsp_lab.shapes import Window
from tests.kit.relations import explicit, fast

NORMALISATIONS: list[Normalisation] = ["softmax", "none"]
WINDOWS = [Window(k, d) for k in (1, 3, 5, 7) for d in (1, 2, 3)]


@pytest.mark.parametrize("way", [relate_reference, explicit, fast])
def test_two_cells_on_paper(way: Callable[..., Tensor]) -> None:
    """Queries 1, 2; keys 0, ln 2; values 3, 6; f_p adds ln 3 for one column to the right."""
    query = torch.tensor([1.0, 2.0], dtype=torch.float64).view(1, 1, 1, 2)
    key = torch.tensor([0.0, math.log(2)], dtype=torch.float64).view(1, 1, 1, 2)
    value = torch.tensor([3.0, 6.0], dtype=torch.float64).view(1, 1, 1, 2)
    f_p = torch.tensor([[math.log(5), math.log(3)]], dtype=torch.float64)  # ln 5 a row: there is no other row

    # Left cell: scores 0 and ln 2 + ln 3, weights 1/7 and 6/7. Right cell: 2 (0 - ln 3) and 2 ln 2: 1/37 and 36/37.
    softmax = [(3 + 6 * 6) / 7, (3 + 6 * 36) / 37]
    none = [6 * math.log(6) / 9, (3 * -2 * math.log(3) + 6 * 2 * math.log(2)) / 9]

    assert way(query, key, value, f_p, Window(3), "softmax").flatten().tolist() == pytest.approx(softmax, rel=1e-12)
    assert way(query, key, value, f_p, Window(3), "none").flatten().tolist() == pytest.approx(none, rel=1e-12)


def loops(
    query: list[Any], key: list[Any], value: list[Any], f_p: list[list[float]], window: Window, softmax: bool
) -> list[Any]:
    """Eq. 1-3 in Python numbers: no tensor operation and no shared code but the definition of a window."""
    half, dilation, channels = window.kernel_size // 2, window.dilation, len(f_p[0])
    height, width = len(query[0][0]), len(query[0][0][0])
    context = [[[[0.0] * width for _ in range(height)] for _ in image] for image in value]
    for b, y, x in ((b, y, x) for b in range(len(query)) for y in range(height) for x in range(width)):
        scores: dict[tuple[int, int], float] = {}
        for r in range(-half, half + 1):
            for s in range(-half, half + 1):
                v, u = y + r * dilation, x + s * dilation
                if not (0 <= v < height and 0 <= u < width):
                    continue
                position = [r / max(half, 1)] * (channels // 2) + [s / max(half, 1)] * (channels // 2)
                scores[v, u] = sum(
                    query[b][m][y][x] * (key[b][m][v][u] + sum(f * p for f, p in zip(f_p[m], position, strict=True)))
                    for m in range(len(f_p))
                )
        total = sum(math.exp(s) for s in scores.values())
        for (v, u), score in scores.items():
            weight = math.exp(score) / total if softmax else score / window.kernel_size**2
            for c in range(len(context[b])):
                context[b][c][y][x] += weight * value[b][c][v][u]
    return context


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
@pytest.mark.parametrize("window", [Window(3), Window(3, 2), Window(5, 3), Window(1)])
@pytest.mark.parametrize("way", [relate_reference, explicit, fast])
def test_equals_plain_loops(
    way: Callable[..., Tensor], window: Window, normalisation: Normalisation, draw: Callable[..., Any]
) -> None:
    operands = draw(7, 11, b=2, m=3, c=5, channels=26)
    expected = torch.tensor(loops(*(x.tolist() for x in operands), window, normalisation == "softmax"))

    torch.testing.assert_close(
        way(*operands, window, normalisation), expected.double(), rtol=1e-5, atol=1e-5, check_dtype=False
    )


@pytest.mark.parametrize("window", WINDOWS)
def test_a_derivative_goes_back_as_it_came(window: Window, draw: Callable[..., Any]) -> None:
    _, _, value, _ = draw(c=1)
    weights = torch.randn(2, *[window.kernel_size] * 2, 11, 13, dtype=torch.float64)
    value.requires_grad_()
    derivative = torch.randn(2, 11, 13, dtype=torch.float64)
    (expected,) = torch.autograd.grad(propagate(weights, value, window), value, derivative[:, None])

    torch.testing.assert_close(propagate_back(weights, derivative, window), expected[:, 0])


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize(("y", "x"), [(11, 13), (2, 3), (1, 1)])
def test_softmax_weights_sum_to_one_and_vanish_off_the_map(
    window: Window, y: int, x: int, draw: Callable[..., Any]
) -> None:
    query, key, _, f_p = draw(y, x)
    scores = relation_scores(query, key, position_plane(f_p), window)
    weights = normalise(scores, window)
    off = ~window_mask(y, x, window)

    torch.testing.assert_close(weights.sum((1, 2)), torch.ones(2, y, x, dtype=torch.float64), rtol=1e-12, atol=1e-12)
    assert (weights >= 0).all()
    assert weights[:, off].count_nonzero() == 0
    assert scores[:, off].count_nonzero() == 0
    assert scores[:, ~off].count_nonzero() == 2 * (~off).sum()


def test_none_is_scores_over_k_squared(draw: Callable[..., Any]) -> None:
    query, key, _, f_p = draw()
    scores = relation_scores(query, key, position_plane(f_p), Window(5))

    torch.testing.assert_close(normalise(scores, Window(5), "none"), scores / 25, rtol=1e-14, atol=0)


def test_none_gives_no_weight_off_the_map_even_to_edited_scores() -> None:
    weights = normalise(torch.ones(1, 3, 3, 2, 3), Window(3), "none")

    assert torch.equal(weights[0] != 0, window_mask(2, 3, Window(3)))


def test_propagate_by_hand() -> None:
    # All weight on the position one row up and one column right.
    weights = torch.zeros(1, 3, 3, 2, 3)
    weights[:, 0, 2] = 1
    value = torch.arange(1.0, 7.0).view(1, 1, 2, 3)

    assert propagate(weights, value, Window(3))[0, 0].tolist() == [[0, 0, 0], [2, 3, 0]]


@pytest.mark.parametrize("window", WINDOWS)
def test_the_position_part_of_a_score_is_the_gaze_plane(window: Window, draw: Callable[..., Any]) -> None:
    query, key, _, f_p = draw()
    plane = position_plane(f_p)
    position = relation_scores(query, key, plane, window) - relation_scores(query, key, torch.zeros_like(plane), window)
    g = gaze(query, plane)
    offsets = relative_offsets(window, dtype=torch.float64)
    rows, columns = offsets.view(1, -1, 1, 1, 1), offsets.view(1, 1, -1, 1, 1)
    expected = (rows * g[:, 0, None, None] + columns * g[:, 1, None, None]) * window_mask(11, 13, window)

    torch.testing.assert_close(position, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("window", [w for w in WINDOWS if w.kernel_size > 1])
def test_the_position_term_folds_into_the_keys(window: Window, draw: Callable[..., Any]) -> None:
    """Under softmax, keys k_j + y_j a + x_j b without a position term give the same weights, from any origin."""
    query, key, _, f_p = draw()
    plane = position_plane(f_p)
    y = ((torch.arange(11, dtype=torch.float64) - 4) / window.radius).view(1, 1, 11, 1)
    x = ((torch.arange(13, dtype=torch.float64) - 9) / window.radius).view(1, 1, 1, 13)
    folded = key + y * plane[0].view(1, -1, 1, 1) + x * plane[1].view(1, -1, 1, 1)

    weights = normalise(relation_scores(query, key, plane, window), window)
    plain = normalise(relation_scores(query, folded, torch.zeros_like(plane), window), window)

    torch.testing.assert_close(plain, weights, rtol=1e-10, atol=1e-10)


def test_unknown_normalisation_is_refused(unchecked: None, draw: Callable[..., Any]) -> None:
    query, key, value, f_p = draw()
    unknown: Any = "sigmoid"
    for call in (
        lambda: check_normalisation(unknown),
        lambda: normalise(torch.zeros(1, 3, 3, 2, 2), Window(3), unknown),
        lambda: relate(query, key, value, position_plane(f_p), Window(3), unknown),
    ):
        with pytest.raises(ValueError, match=r"must be one of .*'softmax', 'none'.*got 'sigmoid'"):
            call()


@pytest.mark.parametrize("which", ["key size", "value size", "key channels", "value batch"])
def test_maps_of_different_grids_are_refused(which: str, unchecked: None, draw: Callable[..., Any]) -> None:
    query, key, value, f_p = draw()
    key, value = {
        "key size": (key[..., :-1, :], value[..., :-1, :]),
        "value size": (key, value[..., :-1]),
        "key channels": (key[:, :-1], value),
        "value batch": (key, value[:1]),
    }[which]

    with pytest.raises(ValueError, match="must lie on one grid: upsample the high-level map"):
        relate(query, key, value, position_plane(f_p), Window(3))
