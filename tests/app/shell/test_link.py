"""Parts of the workbench that need no page."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.app_pages.flow.details import _bound
from app.shell import link
from app.shell.link import parsed_pixel

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("text", ["", "1", "1,2,3", "-1,2", "1.5,2", "a,b", "٣,4", "1,2 ", "999999,1"])
def test_a_pixel_that_is_no_pair_of_numbers_is_refused(text: str) -> None:
    pixel, problem = parsed_pixel(text, (10, 10))

    assert pixel is None
    assert problem is not None
    assert "y,x" in problem


def test_a_pixel_is_checked_against_the_image() -> None:
    assert parsed_pixel("9,4", (10, 5)) == ((9, 4), None)
    assert parsed_pixel(None, (10, 5)) == (None, None)
    assert "outside this image of 10 x 5" in str(parsed_pixel("4,9", (10, 5))[1])


def test_a_click_is_checked_before_it_selects_a_pixel(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[tuple[int, int]] = []
    monkeypatch.setattr(link, "set_pixel", chosen.append)

    for pick in ({"y": 12, "x": 34}, {"y": -1, "x": 3}, {"y": "1", "x": 2}, {"y": 1.5, "x": 2}, {"x": 2}, [], None, 7):
        link.set_clicked(pick)

    assert chosen == [(12, 34)]


@pytest.mark.parametrize(("value", "text"), [(0.0, "0"), (4.2e-7, "5e-7"), (9.5e-7, "1e-6"), (1e-6, "1e-6")])
def test_a_bound_is_rounded_up(value: float, text: str) -> None:
    assert _bound(value) == text


def test_the_server_stays_on_this_machine_and_limits_uploads() -> None:
    options = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())

    assert options["server"]["address"] == "localhost"
    assert options["server"]["enableXsrfProtection"] is True
    assert options["server"]["maxUploadSize"] <= 20
    assert options["browser"]["gatherUsageStats"] is False
    assert options["client"]["showErrorDetails"] == "none"


def test_the_entry_point_fetches_nothing() -> None:
    text = (ROOT / "app" / "streamlit_app.py").read_text()

    assert not re.search(r"https?://|:material/", text)


def _pages() -> None:
    import streamlit as st

    from app.shell import link

    link.keep(st.session_state["page asked for"])
    st.text(str(link.pixel_in_link((100, 200))[0]))


def test_another_page_keeps_the_pixel_and_the_same_page_without_one_forgets_it() -> None:
    page = AppTest.from_function(_pages)

    def shown(name: str, pixel: str | None) -> str:
        page.session_state["page asked for"] = name
        page.query_params.clear()
        if pixel is not None:
            page.query_params["pixel"] = pixel
        page.run()
        assert not page.exception
        return str(page.text[0].value)

    assert shown("flow", "12,34") == "(12, 34)"
    assert shown("ledger", None) == "(12, 34)"
    assert shown("ledger", None) == "None"
    assert shown("flow", None) == "None"
    assert shown("ledger", "1,2") == "(1, 2)"
    assert shown("flow", "3,4") == "(3, 4)"


def _selectors() -> None:
    import streamlit as st

    from app.shell import link

    st.session_state["new"] = link.opens_view(("case", "pixel"))
    page = st.session_state["page asked for"]
    link.keep(page, ("case", "scene"), kept=("kind",) if page == "gallery" else link.KEPT)
    st.text(f"{st.session_state.get('case')} {st.session_state.get('scene')} {st.query_params.get('pixel')}")


def test_a_link_to_another_page_is_the_whole_selection() -> None:
    page = AppTest.from_function(_selectors)

    def shown(name: str, **link: str) -> str:
        page.session_state["page asked for"] = name
        page.query_params.clear()
        for key, value in link.items():
            page.query_params[key] = value
        page.run()
        assert not page.exception
        return str(page.text[0].value)

    shown("gallery")
    page.session_state["case"], page.session_state["scene"] = "car-bus", 4
    # By the navigation, without a word about the selection, it stays.
    assert shown("flow") == "car-bus 4 None"
    assert shown("flow", scene="5") == "car-bus 4 None"
    assert shown("gallery") == "car-bus 4 None"
    assert shown("flow", card="3") == "None None None"


def test_a_page_that_is_about_no_selection_has_none_in_its_address() -> None:
    page = AppTest.from_function(_selectors)
    page.session_state["page asked for"], page.session_state["pixel kept"] = "flow", "1,2"
    page.run()
    page.session_state["page asked for"] = "gallery"
    page.run()
    assert page.text[0].value == "None None None"
    page.session_state["page asked for"] = "flow"
    page.run()
    assert page.text[0].value == "None None 1,2"


def test_only_a_new_reader_is_led_to_a_view() -> None:
    page = AppTest.from_function(_selectors)
    page.session_state["page asked for"] = "gallery"
    page.query_params["pixel"] = "1,2"
    page.run()
    assert page.session_state["new"] is True
    page.run()
    assert page.session_state["new"] is False
