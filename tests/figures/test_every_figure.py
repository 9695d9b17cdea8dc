"""Obligations of every figure, on every kind of comparison and odd sizes."""

from __future__ import annotations

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from rsp_lab.analysis.comparison.compare import Comparison
from rsp_lab.figures import style
from rsp_lab.figures.caption import NAMES, caption

CASES = [
    ("sum", "rsp4"),
    ("rsp4", "sum", 64, 64),
    ("rsp4", "rsp2", 40, 180),
    ("unnormalised", "rsp1", 180, 40),
    ("average", "rsp2"),
    ("sum", "sum", 65, 97),
]


@pytest.fixture(params=CASES, ids=lambda case: "-".join(map(str, case)))
def case(request: pytest.FixtureRequest, compared, drawn) -> tuple[Comparison, dict[str, Figure]]:
    return compared(*request.param), drawn(*request.param)


def shown_texts(figure: Figure) -> list[Text]:
    return [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]


def test_only_models_with_relations_have_the_figures_of_relations(case) -> None:
    comparison, figures = case
    expected = set(NAMES) if any(comparison.grids) else {"predictions", "context_flow"}

    assert set(figures) == expected


def test_words_are_legible_and_on_the_sheet(case) -> None:
    _, figures = case
    for name, figure in figures.items():
        renderer = FigureCanvasAgg(figure).get_renderer()
        width, height = (inches * figure.dpi for inches in figure.get_size_inches())
        assert figure.get_size_inches()[0] == style.DOUBLE
        with style.plot_style():
            for text in shown_texts(figure):
                box = text.get_window_extent(renderer)
                assert text.get_fontsize() >= 6, (name, text)
                assert -1 < box.x0 < box.x1 < width + 1, (name, text)
                assert -1 < box.y0 < box.y1 < height + 1, (name, text)


def test_words_do_not_lie_on_one_another(case) -> None:
    _, figures = case
    for name, figure in figures.items():
        renderer = FigureCanvasAgg(figure).get_renderer()
        with style.plot_style():
            boxes = [(text, text.get_window_extent(renderer).padded(-1)) for text in figure.texts]
        for index, (text, box) in enumerate(boxes):
            for other, other_box in boxes[index + 1 :]:
                assert not box.overlaps(other_box), (name, text, other)


def test_pictures_have_the_photographs_proportions(case) -> None:
    comparison, figures = case
    rows, columns = comparison.image_size
    for name, figure in figures.items():
        for axes in figure.axes:
            if not axes.images or axes.get_label().endswith(" grid"):
                continue
            box, (width, height) = axes.get_position(), figure.get_size_inches()
            assert box.width * width / (box.height * height) == pytest.approx(columns / rows), (name, axes.get_label())
            assert (axes.get_xlim(), axes.get_ylim()) == ((-0.5, columns - 0.5), (rows - 0.5, -0.5)), name


def test_captions_name_models_size_pixel_and_rule(case) -> None:
    comparison, figures = case
    for name in figures:
        words = caption(comparison, name)
        assert f"{comparison.image_size[1]} x {comparison.image_size[0]} pixels" in words
        assert f"pixel y {comparison.pixel[0]}, x {comparison.pixel[1]} ({comparison.pixel_rule})" in words
        assert comparison.left.name in words
        assert comparison.right.name in words


def test_captions_of_figures_that_do_not_exist_say_so(compared) -> None:
    with pytest.raises(ValueError, match="expected one of predictions, context_flow"):
        caption(compared("sum", "rsp4"), "pie_chart")
    for name in ("key_query", "relation_grids"):
        with pytest.raises(ValueError, match=r"neither sum model nor sum model has a relation.*RSP head"):
            caption(compared("sum", "sum", 65, 97), name)
