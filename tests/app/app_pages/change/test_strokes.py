"""Strokes from the browser and from links: what is none is refused, and both ways give the same mask."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from app.app_pages.change.strokes import (
    LARGEST_RADIUS,
    MOST_LETTERS,
    MOST_POINTS,
    is_of,
    link_of,
    mask_of,
    read_strokes,
    strokes_in,
    thinned,
)

SIZE = (60, 90)


def test_a_mask_holds_what_lies_within_a_radius_of_the_stroke() -> None:
    size = (60, 90)
    mask = mask_of([([(20, 30), (20, 60)], 6), ([(50, 10)], 3)], size)

    rows, columns = torch.meshgrid(*(torch.arange(n) for n in size), indexing="ij")
    along = (columns.clamp(30, 60) - columns).square() + (rows - 20).square()
    dot = (rows - 50).square() + (columns - 10).square()
    assert bool(mask[(along <= 5**2) | (dot <= 2**2)].all())
    assert not bool(mask[(along > 7**2) & (dot > 4**2)].any())


def stroke(points: Any, radius: Any = 5) -> dict[str, Any]:
    return {"points": points, "radius": radius}


@pytest.mark.parametrize(
    "painted",
    [
        None,
        [],
        {"id": "other", "strokes": [stroke([[1, 2]])]},
        {"id": "this", "strokes": "all"},
        {"id": "this", "strokes": [None, 3, stroke("x"), stroke([[1, 2]], "wide"), stroke([[1, 2]], 0)]},
        {"id": "this", "strokes": [stroke([[1, 2]], LARGEST_RADIUS + 1), stroke([[-1, 2], [1, 999], [1], "12"])]},
        {"id": "this", "strokes": [stroke([[float("nan"), 2], [1, float("inf")]])]},
    ],
)
def test_what_is_no_stroke_on_this_photograph_is_none(painted: Any) -> None:
    assert read_strokes(painted, "this", (60, 90)) == []


def test_strokes_are_read_up_to_a_bound() -> None:
    many = [[1, 2], [50, 80]] * MOST_POINTS

    found = read_strokes({"id": "this", "strokes": [stroke([[1.0, 2.0]]), stroke(many)]}, "this", (60, 90))

    assert found[0] == ([(1, 2)], 5)
    assert sum(len(points) for points, _ in found) == MOST_POINTS


def test_a_link_gives_back_what_it_was_made_of() -> None:
    strokes = [([(1, 2), (50, 89)], 6), ([(0, 0)], 60)]
    text = link_of(strokes, "0123456789abcdef")

    assert text == "01234567.6-1_2-50_89.60-0_0"
    assert is_of(text, "0123456789abcdef")
    assert not is_of(text, "1123456789abcdef")
    assert strokes_in(text, SIZE) == strokes


def test_what_is_too_much_for_a_link_is_in_none() -> None:
    assert link_of([([(10, 10)] * MOST_LETTERS, 5)], "0" * 16) is None


@pytest.mark.parametrize(
    "text",
    [
        *("", "0", "0.", "0.6", "0.6-1", "0.6-1_2-", "0.6-1_2_3", "x.<b>-1_2"),
        *("0.0-1_2", "0.61-1_2", "0.6-60_2", "0.6-1_90", "0." + "9-1_2-" * MOST_LETTERS),
    ],
)
def test_a_link_of_no_strokes_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="The link's strokes"):
        strokes_in(text, SIZE)


def test_a_thinned_stroke_has_nearly_the_same_mask() -> None:
    angle = torch.linspace(0, 3, 400)
    points = [(int(30 + 20 * torch.sin(a)), int(45 + 30 * torch.cos(a))) for a in angle]
    few = thinned(points, 9)

    assert (few[0], few[-1]) == (points[0], points[-1])
    assert len(few) < 50
    whole, thin = mask_of([(points, 9)], SIZE), mask_of([(few, 9)], SIZE)
    assert float((whole != thin).sum()) < 0.05 * float(whole.sum())
