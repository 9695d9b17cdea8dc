"""One pass over a stream against numpy and scipy, which look at all of it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from rsp_lab.analysis.trade.statistics import Moments, TradeSum

ROWS, QUANTITIES = (2, 3), 4


@pytest.fixture
def stream():
    """(image, side, row, quantity) far from 0, and which rows are there; row 2 once, row 1 never on side 1."""
    rng = np.random.default_rng(0)
    values = 1e4 + rng.normal(size=(40, *ROWS, QUANTITIES)) * [1, 10, 0.1, 0]
    present = rng.random((40, *ROWS)) < 0.6
    present[:, 1, 1] = False
    present[:, 0, 2] = np.arange(40) == 7
    values[~present] = np.nan  # what is not there must not be looked at
    return values, present


def streamed(values: np.ndarray, present: np.ndarray) -> Moments:
    moments = Moments.empty(ROWS, QUANTITIES)
    for image, there in zip(values, present, strict=True):
        moments = moments.plus(image, there)
    return moments


def expect(moments: Moments, values: np.ndarray, present: np.ndarray) -> None:
    half = moments.half_width()
    for row in np.ndindex(*ROWS):
        seen = values[:, *row][present[:, *row]]
        n = len(seen)
        assert moments.count[row] == n
        np.testing.assert_allclose(moments.mean[row], seen.mean(0) if n else 0, rtol=1e-13)
        np.testing.assert_allclose(moments.m2[row], n * seen.var(0) if n else 0, rtol=1e-9, atol=1e-12)
        if n < 2:
            assert np.isnan(half[row]).all()
            continue
        low, high = stats.t.interval(0.95, n - 1, loc=seen.mean(0), scale=stats.sem(seen) + 1e-300)
        np.testing.assert_allclose(half[row], (high - low) / 2, rtol=1e-6, atol=1e-9)


def test_a_stream_is_as_all_at_once(stream):
    expect(streamed(*stream), *stream)


@pytest.mark.parametrize("cut", [0, 1, 13, 40])
def test_shares_join_to_the_whole(stream, cut):
    values, present = stream
    first, second = streamed(values[:cut], present[:cut]), streamed(values[cut:], present[cut:])
    expect(first.joined(second), *stream)


def test_another_image_leaves_the_old_object_alone(stream):
    values, present = stream
    moments = streamed(values[:5], present[:5])
    before = moments.count.copy(), moments.mean.copy(), moments.m2.copy()
    moments.plus(values[5], present[5])
    moments.joined(moments)
    for now, then in zip((moments.count, moments.mean, moments.m2), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_pixels_without_a_label_are_told_from_a_class_that_is_called_so():
    for names, last in (("road", "car"), "unlabelled"), (("road", "unlabelled"), "unlabelled (255)"):
        matrix = TradeSum.empty(names, (2, 3)).result(("a", "b"), "labels")
        assert matrix.sources == (*names, last)
