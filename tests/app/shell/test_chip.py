"""The line above every page: what it says of a scene, of a photograph and of no image at all."""

from __future__ import annotations

import pytest
import torch
from streamlit.testing.v1 import AppTest

from app.shell import chip
from app.shell.sources import Source
from app.shell.text import as_read
from app.store.models import Photograph, cached_pair
from rsp_lab.data.sample import Sample
from rsp_lab.data.scenes.dataset import FIRST_SEED, SMALL, scene_words


def test_a_scene_is_called_by_its_number_case_and_reading() -> None:
    first, second = cached_pair("person-rider", FIRST_SEED["test"] + 7, None)

    assert chip.image_words(first) == "scene 7 of person-rider, reading person"
    assert chip.image_words(second) == "scene 7 of person-rider, reading rider"
    assert scene_words(FIRST_SEED["val"], "car-bus", "bus") == "scene with seed 1000000 of car-bus, reading bus"


def test_a_scene_of_another_size_says_its_size() -> None:
    small, _ = cached_pair("person-rider", FIRST_SEED["test"] + 7, None, SMALL)

    assert chip.image_words(small) == "scene 7 of person-rider, reading person, 128 x 256 px"


def test_a_photograph_is_called_by_its_name() -> None:
    image = torch.zeros(3, 64, 64, dtype=torch.uint8)

    assert chip.image_words(Photograph(Sample("street <7>", image, None))) == "street <7>"


def test_names_in_the_line_are_text() -> None:
    line = chip.without_image(Source.UPLOAD, ("<b>left</b>", "right"))

    assert "<b>" not in line
    assert "<b>left</b>" in as_read(line)
    assert "Your image: none yet" in as_read(line)


def _script() -> None:
    from app.shell import frame

    frame.draw_frame()


@pytest.fixture(scope="module")
def page() -> AppTest:
    page = AppTest.from_function(_script, default_timeout=1500)
    page.query_params["pixel"] = "40,50"
    page.query_params["class"] = "car"
    page.query_params["rival"] = "road"
    page.run()
    assert not page.exception
    return page


def said(page: AppTest) -> str:
    return as_read(next(e.proto.body for e in page.get("html") if "rsp-summary" in e.proto.body))


def test_image_models_and_question_stand_in_one_line(page: AppTest) -> None:
    line = said(page)

    assert "scene 0 of person-rider, reading person" in line
    assert line.index("scenes-baseline") < line.index("scenes-rsp4")
    assert "car over road at y 40, x 50" in line


def test_the_last_change_is_undone_and_the_first_view_is_where_it_ends(page: AppTest) -> None:
    first = said(page)
    page.selectbox(key="class").select("bus").run()
    page.number_input(key="typed_x").set_value(60).run()
    page.number_input(key="scene").set_value(3).run()
    assert "scene 3 of person-rider" in said(page)

    page.button(key="undo").click().run()
    assert "scene 0 of person-rider" in said(page)
    assert "bus over road at y 40, x 60" in said(page)
    page.button(key="undo").click().run()
    assert "bus over road at y 40, x 50" in said(page)
    page.button(key="undo").click().run()

    assert said(page) == first
    assert page.query_params["pixel"] in ("40,50", ["40,50"])
    page.run()
    assert page.button(key="undo").disabled
