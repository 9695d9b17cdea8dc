"""Scans that are made on request: what they are of, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app.app_pages.gallery import making
from app.app_pages.gallery.making import Request, made
from app.shell.heading import draw_places
from app.shell.sources import Source
from app.store.scans import made_scans, scans
from rsp_lab.files import digest
from rsp_lab.models.weights import shipped

TINY = ("camvid-baseline-tiny", "camvid-rsp4-tiny")


def test_a_scan_of_a_folder_is_kept(small_camvid: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMVID_ROOT", str(small_camvid))

    name = made(draw_places(st.container()), Request(Source.CAMVID, *TINY, 1))
    found = scans()[name]

    assert (found.names, found.data, found.split, found.images) == (TINY, "camvid", "val", 1)
    assert found.digests == tuple(digest(shipped()[name]) for name in TINY)


def test_models_that_do_not_fit_are_refused(small_camvid: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMVID_ROOT", str(small_camvid))
    with pytest.raises(ValueError, match="trained on the same classes"):
        made(draw_places(st.container()), Request(Source.CAMVID, TINY[0], "scenes-rsp4-tiny", 1))
    with pytest.raises(ValueError, match="know other classes than camvid has"):
        made(draw_places(st.container()), Request(Source.CAMVID, "scenes-baseline-tiny", "scenes-rsp4-tiny", 1))
    monkeypatch.delenv("CAMVID_ROOT")
    with pytest.raises(ValueError, match="CAMVID_ROOT is not set"):
        made(draw_places(st.container()), Request(Source.CAMVID, *TINY, 1))


def _script() -> None:
    import streamlit as st

    from app.app_pages.gallery.making import draw_making
    from app.shell.heading import draw_places

    draw_making(draw_places(st.container()))


def test_the_button_makes_it_and_a_refusal_is_said(small_camvid: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMVID_ROOT", str(small_camvid))
    page = AppTest.from_function(_script, default_timeout=600).run()
    page.selectbox(key="gallery_make_source").set_value(Source.CAMVID).run()
    page.selectbox(key="gallery_make_left").set_value(TINY[0])
    page.selectbox(key="gallery_make_right").set_value(TINY[1]).run()

    page.button(key="gallery-make-go").click().run()

    assert not page.exception
    name = page.session_state[making.SHOW]
    assert made_scans().all()[name].names == TINY
    page.selectbox(key="gallery_make_right").set_value("scenes-rsp4-tiny").run()
    page.button(key="gallery-make-go").click().run()
    assert "trained on the same classes" in page.error[0].value
