"""Relation grids: each weight on its own cell's box, one scale a step, nothing drawn off the map."""

from __future__ import annotations

import math

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle

from rsp_lab.figures.paper.grids import FRAME_OUTSIDE, draw_relation_grids, weight_colours, weight_limit
from rsp_lab.figures.style import level_colour
from rsp_lab.palette import LEVEL_DASHES
from tests.kit.figures import axes_of, words_of


def by_gid(axes) -> dict[str, Rectangle]:
    return {patch.get_gid(): patch for patch in axes.patches if patch.get_gid()}


@pytest.mark.parametrize("pixel", [None, (0, 127)])
def test_cells_lie_on_their_boxes_with_their_weights(pixel: tuple[int, int] | None, compared) -> None:
    comparison = compared("sum", "rsp4", pixel=pixel)
    figure = draw_relation_grids(comparison)

    for grid in comparison.grids[1]:
        patches = by_gid(axes_of(figure, f"right {grid.step} image"))
        for (row, column), weight in np.ndenumerate(grid.weights):
            cell = patches.get(f"{grid.step} {row} {column}")
            if math.isnan(weight):
                assert cell is None
                continue
            top, left, bottom, right = grid.box(row, column)
            assert (*cell.get_xy(), cell.get_width(), cell.get_height()) == (left, top, right - left, bottom - top)
            expected = weight / weight_limit(comparison, grid.step)
            assert cell.get_facecolor()[3] == pytest.approx(0.9 * expected, abs=0.005)
            assert cell.get_facecolor()[:3] == pytest.approx(to_rgba(level_colour(grid.high))[:3])


def test_the_frame_stands_around_the_footprint_in_the_levels_colour_and_dash(compared, drawn) -> None:
    comparison = compared("sum", "rsp4")
    figure = drawn("relation_grids", "sum", "rsp4")

    for grid in comparison.grids[1]:
        axes = axes_of(figure, f"right {grid.step} image")
        edge = by_gid(axes)[f"{grid.step} footprint"]
        inches = axes.get_position().width * figure.get_size_inches()[0]
        out = FRAME_OUTSIDE / 72 * comparison.image_size[1] / inches
        top, left, bottom, right = grid.footprint
        assert edge.get_xy() == pytest.approx((left - out, top - out))
        assert edge.get_width() == pytest.approx(right - left + 2 * out)
        assert edge.get_height() == pytest.approx(bottom - top + 2 * out)
        assert edge.get_edgecolor() == to_rgba(level_colour(grid.high))
        dash = LEVEL_DASHES[grid.high]
        assert edge.get_linestyle() == ((0.0, dash) if dash else "solid")


def test_plain_grids_show_the_weights_on_the_same_scale_and_hatch_what_is_off_the_map(compared) -> None:
    comparison = compared("sum", "rsp4", pixel=(0, 127))
    figure = draw_relation_grids(comparison)

    for grid in comparison.grids[1]:
        axes = axes_of(figure, f"right {grid.step} grid")
        shown = axes.images[0]
        np.testing.assert_array_equal(shown.get_array().filled(np.nan), grid.weights)
        assert shown.get_clim() == (0, weight_limit(comparison, grid.step))
        hatched = {patch.get_xy() for patch in axes.patches if patch.get_hatch()}
        assert hatched == {(column - 0.5, row - 0.5) for row, column in np.argwhere(np.isnan(grid.weights))}
        bar = [label.get_text() for label in axes_of(figure, f"right {grid.step} scale").get_xticklabels()]
        assert bar == ["0", f"{weight_limit(comparison, grid.step):.3f}"]


def test_numbers_beside_the_grids(compared, drawn) -> None:
    comparison = compared("sum", "rsp4")
    words = words_of(drawn("relation_grids", "sum", "rsp4"))

    for grid in comparison.grids[1]:
        for number in (f"{np.nanmax(grid.weights):.3f}", f"{grid.centre:.3f}", f"{grid.entropy:.2f}"):
            assert number in words or number == "0.000"


def test_both_relational_models_share_the_scale_and_keep_their_places(compared, drawn) -> None:
    comparison = compared("rsp4", "rsp2", 40, 180)
    figure = drawn("relation_grids", "rsp4", "rsp2", 40, 180)

    for grid in comparison.grids[1]:
        left, right = (axes_of(figure, f"{side} {grid.step} grid") for side in ("left", "right"))
        assert left.images[0].get_clim() == right.images[0].get_clim()
        assert left.get_position().x0 == pytest.approx(right.get_position().x0)
        assert left.get_position().y0 > right.get_position().y1


@pytest.mark.parametrize(
    ("models", "side", "note"),
    [
        (("sum", "rsp4"), "right", "passes everything down"),
        (("rsp4", "sum", 64, 64), "left", "passes everything down"),
        (("average", "rsp2"), "right", "has no relation"),
    ],
)
def test_a_model_without_relations_is_said_to_be_one(models: tuple, side: str, note: str, compared, drawn) -> None:
    comparison, figure = compared(*models), drawn("relation_grids", *models)

    names = [text for text in figure.texts if text.get_text() in (comparison.left.name, comparison.right.name)]
    order = [text.get_text() for text in sorted(names, key=lambda text: -text.get_position()[1])]
    assert order == [comparison.left.name, comparison.right.name]
    assert any(note in words for words in words_of(figure))
    assert {axes.get_label().split()[0] for axes in figure.axes} == {side}


def test_steps_that_pass_all_are_said(drawn) -> None:
    words = " ".join(words_of(drawn("relation_grids", "unnormalised", "rsp1", 180, 40)))

    assert "step 43: passes everything down" in words
    assert "step 54: passes" not in words


def test_negative_weights_get_the_signed_map(compared, drawn) -> None:
    comparison = compared("unnormalised", "rsp1", 180, 40)
    step = next(grid.step for grid in comparison.grids[0] if np.nanmin(grid.weights) < 0)
    cmap, norm = weight_colours(comparison, step)
    figure = drawn("relation_grids", "unnormalised", "rsp1", 180, 40)

    assert cmap.name == "signed_weights"
    assert norm.vmin == -norm.vmax == -weight_limit(comparison, step)
    assert axes_of(figure, f"left {step} grid").images[0].get_clim() == (norm.vmin, norm.vmax)
    assert any("not normalised" in words for words in words_of(figure))


def test_no_relation_at_all_is_an_error_with_a_remedy(compared) -> None:
    with pytest.raises(
        ValueError, match=r"neither sum model \(left\) nor sum model \(right\) has a relation.*RSP head"
    ):
        draw_relation_grids(compared("sum", "sum", 65, 97))
