"""Query and key maps: the captured ones, one scale a step, r and its control printed."""

from __future__ import annotations

import numpy as np
import pytest

from rsp_lab.analysis.relation_weights.key_query import SIGN, verdict
from rsp_lab.figures.paper.key_query import draw_key_query, key_query_scale
from rsp_lab.text import signed_fixed
from tests.kit.figures import axes_of, words_of


def test_maps_are_the_chosen_ones_on_one_scale_a_step(compared, drawn) -> None:
    comparison = compared("rsp4", "rsp2", 40, 180)
    figure = drawn("key_query", "rsp4", "rsp2", 40, 180)

    for side, view in (("left", comparison.left), ("right", comparison.right)):
        for pair in view.key_queries:
            limit = key_query_scale(comparison, pair.step).limit
            for part, values in (("query", pair.query), ("key", pair.key)):
                image = axes_of(figure, f"{side} {pair.step} {part}").images[0]
                np.testing.assert_array_equal(image.get_array(), values.numpy())
                assert image.get_clim() == (-limit, limit)


def test_one_sign_is_printed_of_the_channel_and_of_all_with_its_control(compared, drawn) -> None:
    comparison = compared("sum", "rsp4")
    words = words_of(drawn("key_query", "sum", "rsp4"))

    for pair in comparison.right.key_queries:
        assert f"channel {pair.channel}: {signed_fixed(-pair.correlation)}" in words
        null = f"[{signed_fixed(pair.null.low)}, {signed_fixed(pair.null.high)}]"
        assert f"all: {signed_fixed(pair.score)} {null}" in words
        assert f"RSP-{pair.step[4:]}" in words


def test_the_verdict_on_the_papers_claim_stands_below(compared, drawn) -> None:
    pairs = compared("sum", "rsp4").right.key_queries
    words = " ".join(words_of(drawn("key_query", "sum", "rsp4")))

    assert all(word in words for word in verdict("rsp4 model", pairs).split())
    assert SIGN.split(",")[0] in words


def test_a_model_without_relations_is_not_drawn(drawn) -> None:
    figure = drawn("key_query", "rsp4", "sum", 64, 64)

    assert len([axes for axes in figure.axes if axes.images and axes.get_label().endswith(("query", "key"))]) == 8
    assert "sum model" not in words_of(figure)


def test_steps_without_a_relation_are_said(drawn) -> None:
    words = words_of(drawn("key_query", "unnormalised", "rsp1", 180, 40))

    assert "at step 43" in words
    assert "at step 54" not in words


def test_no_relation_at_all_is_an_error_with_a_remedy(compared) -> None:
    with pytest.raises(
        ValueError, match=r"neither sum model \(left\) nor sum model \(right\) has a relation.*RSP head"
    ):
        draw_key_query(compared("sum", "sum", 65, 97))
