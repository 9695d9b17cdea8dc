"""The page of films: every state's own flow, words and cursor, on axes that stand still."""

from __future__ import annotations

import base64
import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.app_pages.film.charts import ends, panel_chart
from app.app_pages.film.look import look_html, look_words
from app.charts.on_image import picture_uri
from app.shell.text import as_read
from rsp_lab.analysis.film.curves import film_panels
from rsp_lab.analysis.film.film_file import read_film, shipped_films, write_film
from tests.kit.films import film, kept_run
from tests.kit.pages import run
from tests.kit.runs import write_run


def _script() -> None:
    from app.app_pages.film import page as film

    film.draw()


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv("RSP_LAB_FILMS", str(tmp_path / "films"))
    monkeypatch.setenv("RSP_LAB_RUNS", str(tmp_path / "runs"))
    write_film(_folder(tmp_path / "films") / "mine.json", film())
    return AppTest.from_function(_script, default_timeout=1500)


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def flow(page: AppTest) -> dict:
    components = page.get("bidi_component")
    (shown,) = [one for one in components if one.proto.component_name == "rsp_lab.decision_flow"]
    return dict(json.loads(shown.proto.json)["picture"])


def ground(page: AppTest) -> str:
    """The photograph under where the steps look."""
    html = next(one.proto.body for one in page.get("html") if "rsp-film-look" in one.proto.body)
    (source,) = re.findall(r"base64,([^\"]+)", html)
    return re.findall(r'href="([^"]+)"', base64.b64decode(source).decode())[0]


def words(page: AppTest) -> str:
    return next(as_read(one.proto.body) for one in page.get("html") if "rsp-line" in one.proto.body)


def test_it_opens_on_the_last_state_of_the_shipped_film_and_the_slider_changes_all(page: AppTest) -> None:
    (path,) = shipped_films().values()
    shipped = read_film(path)
    assert shipped.sentence() in run(page)
    last = flow(page)
    assert last["sides"][0]["total"] == shipped.states[-1].margin
    assert shipped.at(len(shipped.states) - 1) in words(page)

    page.select_slider(key="film_updates").set_value(0).run()

    first = flow(page)
    assert not page.exception
    assert first["sides"][0]["total"] == shipped.states[0].margin
    assert first["frame"] == last["frame"]
    assert shipped.at(0) in words(page)
    assert page.query_params["film_updates"] == str(shipped.updates[0])


def test_a_link_names_film_and_state(page: AppTest) -> None:
    made = film()
    assert made.sentence() in run(page, film="films: mine", film_updates="2")
    assert made.at(0) in words(page)
    assert not page.warning


def test_a_film_that_takes_the_place_of_another_shows_its_own_picture(page: AppTest, tmp_path: Path) -> None:
    made = film()
    other = 255 - made.image
    run(page, film="films: mine")
    before = flow(page)["image"]
    assert ground(page) == picture_uri(made.image.permute(1, 2, 0).numpy(), "JPEG")

    write_film(tmp_path / "films" / "mine.json", replace(made, image=other))
    run(page)

    assert flow(page)["image"] != before
    assert ground(page) == picture_uri(other.permute(1, 2, 0).numpy(), "JPEG")


def test_a_link_to_what_is_not_there_shows_the_first(page: AppTest) -> None:
    run(page, film="none", film_updates="x")

    assert ["There is no film 'none' (any more)" in as_read(one.value) for one in page.warning] == [True]
    assert flow(page)["sides"][0]["name"] == "scenes-rsp4"


def test_the_command_for_a_film_of_a_run_is_one_for_a_shell(page: AppTest, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "my run; $1"
    kept_run(folder)
    write_run(tmp_path / "other", "one")
    for name in ("log.jsonl", "config.json"):
        (folder / name).write_bytes((tmp_path / "other" / "one" / name).read_bytes())

    run(page)

    (command,) = [one.value for one in page.code]
    assert shlex.split(command) == ["rsp-lab", "film", str(folder), "-o", str(folder / "film")]


def test_where_it_looks_is_drawn_at_its_place() -> None:
    made = film()
    html = look_html(made, 1)
    (source,) = re.findall(r"base64,([^\"]+)", html)
    drawing = base64.b64decode(source).decode()

    for one in made.states[1].gaze:
        y, x = one.centre
        assert f'cx="{x + 0.5:.2f}" cy="{y + 0.5:.2f}" r="{one.spread:.2f}"' in drawing
    assert look_words(made, 1) in as_read(html)


def test_levels_and_steps_are_named_and_the_axis_says_what_it_is(page: AppTest) -> None:
    run(page)
    captions = [as_read(one.value) for one in page.caption]
    assert "Dot: the mean of where a step looks. Circle: how far its weights spread. Ring: the pixel." in captions
    made = film()
    names = {curve.name for panel in film_panels(made) for curve in panel.curves}
    assert {"level 7", "level 2", "step 76", "margin"} <= names
    for panel in film_panels(made):
        assert panel_chart(made, panel, 0).figure().layout.xaxis.title.text == "updates, logarithmic axis"


def test_axes_hold_every_value() -> None:
    for panel in film_panels(film()):
        low, high = ends(panel)
        assert all(low < value < high for curve in panel.curves for value in curve.values)
