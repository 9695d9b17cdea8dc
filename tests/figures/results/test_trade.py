"""Colours, numbers and bars are the entries of the result; the caption says what must be said."""

from __future__ import annotations

import numpy as np
import pytest

from rsp_lab.analysis.trade.matrix import SIDES, Estimates, TradeMatrix
from rsp_lab.figures import style
from rsp_lab.figures.results.trade import draw_trade, trade_caption
from tests.kit.figures import axes_of, check_words, words_of

LEVELS = (2, 3, 4, 5, 6, 7)


def matrix(
    targets: tuple[str, ...], *, images: int = 12, absent: tuple[int, ...] = (), scale: float = 2.0
) -> TradeMatrix:
    """Random entries; the difference is right minus left."""
    rng, n = np.random.default_rng(0), len(targets)
    mean = rng.normal(size=(3, n, len(LEVELS) + 1, n + 2)) * scale
    mean[..., -2] = 0  # nothing is unlabelled
    mean[..., -1] = mean[..., :-1].sum(-1)
    mean[:, :, -1] = mean[:, :, :-1].sum(2)
    mean[2] = mean[1] - mean[0]
    counts = np.full((3, n), images)
    for place in absent:
        counts[:, place] = 0
        mean[:, place] = 0
        mean[:, :, :, place] = 0
    half = np.abs(rng.normal(size=mean.shape)) if images > 1 else np.full(mean.shape, np.nan)
    line = Estimates(mean[..., -1, -1], half[..., -1, -1])
    return TradeMatrix(
        names=("a model", "another model"),
        targets=targets,
        sources=(*targets, "unlabelled"),
        levels=LEVELS,
        images=counts,
        blocks=counts,
        pixels=np.full(n, 1000),
        values=Estimates(mean, half),
        bias=line,
        total=line,
        seen=images,
        block=1,
        by="labels",
        residual=1e-7,
    )


NAMES = ("sky", "pavement", "sign symbol", "bicyclist", "pedestrian")


def test_cells_are_sums_over_levels():
    result = matrix(NAMES, absent=(2,))
    figure, rows = draw_trade(result), [0, 1, 3, 4]

    for side, panel in enumerate(SIDES):
        axes = axes_of(figure, f"matrix {panel}")
        shown = np.asarray(axes.images[0].get_array())
        # Neither the class that does not occur nor what gives nothing has a column.
        np.testing.assert_array_equal(shown, result.values.mean[side][rows, -1][:, rows])
        assert [tick.get_text() for tick in axes.get_xticklabels()] == [NAMES[i] for i in rows]
        limit = axes.images[0].get_clim()[1]
        assert axes.images[0].get_clim()[0] == -limit
        assert (
            limit == np.abs(result.values.mean[:2, :, -1, :-1] if side < 2 else result.values.mean[2, :, -1, :-1]).max()
        )
    labels = [tick.get_text() for tick in axes_of(figure, "matrix left").get_yticklabels()]
    assert labels == [f"{NAMES[i]} (12)" for i in rows]
    assert words_of(figure).count("right minus left") == 2


def test_printed_numbers_are_those_that_are_clear():
    result = matrix(NAMES)
    axes = axes_of(draw_trade(result), "matrix difference")
    printed = {(round(t.get_position()[1]), round(t.get_position()[0])): t.get_text() for t in axes.texts}

    wanted = {}
    for row, column in np.ndindex(5, 5):
        value, half = (x[2, row, -1, column] for x in (result.values.mean, result.values.half_width))
        if abs(value) > half and abs(value) >= 0.05:
            wanted[row, column] = f"{value:.1f}" if abs(value) < 9.95 else f"{value:.0f}"
    assert 0 < len(wanted) < 25
    assert {key: words.replace("−", "-") for key, words in printed.items()} == wanted


def test_bars_are_the_levels_of_the_row():
    result = matrix(NAMES)
    figure, place = draw_trade(result, target="bicyclist"), NAMES.index("bicyclist")

    assert "bicyclist, level by level" in words_of(figure)
    order = [t.get_text() for t in axes_of(figure, "levels difference").get_xticklabels()]
    largest = np.abs(result.values.mean[:, place, :-1, :-2]).max((0, 1))
    assert order == [NAMES[i] for i in np.argsort(-largest)[:4]]
    for side, panel in enumerate(SIDES):
        axes = axes_of(figure, f"levels {panel}")
        for row, level in enumerate(LEVELS):
            bars = [patch for patch in axes.patches if patch.get_gid() == f"level {level}"]
            wanted = [result.values.mean[side, place, row, NAMES.index(source)] for source in order]
            assert [bar.get_height() for bar in bars] == pytest.approx(wanted)
            assert {bar.get_facecolor() for bar in bars} == {(*style.mpl.colors.to_rgb(style.level_colour(level)), 1.0)}


