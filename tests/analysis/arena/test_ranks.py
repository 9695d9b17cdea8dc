"""The agreement of networks on an order is Kendall's tau, over decisions that are the same for all."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kendalltau

from rsp_lab.analysis.arena.methods import METHODS
from rsp_lab.analysis.arena.ranks import RankAgreement, rank_agreement
from rsp_lab.analysis.arena.result import ArenaResult, PairOutcome

NAMES = ("ledger", "gradient_x_input", "integrated_gradients", "occlusion", "random")


def outcome(model: str, seed: int, values: list[float | None], measure: str, swing: float = 4.0) -> PairOutcome:
    found = {name: {measure: value} for name, value in zip(NAMES, values, strict=True) if value is not None}
    return PairOutcome(model, "person-rider", 4, seed, (swing / 2, swing / 2), 0.1, None, found)


def arena(tables: dict[str, list[list[float | None]]], measure: str = "input_score") -> ArenaResult:
    """Of a row for each pair of readings and a column per method, by model."""
    pairs = [outcome(model, seed, row, measure) for model, rows in tables.items() for seed, row in enumerate(rows)]
    heads = dict.fromkeys(tables, "sums")
    return ArenaResult(tuple(tables), heads, {name: METHODS[name] for name in NAMES}, tuple(pairs), {})  # type: ignore[arg-type]


def drawn(models: int, pairs: int) -> RankAgreement:
    rng = np.random.default_rng(0)
    tables = {f"m{i}": rng.random((pairs, len(NAMES))).round(1).tolist() for i in range(models)}
    return rank_agreement(arena(tables), "input_score")


def test_tau_is_that_of_scipy_ties_included() -> None:
    found = drawn(3, 5)
    assert found.methods == NAMES[:-1]
    for i in range(3):
        for j in range(3):
            assert found.tau[i, j] == pytest.approx(kendalltau(found.means[i], found.means[j]).statistic)
    upper = [found.tau[0, 1], found.tau[0, 2], found.tau[1, 2]]
    assert found.of_means == pytest.approx(np.mean(upper))
    values = found.values
    each = [kendalltau(values[i, p], values[j, p]).statistic for i, j in ((0, 1), (0, 2), (1, 2)) for p in range(5)]
    assert found.between.mean == pytest.approx(np.mean(each))
    assert found.between.count == 5
    halves = [(p, q) for p in range(5) for q in range(p)]
    within = [kendalltau(values[i, p], values[i, q]).statistic for i in range(3) for p, q in halves]
    assert found.within == pytest.approx(np.mean(within))


def test_one_order_is_one_and_its_reverse_minus_one() -> None:
    up, down = [1.0, 2.0, 3.0, 4.0, 9.0], [4.0, 3.0, 2.0, 1.0, 9.0]
    found = rank_agreement(arena({"a": [up, up], "b": [up, up], "c": [down, down]}), "input_score")
    assert found.tau.tolist() == [[1, 1, -1], [1, 1, -1], [-1, -1, 1]]
    assert found.ranks("a") == (4, 3, 2, 1)
    assert found.ranks("c") == (1, 2, 3, 4)
    assert (found.between_some([("a", "b")]).mean, found.within) == (1, 1)
    assert found.closer([("a", "b")]).mean == 2
    low = rank_agreement(arena({"a": [up], "b": [down]}, "same_model"), "same_model")
    assert low.ranks("a") == (1, 2, 3, 4)
    assert math.isnan(low.within)


def test_what_a_network_lacks_or_does_not_use_is_left_out() -> None:
    one, two = [1.0, 2.0, None, 4.0, 0.0], [1.0, 2.0, 3.0, 4.0, 0.0]
    found = rank_agreement(arena({"a": [one, one], "b": [two, two]}), "input_score")
    assert found.methods == ("ledger", "gradient_x_input", "occlusion")

    known = arena({"a": [two, two], "b": [two, two]}, "cue_lift")
    unused = replace(known.pairs[0], margins=(0.1, 0.1))
    found = rank_agreement(replace(known, pairs=(unused, *known.pairs[1:])), "cue_lift")
    assert np.isnan(found.values[0, 0]).all()
    assert not np.isnan(found.means).any()
    assert found.between.count == 1  # the other pair of readings


def test_what_compares_nothing_is_refused() -> None:
    two = [1.0, 2.0, 3.0, 4.0, 0.0]
    both = arena({"a": [two], "b": [two]})
    with pytest.raises(ValueError, match=r"measure must be one of .*input_score.*got 'region_share'"):
        rank_agreement(both, "region_share")
    with pytest.raises(ValueError, match="two networks or more"):
        rank_agreement(arena({"a": [two]}), "input_score")
    with pytest.raises(ValueError, match="the same pairs of readings"):
        rank_agreement(arena({"a": [two, two], "b": [two]}), "input_score")
    with pytest.raises(ValueError, match="fewer than two methods"):
        rank_agreement(both, "follow")


def test_it_says_what_it_is() -> None:
    found = drawn(2, 4)
    facts = found.to_dict()
    assert facts["pairs"] == 4
    assert facts["tau"][0][0] == 1
    assert "RankAgreement of 2 networks by pixels, whole model" in repr(found)


def test_methods_without_a_value_on_a_pair_are_left_out_of_its_order() -> None:
    whole, part = [1.0, 3.0, 2.0, 4.0, 9.0], [2.0, None, 3.0, 5.0, 9.0]
    found = rank_agreement(arena({"a": [whole, whole], "b": [part, whole]}), "input_score")

    assert found.methods == NAMES[:-1]
    # Where both have a value, on three methods of the first pair, the orders are the same.
    assert found.between.mean == pytest.approx(1)
    assert found.within == pytest.approx(1)


@pytest.mark.filterwarnings("error")
def test_without_an_order_or_other_networks_there_is_no_number() -> None:
    same, up = [1.0, 1.0, 1.0, 1.0, 9.0], [1.0, 2.0, 3.0, 4.0, 9.0]
    tied = rank_agreement(arena({"a": [same, same], "b": [up, up]}), "input_score")
    alone = rank_agreement(arena({"a": [up, up], "b": [up, up]}), "input_score")

    assert math.isnan(tied.of_means)
    assert (tied.between.count, tied.within) == (0, 1)
    assert (alone.of_means, alone.closer([("a", "b")]).count) == (1, 0)
