"""Obligations of every figure of the catalogue, for two models and for one, on every kind of head and odd sizes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
import torch

from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.data.labels import CAMVID
from rsp_lab.figures import style
from rsp_lab.figures.catalogue import FIGURES, PAPER, DrawnFigure, draw_figure, figure_kind, figure_names
from rsp_lab.figures.figure_input import FigureInput
from rsp_lab.models.presets import semantic_fpn, tiny, top_down
from rsp_lab.models.pyramid import PyramidConfig
from rsp_lab.models.segmenter import Segmenter, SegmenterConfig
from tests.kit.figures import check_words, shown_texts

CASES = [
    ("sum", "rsp4"),
    ("rsp4", "sum", 64, 64),
    ("rsp4", "rsp2", 40, 180),
    ("unnormalised", "rsp1", 180, 40),
    ("sum", "sum", 65, 97),
    ("rsp4",),
    ("sum", None, 64, 64),
    ("rsp2", None, 40, 180),
    ("unnormalised", None, 180, 40),
    ("average", None, 65, 97),
]
THINGS = ("furniture and equipment", "vegetation beside the road", "vehicles that stand", "people who walk")
RELATIONS = {"key_query", "relation_grids", "gaze"}
# Of a comparison or view: pictures of the whole image, in its proportions.
WHOLE = ("predictions", "context_flow", "key_query", "relation_grids", "gaze")
Case = tuple[FigureInput, Mapping[str, DrawnFigure]]

pytestmark = pytest.mark.usefixtures("unchecked_module", "one_thread")


@pytest.fixture(params=CASES, ids=lambda case: "-".join(map(str, case)))
def case(request: pytest.FixtureRequest, given, every) -> Case:
    return given(*request.param), every(*request.param)


def test_every_figure_is_drawn_but_those_that_cannot_exist(case: Case) -> None:
    given, figures = case
    missing: set[str] = {"distance", "segments"}
    if not any(grids for grids in given.view.grids):
        missing |= RELATIONS
    if len(given.models) == 1 or not (given.view.views[0].labels != given.view.views[1].labels).any():
        missing |= {"flips"}

    assert set(figures) == set(figure_names()) - missing


def test_words_of_a_page_are_legible_and_have_room(case: Case) -> None:
    _, figures = case
    for name, drawn in figures.items():
        check_words(drawn.figure, name=name)


@pytest.mark.parametrize("kinds", [("sum", "rsp4"), ("rsp4", "rsp2", 40, 180), ("unnormalised", None, 180, 40)])
def test_so_are_those_of_a_column_which_fits_on_a_page(kinds: tuple[object, ...], given) -> None:
    subject = given(*kinds)
    narrow = replace(subject, width=style.SINGLE, known=subject.view)
    for name, kind in FIGURES.items():
        if kind.column and kind.about != "scenes" and kind.refusal(narrow) is None:
            figure = kind.draw(narrow).figure
            check_words(figure, style.SINGLE, name=name)
            assert figure.get_size_inches()[1] < 10.5, name


@pytest.mark.parametrize("space", [" ", "_"])
def test_long_names_of_models_and_classes_have_room_too(space: str, given) -> None:
    classes = tuple(f"{what} of every kind, as table {n} says".replace(" ", space) for n, what in enumerate(THINGS))
    config = tiny(top_down(top=7, at=(76, 54), channels=64), classes)
    name = "my network with RSP, trained for 100 epochs, seed 3".replace(" ", space)
    torch.manual_seed(1)
    models = tuple(Segmenter(config, name=name).eval() for _ in range(2))
    subject = FigureInput(models, given("sum", "rsp4").image, "a street.png")
    for width in (style.DOUBLE, style.SINGLE):
        sized = replace(subject, width=width, known=subject.view)
        for figure, kind in FIGURES.items():
            if kind.about != "scenes" and (kind.column or width == style.DOUBLE) and kind.refusal(sized) is None:
                check_words(kind.draw(sized).figure, width, name=figure)


def test_pictures_have_the_photographs_proportions(case: Case) -> None:
    given, figures = case
    rows, columns = given.image_size
    for name in set(WHOLE) & set(figures):
        figure = figures[name].figure
        for axes in figure.axes:
            if not axes.images or axes.get_label().endswith(" grid"):
                continue
            box, (width, height) = axes.get_position(), figure.get_size_inches()
            assert box.width * width / (box.height * height) == pytest.approx(columns / rows), (name, axes.get_label())
            assert (axes.get_xlim(), axes.get_ylim()) == ((-0.5, columns - 0.5), (rows - 0.5, -0.5)), name


def test_captions_name_the_models_and_the_image(case: Case) -> None:
    given, figures = case
    related = [name for name, grids in zip(given.names, given.view.grids, strict=True) if grids]
    named = {"dataflow": given.names[-1:], "gaze": related[-1:], "key_query": related}
    for name, (_, caption, _) in figures.items():
        assert all(model in caption for model in named.get(name, given.names)), name
        if FIGURES[name].about == "image" and name != "dataflow":
            size = f"Image: a street.png, {given.image_size[1]} x {given.image_size[0]} pixels"
            assert size in caption, name
        assert caption.endswith("."), name


def test_captions_about_a_pixel_name_it_and_how_it_was_chosen(case: Case) -> None:
    given, figures = case
    (y, x) = given.view.pixel
    assert f"Ring: pixel y {y}, x {x}." in figures["decision_flow"].caption
    for name in ("predictions", "context_flow", "key_query", "relation_grids", "context_paths"):
        if name in figures:
            assert f"Ring: pixel y {y}, x {x} ({given.view.pixel_rule})." in figures[name].caption
            assert given.view.sentence() in figures[name].caption
    assert f"Ring: pixel y {y}, x {x}." in figures["ledger"].caption


def test_data_are_plain_and_name_each_model_once(case: Case) -> None:
    given, figures = case
    for name, (_, _, data) in figures.items():
        assert json.loads(json.dumps(data)), name
        if name in ("reach", "structure", "decision_flow", "context_paths", "ledger", "context_flow"):
            assert [one["model"] for one in data["models"]] == list(given.names), name


def test_one_model_alone_has_no_sides(every) -> None:
    for name, (figure, caption, _) in every("rsp4").items():
        labels = " ".join(axes.get_label() for axes in figure.axes).split()
        assert not {"left", "right"} & set(labels), name
        assert "(left)" not in caption, name
        assert "both" not in " ".join(text.get_text() for text in shown_texts(figure)), name


def test_the_default_pixel_of_one_model_is_the_centre(given: Callable[..., FigureInput]) -> None:
    view = given("rsp4").view

    assert (view.pixel, view.pixel_rule) == ((48, 64), "centre of the image")
    assert view.names == ("rsp4 model",)


def test_true_labels_are_drawn_and_said(given, every) -> None:
    subject = given("rsp4")
    labels = torch.zeros(subject.image_size, dtype=torch.long)
    labelled = FIGURES["predictions"].draw(replace(subject, labels=labels, known=subject.view))

    assert "truth" in [axes.get_label() for axes in labelled.figure.axes]
    assert "Truth: black where unlabelled." in labelled.caption
    assert "truth" not in [axes.get_label() for axes in every("rsp4")["predictions"].figure.axes]


def test_what_cannot_exist_says_why(given: Callable[..., FigureInput]) -> None:
    one, pair = given("sum", None, 64, 64), given("sum", "sum", 65, 97)
    for name in RELATIONS:
        with pytest.raises(ValueError, match=r"sum model does not have a relation.*RSP head"):
            FIGURES[name].draw(one)
        with pytest.raises(
            ValueError, match=r"neither sum model \(left\) nor sum model \(right\) has a relation.*RSP head"
        ):
            FIGURES[name].draw(pair)
    with pytest.raises(ValueError, match="give two models"):
        FIGURES["flips"].draw(one)
    with pytest.raises(ValueError, match="drawn scenes' classes"):
        FIGURES["distance"].draw(one)


def test_twins_have_no_flips(given: Callable[..., FigureInput]) -> None:
    subject = given("rsp4", None, 64, 64)
    twins = FigureInput(subject.models * 2, subject.image)

    assert FIGURES["flips"].refusal(twins) == (
        "there is no flip to draw: the models agree, or part only in regions of less than 30 pixels."
    )


def test_a_head_without_steps_has_a_structure_and_what_any_network_has(given: Callable[..., FigureInput]) -> None:
    config = SegmenterConfig(PyramidConfig("tiny", 64, top=5), semantic_fpn(), CAMVID.classes)
    subject = FigureInput((Segmenter(config).eval(),), given("sum", "rsp4").image)

    refused = {name: kind.refusal(subject) for name, kind in FIGURES.items() if kind.about != "scenes"}

    drawn = [name for name, reason in refused.items() if reason is None]
    assert drawn == ["structure", "predictions", "decision_flow", "ledger"]
    assert "no top-down steps to show" in str(refused["context_paths"])


def test_draw_figure_takes_one_model_or_two_and_the_papers_numbers(given: Callable[..., FigureInput]) -> None:
    subject = given("sum", "rsp4")
    target = PixelTarget(20, 30, "road", "pavement")

    one = draw_figure(subject.models[1], subject.image, "ledger", target, image_name="x.png")
    two = draw_figure(subject.models, subject.image, "fig5b", target)

    assert "Context ledger of rsp4 model: road over pavement at pixel (20, 30)" in one.caption
    assert "Image: x.png, 128 x 96 pixels" in one.caption
    assert "Decision flow of sum model (left) and rsp4 model (right): road over pavement" in two.caption


def test_unknown_names_and_numbers_of_models_are_refused(given: Callable[..., FigureInput]) -> None:
    subject = given("sum", "rsp4")
    with pytest.raises(ValueError, match=r"no figure 'pie_chart'; there are reach, .* fig5b\."):
        figure_kind("pie_chart")
    with pytest.raises(ValueError, match="got 0 models: give one, or a left and a right one"):
        draw_figure((), subject.image, "reach")
    with pytest.raises(ValueError, match="this needs a Segmenter"):
        draw_figure(torch.nn.Conv2d(3, 2, 1), subject.image, "reach")
    with pytest.raises(ValueError, match=r"outside the image"):
        draw_figure(subject.models[1], subject.image, "ledger", PixelTarget(96, 0))
    with pytest.raises(ValueError, match="channel 64 does not exist"):
        draw_figure(subject.models[1], subject.image, "context_flow", channel=64)


def test_the_papers_figures_come_first_in_its_order() -> None:
    assert list(PAPER) == ["fig1", "fig2", "fig3", "fig4", "fig5a", "fig5b"]
    assert figure_names()[: len(PAPER)] == tuple(PAPER.values())
    assert len({kind.title for kind in FIGURES.values()}) == len(FIGURES)


@pytest.mark.parametrize("width", [0, -1.0, float("nan"), "wide"])
@pytest.mark.usefixtures("unchecked")
def test_a_figure_has_a_width(width: object) -> None:
    with pytest.raises(ValueError, match=r"width must be a positive number of inches, got .*: 7\.16 is the default"):
        draw_figure((), torch.zeros(3, 8, 8), "ledger", width=width)  # type: ignore[arg-type]


def test_an_image_of_one_pixel_has_a_reach(given) -> None:
    subject = FigureInput(given("rsp4").models, torch.full((3, 1, 1), 90, dtype=torch.uint8))
    drawn = FIGURES["reach"].draw(subject)

    assert drawn.data["models"][0]["pixel"] == [0, 0]
    check_words(drawn.figure, name="reach")
