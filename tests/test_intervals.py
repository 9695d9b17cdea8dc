"""Means with Student's intervals, against scipy's own."""

from __future__ import annotations

import json
import math
from statistics import fmean

import numpy as np
import pytest
from scipy import stats

from rsp_lab.intervals import Claim, Estimate, half_widths

VALUES = [0.5, 1.25, 0.75, 2.0]


def test_the_interval_is_students() -> None:
    found = Estimate.of(VALUES)

    low, high = stats.t.interval(0.95, 3, fmean(VALUES), stats.sem(VALUES))
    assert (found.low, found.high) == pytest.approx((low, high))
    assert json.loads(json.dumps(found.to_dict())) == {
        "mean": 1.125,
        "low": pytest.approx(low, abs=1e-6),
        "high": pytest.approx(high, abs=1e-6),
        "count": 4,
    }


def test_one_value_has_no_interval_and_none_has_no_mean() -> None:
    alone, none = Estimate.of([1.0]), Estimate.of([])

    assert (alone.mean, alone.count) == (1.0, 1)
    assert math.isnan(alone.half_width)
    assert (str(alone), str(none)) == ("1.00", "–")
    assert none.to_dict() == {"mean": None, "low": None, "high": None, "count": 0}


def test_many_intervals_at_once() -> None:
    values = np.random.default_rng(0).normal(size=(5, 3))
    squares = np.square(values - values.mean(0)).sum(0)

    found = half_widths(np.asarray(5), squares)

    assert found == pytest.approx([Estimate.of(column).half_width for column in values.T.tolist()])
    assert np.isnan(half_widths(np.asarray([0, 1]), np.zeros(2))).all()


@pytest.mark.parametrize(("difference", "words"), [(False, "1.15 ± 1.12"), (True, "+1.15 ± 1.12")])
def test_words(difference: bool, words: str) -> None:
    assert Estimate.of([*VALUES[:3], 2.1]).words(difference=difference) == words


@pytest.mark.parametrize(
    ("claim", "values", "said"),
    [
        ("above", [0.9, 1.0, 1.1], "held"),
        ("above", [-0.9, -1.0, -1.1], "failed"),
        ("above", [-1.0, 1.0, 0.5], "undecided"),
        ("above", [1.0], "undecided"),
        ("below", [-0.9, -1.0, -1.1], "held"),
        ("below", [0.9, 1.0, 1.1], "failed"),
        ("near", [0.01, 0.0, -0.01], "held"),
        ("near", [0.9, 1.0, 1.1], "failed"),
        ("near", [-0.9, -1.0, -1.1], "failed"),
        ("near", [-0.5, 0.5, 0.1], "undecided"),
    ],
)
def test_a_claim_held_failed_or_is_undecided(claim: Claim, values: list[float], said: str) -> None:
    assert Estimate.of(values).outcome(claim, 0.1) == said
