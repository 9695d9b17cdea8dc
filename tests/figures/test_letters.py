"""Names in any script: drawn where a font has their letters, else as code points with one message."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.t2CharStringPen import T2CharStringPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from rsp_lab.analysis.trade.matrix import TradeMatrix
from rsp_lab.data.sample import Sample
from rsp_lab.figures import fonts
from rsp_lab.figures.catalogue import FIGURES, draw_figure
from rsp_lab.figures.drawing.sheet import Sheet, fill, shorten, text_width
from rsp_lab.figures.figure_input import FigureInput
from rsp_lab.figures.letters import MissingLettersWarning, collected_letters, missing_notice
from rsp_lab.figures.results.trade import draw_trade
from rsp_lab.figures.style import TEXT, plot_style, save
from rsp_lab.models.presets import tiny
from rsp_lab.models.segmenter import Segmenter
from tests.figures.conftest import HEADS
from tests.figures.results.test_trade import matrix

CAR, PERSON = "車", "人"


@pytest.fixture
def no_fallbacks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine with the font of matplotlib alone."""
    monkeypatch.setattr(fonts, "FALLBACKS", ())
    fonts._families.cache_clear()
    yield
    fonts._families.cache_clear()


def font_file(path: Path, family: str, *, outlines: str) -> Path:
    """A font with one letter, a square as high as a capital, drawn as TrueType (glyf) or PostScript (CFF) outlines."""
    glyphs = [".notdef", "car"]
    builder = FontBuilder(1000, isTTF=outlines == "glyf")
    builder.setupGlyphOrder(glyphs)
    builder.setupCharacterMap({ord(CAR): "car"})
    shapes = {}
    for name in glyphs:
        pen = TTGlyphPen(None) if outlines == "glyf" else T2CharStringPen(1000, None)
        if name == "car":
            pen.moveTo((100, 0))
            pen.lineTo((100, 700))
            pen.lineTo((900, 700))
            pen.lineTo((900, 0))
            pen.closePath()
        shapes[name] = pen.glyph() if outlines == "glyf" else pen.getCharString()
    if outlines == "glyf":
        builder.setupGlyf(shapes)
    else:
        builder.setupCFF("Test", {}, shapes, {})
    builder.setupHorizontalMetrics(dict.fromkeys(glyphs, (1000, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": family, "styleName": "Regular", "psName": "Test-Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)
    return path


@pytest.fixture(params=["glyf", "CFF"])
def installed(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A machine with one fallback, which has :data:`CAR` and no other letter; its name."""
    family = f"Letters of a test, {request.param}"
    path = font_file(tmp_path / "test.otf", family, outlines=request.param)
    monkeypatch.setattr(font_manager.fontManager, "ttflist", list(font_manager.fontManager.ttflist))
    monkeypatch.setattr(fonts, "FALLBACKS", (family,))
    font_manager.fontManager.addfont(path)
    fonts._families.cache_clear()
    yield family
    fonts._families.cache_clear()


def written(figure: Figure) -> str:
    return " ".join(text.get_text() for text in figure.findobj(Text))


def test_letters_of_the_first_font_stay(no_fallbacks: None) -> None:
    words = "Straße, ciel d’été, небо, Q′₇ − ±3 □■ × …"

    with collected_letters() as letters:
        assert fonts.legible(words) == words
    assert not letters


def test_letters_without_a_font_are_their_code_points_in_every_measure(no_fallbacks: None) -> None:
    with collected_letters() as letters:
        assert fonts.legible(f"{CAR} and {PERSON}\n\U0001f697") == "\\u8eca and \\u4eba\n\\U0001f697"
        assert shorten(CAR, 9.0) == "\\u8eca"
        assert fill(f"{CAR} {CAR}", text_width("\\u8eca") * 1.5) == "\\u8eca\n\\u8eca"
        assert text_width(CAR) == text_width("\\u8eca")
    assert letters == {CAR, PERSON, "\U0001f697"}


def test_the_message_names_the_letters_and_the_remedy() -> None:
    assert missing_notice({CAR, PERSON}) == (
        "no installed font has some letters of the names, so figures write 人 as \\u4eba, 車 as \\u8eca: install one "
        "that has them, e.g. Noto Sans CJK."
    )
    assert " and 8 more: install" in missing_notice(chr(0x4E00 + i) for i in range(20))


@pytest.fixture(scope="module")
def foreign(street: Callable[[int, int, int], Sample]) -> FigureInput:
    """Two models whose names and classes no Latin font has."""
    torch.manual_seed(1)
    classes = (CAR, PERSON, "天", "道")
    names = {"sum": f"{PERSON}a", "rsp2": f"{PERSON}b"}
    models = tuple(Segmenter(tiny(HEADS[kind], classes), name=name).eval() for kind, name in names.items())
    return FigureInput(models, street(3, 96, 128).image, f"{CAR}.png")


def test_every_figure_writes_code_points_and_warns_once(
    no_fallbacks: None, foreign: FigureInput, tmp_path: Path
) -> None:
    drawn = [name for name, kind in FIGURES.items() if kind.about != "scenes" and kind.refusal(foreign) is None]
    for name in drawn:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            figure, caption, _ = FIGURES[name].draw(foreign)
            save(figure, tmp_path / "figure.png", dpi=40)
        if name in ("dataflow", "gaze"):
            assert not caught, "no name is written in it"
            continue
        assert [warning.category for warning in caught] == [MissingLettersWarning], name
        assert "人 as \\u4eba" in str(caught[0].message)
        assert "\\u4ebab" in written(figure), name
        assert not re.search("[\u4e00-\u9fff]", written(figure)), name
        assert f"{PERSON}b" in caption, "captions are text, whose reader has fonts of its own"
    assert set(FIGURES) - set(drawn) == {"distance", "segments"}, "about scenes, or of panoptic models"


def test_rows_and_columns_of_the_trade_matrix_too(no_fallbacks: None, tmp_path: Path) -> None:
    result: TradeMatrix = matrix((CAR, PERSON, "sky"))
    with collected_letters() as letters, warnings.catch_warnings():
        warnings.simplefilter("error")
        save(draw_trade(result), tmp_path / "trade.png", dpi=40)
    assert letters == {CAR, PERSON}


def test_an_installed_font_draws_what_the_first_one_lacks(
    installed: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The letter's square is seen in PNG, and the files are written in every format without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with plot_style():
            sheet = Sheet(2.0)
            sheet.text(0.5, 0.1, CAR, size=40)
            sheet.text(9.0, 0.1, CAR, weight="bold")
            figure = sheet.finish(1.0)
        for ending in ("png", "pdf", "svg"):
            save(figure, tmp_path / f"letter.{ending}", dpi=100)
    assert not caplog.records, "that the font has no bold face is no news"
    assert fonts.font_families() == [fonts.FIRST, installed]
    assert text_width(CAR, TEXT) == pytest.approx(TEXT / 72, rel=0.05), "as wide as the font says"
    dark = np.asarray(Image.open(tmp_path / "letter.png").convert("L")) < 100
    rows, columns = np.nonzero(dark)
    high, wide = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert wide / high == pytest.approx(800 / 700, rel=0.05)
    assert dark.sum() == pytest.approx(high * wide, rel=0.02), "a filled square, not the frame of a missing letter"


def test_what_the_fallback_lacks_is_a_code_point(installed: str) -> None:
    with collected_letters() as letters:
        assert fonts.legible(CAR + PERSON) == CAR + "\\u4eba"
    assert letters == {PERSON}


def test_a_notebook_is_warned(no_fallbacks: None, foreign: FigureInput) -> None:
    with pytest.warns(MissingLettersWarning, match="Noto Sans CJK"):
        draw_figure(foreign.models[0], foreign.image, "structure")
