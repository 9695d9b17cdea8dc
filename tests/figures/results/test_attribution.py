"""The figure of attribution shows the maps' numbers on one scale a row, and its words are legible."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from rsp_lab.analysis.attribution.attribute import Attribution
from rsp_lab.analysis.attribution.interface import AttributionMethod, RegionEffect
from rsp_lab.analysis.attribution.methods import METHODS, FeatureAblation, IntegratedGradients, Occlusion
from rsp_lab.analysis.faithfulness.at_input import Faithfulness
from rsp_lab.analysis.faithfulness.curves import Control, Curves
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.figures.results.attribution import PERCENTILE, MethodRow, draw_attribution
from tests.kit.figures import check_words, shown_texts

SIZE = (48, 96)
TARGET = PixelTarget(20, 31, "rider", "person")
NAMES = ("left-model-of-a-long-name", "right-model")


def one(method: AttributionMethod, seed: int, size: tuple[int, int] = SIZE) -> Attribution:
    values = torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    effects = (RegionEffect(1, "road", 4, -1.5),) if isinstance(method, FeatureAblation) else ()
    residual = 0.0123 if isinstance(method, IntegratedGradients) else None
    return Attribution(method, TARGET, values, size, "", 1.25, "blur", -0.5, residual, {}, effects)


def along(seed: int) -> Faithfulness:
    shares = (0.0, 0.5, 1.0)
    curves = [Curves(shares, (1.25, seed + i, -0.5), (-0.5, 2.0 * i, 1.25)) for i in range(4)]
    return Faithfulness("x", TARGET, curves[0], Control((0, 1, 2), tuple(curves[1:])), "blur", 8, 72, SIZE, "")


def drawn(
    *,
    curves: bool = True,
    methods: tuple[AttributionMethod, ...] = METHODS,
    size: tuple[int, int] = SIZE,
    names: tuple[str, ...] = NAMES,
) -> Figure:
    image = torch.randint(0, 256, (3, *size), dtype=torch.uint8)
    seeds = range(1, len(names) + 1)
    rows = [
        MethodRow(names, tuple(one(method, i, size) for i in seeds), tuple(along(i) for i in seeds) if curves else ())
        for method in methods
    ]
    return draw_attribution(image, rows)


def test_each_row_has_one_scale_and_the_maps_values() -> None:
    figure = drawn()
    for method in METHODS:
        panels = [axes for axes in figure.axes if axes.get_label() in (f"{method.name} 0", f"{method.name} 1")]
        assert len(panels) == 2
        values = [one(method, seed).values.numpy() for seed in (1, 2)]
        limit = max(np.percentile(np.abs(map_), PERCENTILE, method="higher") for map_ in values)
        for axes, map_ in zip(panels, values, strict=True):
            shown = axes.images[0]
            np.testing.assert_allclose(np.asarray(shown.get_array()), map_)
            assert shown.get_clim() == pytest.approx((-limit, limit))


def test_curves_are_drawn_as_they_are_on_one_scale() -> None:
    figure = drawn(methods=(Occlusion(),))
    panels = [axes for axes in figure.axes if axes.get_label().startswith("curves")]
    for axes, found in zip(panels, (along(1), along(2)), strict=True):
        lines = {line.get_label(): line for line in axes.lines}
        assert tuple(lines["replaced"].get_ydata()) == found.deletion
        assert tuple(lines["put back"].get_ydata()) == found.insertion
    assert panels[0].get_ylim() == panels[1].get_ylim()


@pytest.mark.parametrize("curves", [True, False])
def test_words_are_legible_on_the_sheet_and_say_unit_and_residual(curves: bool) -> None:
    figure = drawn(curves=curves)
    check_words(figure)
    said = " ".join(text.get_text() for text in shown_texts(figure))
    for words in (
        "rider over person at pixel (20, 31)",
        "residual 0.01",
        "road −1.5",
        "arbitrary units",
        "logits per window",
    ):
        assert words in said
    assert ("Curves:" in said) is curves


@pytest.mark.parametrize("size", [(64, 2048), (1024, 64), (1, 1)])
@pytest.mark.parametrize("names", [NAMES, ("a model alone",)])
@pytest.mark.parametrize("curves", [True, False])
def test_words_and_curves_have_room_beside_images_of_any_shape(
    size: tuple[int, int], names: tuple[str, ...], curves: bool
) -> None:
    figure = drawn(size=size, names=names, curves=curves, methods=(Occlusion(), IntegratedGradients()))
    check_words(figure)
    high = figure.get_size_inches()[1]
    assert high < 10.5
    tall = [axes.get_position().height * high for axes in figure.axes if axes.get_label().startswith("curves")]
    assert len(tall) == 2 * len(names) * curves
    assert all(inches >= 0.5 for inches in tall)


def test_long_names_have_room(monkeypatch: pytest.MonkeyPatch) -> None:
    what = " of every kind that stands beside the road"
    monkeypatch.setattr(sys.modules[__name__], "TARGET", PixelTarget(20, 31, f"things{what}", f"people{what}"))
    figure = drawn(names=tuple(f"{side} network, trained for a hundred epochs" for side in ("the left", "the right")))
    check_words(figure)


def test_no_row() -> None:
    with pytest.raises(ValueError, match="give one or more methods"):
        draw_attribution(torch.zeros(3, *SIZE, dtype=torch.uint8), [])
