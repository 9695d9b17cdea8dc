"""Query and key maps: the captured ones, one scale a step, r and its control printed."""

from __future__ import annotations

import numpy as np
import pytest

from rsp_lab.figures.paper.key_query import draw_key_query, key_query_scale
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


def test_correlation_and_its_control_are_printed(compared, drawn) -> None:
    comparison = compared("sum", "rsp4")
    words = words_of(drawn("key_query", "sum", "rsp4"))

    for pair in comparison.right.key_queries:
        shown = (f"{value:.2f}".replace("-0.00", "0.00") for value in (pair.correlation, pair.median_correlation))
        line = "r = {} (median {})".format(*shown).replace("-", "−")
        assert line in words
        assert f"RSP-{pair.step[4:]}" in words


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