def test_the_row_by_default_is_that_of_the_largest_clear_difference_from_another_class():
    result = matrix(NAMES)
    mean, half = (x[2, :, -1, :-2] for x in (result.values.mean, result.values.half_width))
    clear = np.where((np.abs(mean) > half) & ~np.eye(5, dtype=bool), np.abs(mean), 0)
    assert f"{NAMES[int(clear.max(1).argmax())]}, level by level" in words_of(draw_trade(result))


@pytest.mark.parametrize(("side", "place"), [("left", 0), ("right", 1)])
def test_one_model_is_drawn_alone(side, place):
    result = matrix(NAMES)
    figure = draw_trade(result, side=side, target="sky")

    assert [axes.get_label() for axes in figure.axes if axes.get_label().startswith(("matrix", "levels"))] == [
        f"matrix {side}",
        f"levels {side}",
    ]
    np.testing.assert_array_equal(
        axes_of(figure, f"matrix {side}").images[0].get_array(), result.values.mean[place][:, -1, :-2]
    )
    assert len(axes_of(figure, f"matrix {side}").get_yticklabels()) == len(NAMES)
    assert "right minus left" not in words_of(figure)
    caption = trade_caption(result, side=side, target="sky")
    assert f"each other in {result.names[place]}, over 12 images" in caption
    assert result.names[1 - place] not in caption.replace(result.names[place], "")
    assert "difference" not in caption.replace(result.rule, "")


def test_the_row_of_one_model_is_that_of_its_largest_clear_entry_from_another_class():
    result = matrix(NAMES)
    mean, half = (x[0, :, -1, :-2] for x in (result.values.mean, result.values.half_width))
    clear = np.where((np.abs(mean) > half) & ~np.eye(5, dtype=bool), np.abs(mean), 0)

    assert f"{NAMES[int(clear.max(1).argmax())]}, level by level" in words_of(draw_trade(result, side="left"))


@pytest.mark.parametrize(
    "result",
    [
        matrix(NAMES),
        matrix(("a", "b"), images=1),
        matrix(tuple(f"class number {i}" for i in range(19))),
        matrix(("a class with a name that is rather long", "b"), scale=1e-9),
    ],
    ids=["five", "one image", "nineteen", "tiny"],
)
@pytest.mark.parametrize("side", [None, "right"])
def test_words_are_legible_and_on_the_sheet(result, side):
    figure = draw_trade(result, side=side)
    check_words(figure)


def test_of_many_classes_those_with_the_largest_entries_are_shown_and_the_target_asked_about():
    names = tuple(f"class {i:03d}" for i in range(60))
    result = matrix(names)
    sizes = np.abs(result.values.mean[:, :, -1, :-1]).max(0)
    weakest = names[int(sizes.max(1).argmin())]
    figure = draw_trade(result, target=weakest)
    axes = axes_of(figure, "matrix right")
    rows = [tick.get_text().removesuffix(" (12)") for tick in axes_of(figure, "matrix left").get_yticklabels()]
    columns = [tick.get_text() for tick in axes.get_xticklabels()]
    places = [names.index(name) for name in rows], [names.index(name) for name in columns]

    assert rows == sorted(rows)
    assert set(rows) == {weakest, *(names[i] for i in np.argsort(-sizes.max(1))[:26])}
    assert columns == [names[i] for i in np.sort(np.argsort(-sizes[places[0]].max(0))[:27])]
    np.testing.assert_array_equal(axes.images[0].get_array(), result.values.mean[1, :, -1][np.ix_(*places)])
    note = "Shown are 27 of 60 targets and 27 of 60 sources, those with the largest entries."
    assert note in trade_caption(result, target=weakest)
    assert note in " ".join(words_of(figure))
    assert "Shown are" not in trade_caption(matrix(NAMES))
    check_words(figure)


def test_the_caption_says_how_and_how_sure():
    result = matrix(NAMES)
    words, (clear, tested) = trade_caption(result, target="sky"), result.clear_entries()
    for part in (*result.names, "over 12 images", "true labels", "Student's t", "Bars: sky", f"{clear} of {tested}"):
        assert part in words
    assert f"±{np.abs(result.values.mean[:2, :, -1, :-1]).max():.3g} logits for the models" in words
    assert "1e-07" in words


def test_what_it_refuses():
    with pytest.raises(ValueError, match="nothing to draw"):
        draw_trade(matrix(("a", "b"), absent=(0, 1)))
    with pytest.raises(ValueError, match="'middle' is no model's side: name 'left' or 'right'"):
        draw_trade(matrix(NAMES), side="middle")
    with pytest.raises(ValueError, match="'sea' has no row here; the rows are sky"):
        trade_caption(matrix(NAMES), target="sea")
