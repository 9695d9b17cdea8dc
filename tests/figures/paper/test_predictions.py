"""Predictions: the label colours, the same numbered boxes on all three pictures, only the classes that occur."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from rsp_lab.analysis.comparison.disagreement import LabelDifference
from rsp_lab.data.labels import CAMVID, CITYSCAPES, colour
from rsp_lab.figures.paper.predictions import draw_predictions
from rsp_lab.figures.style import SINGLE
from tests.kit.figures import axes_of, words_of

PICTURES = ("image", "left", "right")


def boxes(axes) -> dict[str, tuple[float, ...]]:
    patches = [patch for patch in axes.patches if isinstance(patch, Rectangle) and patch.get_gid()]
    return {patch.get_gid(): (*patch.get_xy(), patch.get_width(), patch.get_height()) for patch in patches}


def test_pictures_are_the_image_and_the_labels_in_their_colours(compared) -> None:
    comparison = compared("sum", "rsp4")
    figure = draw_predictions(comparison, CAMVID)

    image, left, right = (axes_of(figure, name).images[0].get_array() for name in PICTURES)
    np.testing.assert_array_equal(image, comparison.image.permute(1, 2, 0).numpy())
    np.testing.assert_array_equal(left, colour(comparison.left.labels, CAMVID))
    np.testing.assert_array_equal(right, colour(comparison.right.labels, CAMVID))


def test_boxes_are_the_disagreements_on_all_three(compared) -> None:
    comparison = compared("sum", "rsp4")
    assert comparison.disagreements, "the case shows nothing"
    figure = draw_predictions(comparison, CAMVID)

    expected = {
        f"region{number}": (left - 0.5, top - 0.5, right - left, bottom - top)
        for number, (top, left, bottom, right) in enumerate((r.box for r in comparison.disagreements), 1)
    }
    for name in PICTURES:
        axes = axes_of(figure, name)
        assert boxes(axes) == expected
        assert [text.get_text() for text in axes.texts] == [str(n + 1) for n in range(len(expected))]
    for number, region in enumerate(comparison.disagreements, 1):
        assert f"{number}: {region.left} | {region.right}, {region.area} px" in words_of(figure)


def test_the_pixel_is_marked_on_all_three(compared) -> None:
    comparison = compared("sum", "rsp4")
    figure = draw_predictions(comparison, CAMVID)

    for name in PICTURES:
        (ring,) = axes_of(figure, name).lines
        assert (ring.get_ydata()[0], ring.get_xdata()[0]) == comparison.pixel


def test_the_legend_has_the_classes_that_occur_and_no_others(compared) -> None:
    comparison = compared("sum", "rsp4")
    figure = draw_predictions(comparison, CAMVID)

    present = np.union1d(comparison.left.labels, comparison.right.labels)
    swatches = {a.get_label(): a.get_facecolor() for a in figure.axes if a.get_label().startswith("class ")}
    assert set(swatches) == {f"class {CAMVID.classes[index]}" for index in present}
    for index in present:
        expected = [part / 255 for part in CAMVID.palette[index]]
        np.testing.assert_allclose(swatches[f"class {CAMVID.classes[index]}"][:3], expected)


def test_ignored_pixels_are_black_and_named(compared) -> None:
    comparison = compared("sum", "rsp4")
    labels = comparison.left.labels.copy()
    labels[:10] = CAMVID.ignore_index
    figure = draw_predictions(
        replace(comparison, views=(replace(comparison.left, labels=labels), comparison.right)), CAMVID
    )

    assert (axes_of(figure, "left").images[0].get_array()[:10] == 0).all()
    assert axes_of(figure, "class unlabelled").get_facecolor()[:3] == to_rgb("black")
    assert "unlabelled" in words_of(figure)


def test_agreement_is_said(compared) -> None:
    comparison = compared("sum", "rsp4")
    same = replace(comparison, views=(comparison.left,) * 2, difference=LabelDifference((), 0.0))

    figure = draw_predictions(same, CAMVID)
    assert "The models agree on every pixel" in words_of(figure)
    assert not boxes(axes_of(figure, "left"))


def test_names_with_dollars_and_of_any_length_are_names(compared) -> None:
    comparison = compared("sum", "rsp4")
    left, right = replace(comparison.left, name="$x_1$"), replace(comparison.right, name="n" * 99)

    words = words_of(draw_predictions(replace(comparison, views=(left, right)), CAMVID))
    assert "$x_1$" in words
    assert any("…" in word and word.startswith("nnn") for word in words)


def test_one_column_has_two_pictures_beside_one_another(compared) -> None:
    figure = draw_predictions(compared("sum", "rsp4"), CAMVID, width=SINGLE)

    first, second, third = (axes_of(figure, name).get_position() for name in PICTURES)
    assert figure.get_size_inches()[0] == SINGLE
    assert first.y0 == second.y0 > third.y1
    assert first.x0 == third.x0 < second.x0


def test_one_column_puts_strips_below_one_another(compared) -> None:
    figure = draw_predictions(compared("rsp4", "rsp2", 40, 180), CAMVID, width=SINGLE)

    places = [axes_of(figure, name).get_position() for name in PICTURES]
    assert figure.get_size_inches()[0] == SINGLE
    assert len({place.x0 for place in places}) == 1
    assert places[0].y0 > places[1].y1 > places[1].y0 > places[2].y1


def test_a_foreign_table_is_refused(compared) -> None:
    with pytest.raises(ValueError, match=r"19 .*draw with the models' own table"):
        draw_predictions(compared("sum", "rsp4"), CITYSCAPES)
