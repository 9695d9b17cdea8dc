"""The look: levels keep their colour, files are the same every time, and nothing leaks."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from rsp_lab.figures import style
from rsp_lab.figures.catalogue import FIGURES
from rsp_lab.figures.paper.grids import draw_relation_grids

LEVELS = (7, 6, 5, 4, 3)


def luminance(colour: str) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def test_levels_grow_lighter_from_coarse_to_fine_and_differ_in_dash() -> None:
    lightness = [luminance(style.level_colour(level)) for level in LEVELS]

    assert all(b > 1.15 * a for a, b in pairwise(lightness))
    assert len({str(style.level_dash(level)) for level in LEVELS}) == len(LEVELS)


@pytest.mark.parametrize("level", LEVELS)
def test_weights_go_from_transparent_to_the_levels_colour(level: int) -> None:
    cmap = style.weight_map(level)

    np.testing.assert_allclose(cmap(0.0), (*to_rgb(style.level_colour(level)), 0.0))
    np.testing.assert_allclose(cmap(1.0), (*to_rgb(style.level_colour(level)), style.FULL))


def test_signed_weights_are_transparent_at_zero_only() -> None:
    cmap = style.signed_weight_map()

    assert cmap(0.5)[3] == pytest.approx(0, abs=0.01)
    assert cmap(0.0)[3] == cmap(1.0)[3] == pytest.approx(style.FULL)
    assert cmap(0.0)[2] > cmap(0.0)[0], "negative is blue"


def test_the_same_figure_gives_the_same_bytes(given, drawn, tmp_path: Path) -> None:
    for name in ("predictions", "relation_grids"):
        first, second = drawn(name, "sum", "rsp4"), FIGURES[name].draw(given("sum", "rsp4")).figure
        for ending in ("png", "pdf", "svg"):
            one = style.save(first, tmp_path / f"1.{ending}", dpi=60).read_bytes()
            two = style.save(second, tmp_path / f"2.{ending}", dpi=60).read_bytes()
            assert one == two, (name, ending)
    assert not list(tmp_path.glob(".*")), "a partial file was left"


def test_files_are_what_their_endings_say(drawn, tmp_path: Path) -> None:
    figure = drawn("context_flow", "sum", "rsp4")
    png, pdf, svg = (style.save(figure, tmp_path / "new" / f"flow.{ending}") for ending in ("png", "pdf", "svg"))

    assert Image.open(png).size == pytest.approx([300 * inches for inches in figure.get_size_inches()], abs=1)
    assert pdf.read_bytes().startswith(b"%PDF")
    assert b"Date" not in pdf.read_bytes()
    assert b"/TrueType" in pdf.read_bytes() or b"/CIDFontType2" in pdf.read_bytes(), "fonts are embedded as TrueType"
    assert "<svg" in svg.read_text()
    assert "dc:date" not in svg.read_text()


def test_unknown_endings_name_the_known_ones(drawn, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.png, \.pdf, \.svg"):
        style.save(drawn("predictions", "sum", "rsp4"), tmp_path / "figure.gif")
    assert not list(tmp_path.iterdir())


def test_nothing_leaks(compared, tmp_path: Path) -> None:
    before = dict(mpl.rcParams)
    had_pyplot = "matplotlib.pyplot" in sys.modules
    style.save(draw_relation_grids(compared("sum", "rsp4")), tmp_path / "grids.png", dpi=50)

    assert dict(mpl.rcParams) == before
    assert ("matplotlib.pyplot" in sys.modules) == had_pyplot
