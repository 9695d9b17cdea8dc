"""The figure of an explanation draws the ledgers as they are, on one scale centred at 0."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from rsp_lab.analysis.comparison.explain import explain
from rsp_lab.analysis.comparison.explanation import Explanation
from rsp_lab.analysis.ledger.extent import contributing_box
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.data.labels import CAMVID
from rsp_lab.data.sample import Sample
from rsp_lab.figures.results.ledger import draw_ledger
from rsp_lab.figures.style import level_colour
from rsp_lab.models.presets import tiny, top_down
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.text import signed_fixed, significant
from tests.kit.figures import axes_of, words_of

PIXEL = (60, 70)


@pytest.fixture(scope="module")
def told(street: Callable[[int, int, int], Sample]) -> Explanation:
    torch.manual_seed(1)
    heads = top_down(top=5, channels=64), top_down(top=6, at=(65, 54, 43), channels=64)
    left, right = (
        Segmenter(tiny(head, CAMVID.classes, "camvid"), name=name).eval()
        for head, name in zip(heads, ("a long name", "rsp model"), strict=True)
    )
    return explain(left, right, street(3, 96, 128).image, PixelTarget(*PIXEL))


@pytest.fixture(scope="module")
def figure(told: Explanation) -> Figure:
    return draw_ledger(told.image, told.accounts)


def test_maps_are_the_ledgers_on_one_scale_per_level_which_is_printed(told: Explanation, figure: Figure) -> None:
    ends: dict[int, float] = {}
    for account in told.accounts:
        for level, values in account.ledger.maps.items():
            ends[level] = max(ends.get(level, 0.0), float(values.abs().max()))
    for side, account in zip(("left", "right"), told.accounts, strict=True):
        for level, values in account.ledger.maps.items():
            _, shown = axes_of(figure, f"{side} level {level}").images
            np.testing.assert_array_equal(shown.get_array(), values.numpy())
            assert shown.get_clim() == pytest.approx((-ends[level], ends[level]))
            assert f"±{significant(ends[level])}" in words_of(figure)
    assert "not read" in words_of(figure)


def test_bars_have_the_levels_values_and_colours(told: Explanation, figure: Figure) -> None:
    bars = {bar.get_gid(): bar for bar in axes_of(figure, "levels").patches}
    for side, account in zip(("left", "right"), told.accounts, strict=True):
        for level, total in account.ledger.sums.items():
            bar = bars[f"level {level} {side}"]
            assert bar.get_width() == pytest.approx(total)
            assert bar.get_edgecolor()[:3] == pytest.approx(to_rgb(level_colour(level)))
        assert bars[f"total {side}"].get_width() == pytest.approx(account.ledger.total)
    assert signed_fixed(told.difference.total) in words_of(figure)


def test_titles_say_model_pixel_classes_and_unit(told: Explanation, figure: Figure) -> None:
    for account in told.accounts:
        expected = f"{account.name}: {told.target.describe()}, {signed_fixed(account.ledger.total)} logits"
        assert expected in words_of(figure)
    assert "(60, 70)" in told.target.describe()


def test_details_are_the_parts_in_which_either_model_has_contributions(told: Explanation, figure: Figure) -> None:
    for level in told.difference.levels:
        maps = [account.ledger.maps[level] for account in told.accounts if level in account.ledger.maps]
        top, left, bottom, right = contributing_box(maps, (96, 128), PIXEL)
        for side in ("left", "right"):
            for axes in (axes for axes in figure.axes if axes.get_label() == f"{side} level {level}"):
                assert axes.get_ylim() == pytest.approx((bottom, top))
                assert axes.get_xlim() == pytest.approx((left, right))


def test_one_model_has_its_own_bars_and_numbers(told: Explanation) -> None:
    account = told.right
    figure = draw_ledger(told.image, [account])

    bars = {bar.get_gid(): bar for bar in axes_of(figure, "levels").patches}
    assert set(bars) == {f"{row} model" for row in (*(f"level {x}" for x in account.ledger.levels), "bias", "total")}
    assert bars["level 4 model"].get_width() == pytest.approx(account.ledger.sums[4])
    words = words_of(figure)
    assert words.count(signed_fixed(account.ledger.sums[4])) == 2, "beside its bar and above its map"
    assert "■ − □" not in words
    assert not any("a long name" in part for part in words)
