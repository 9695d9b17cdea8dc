"""Context flow: what is drawn is what was captured, on one scale, left stays left."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from rsp_lab.figures.paper.flow import PARTS, flow_scale
from rsp_lab.figures.style import level_colour
from tests.kit.figures import axes_of, words_of

STEPS = ("step76", "step65", "step54", "step43")


def test_maps_are_the_captured_ones_in_the_chosen_channel(compared, drawn) -> None:
    comparison = compared("sum", "rsp4")
    figure = drawn("context_flow", "sum", "rsp4")

    channel = comparison.channel.channel
    for side, view in (("left", comparison.left), ("right", comparison.right)):
        assert [step.name for step in view.flow] == list(STEPS)
        for step in view.flow:
            for part in PARTS:
                shown = axes_of(figure, f"{side} {step.name} {part}").images[0].get_array()
                np.testing.assert_array_equal(shown, getattr(step, part)[channel].numpy())


def test_one_symmetric_scale_holds_for_both_models_and_is_printed(compared, drawn) -> None:
    comparison = compared("sum", "rsp4")
    figure = drawn("context_flow", "sum", "rsp4")

    scale = flow_scale(comparison)
    limits = {a.images[0].get_clim() for a in figure.axes if a.images and a.get_label() not in ("image", "scale")}
    assert limits == {(-scale.limit, scale.limit)}
    printed = [label.get_text() for label in axes_of(figure, "scale").get_xticklabels()]
    assert printed == [f"−{scale.limit:.3g}", "0", f"{scale.limit:.3g}"]
    assert any(scale.words.split()[0] in words for words in words_of(figure))


def test_no_map_loses_more_than_a_hundredth_to_the_ends_of_the_scale(compared) -> None:
    comparison = compared("sum", "rsp4")
    scale = flow_scale(comparison)

    for view in (comparison.left, comparison.right):
        for step in view.flow:
            values = step.fused[comparison.channel.channel].abs()
            assert int((values > scale.limit).sum()) <= 0.01 * values.numel()
    assert 0 <= scale.clipped <= 0.05


def test_frames_carry_the_level_a_map_comes_from(drawn) -> None:
    figure = drawn("context_flow", "sum", "rsp4")

    for part, level in (("passed", 5), ("context", 5), ("own", 4), ("fused", 4)):
        spines = axes_of(figure, f"right step54 {part}").spines
        assert {spine.get_edgecolor() for spine in spines.values()} == {to_rgba(level_colour(level))}


def test_rows_go_from_coarse_to_fine_and_left_stays_left(drawn) -> None:
    figure = drawn("context_flow", "rsp4", "sum", 64, 64)

    heights = [axes_of(figure, f"left {step} passed").get_position().y0 for step in STEPS]
    assert heights == sorted(heights, reverse=True)
    for step in STEPS:
        across = [
            axes_of(figure, f"{side} {step} {part}").get_position().x0 for side in ("left", "right") for part in PARTS
        ]
        assert across == sorted(across)
    left, right = (next(t for t in figure.texts if t.get_text() == f"{n} model") for n in ("rsp4", "sum"))
    assert left.get_position()[0] < right.get_position()[0]


@pytest.mark.parametrize(
    ("models", "word"),
    [(("sum", "rsp4"), "RSE"), (("sum", "rsp4"), "passed down"), (("average", "rsp2"), "context")],
)
def test_the_taken_context_is_named_for_what_it_is(models: tuple[str, str], word: str, drawn) -> None:
    assert word in words_of(drawn("context_flow", *models))


def test_maps_have_the_papers_symbols(drawn) -> None:
    assert {"Q′₇", "Q₆", "T₆", "Q′₄", "Q₃", "T₃"} <= set(words_of(drawn("context_flow", "sum", "rsp4")))


def test_steps_that_a_model_lacks_are_left_empty_and_said(drawn) -> None:
    figure = drawn("context_flow", "rsp4", "rsp2", 40, 180)

    assert not axes_of(figure, "right step76 passed").images
    assert axes_of(figure, "left step76 passed").images
    assert "no such step" in words_of(figure)
