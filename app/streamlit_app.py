"""The workbench's entry point: ``make app``, or ``python -m app``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from app.app_pages.pages import FILM, GALLERY, KEPT, PAGES, RUNS, Draw
from app.shell import errors, frame, history, link, navigation, tour
from app.shell.heading import Heading
from app.shell.selection import Selection

HERE = Path(__file__).parent


def _about(draw: Draw, drawn: list[tuple[Selection, Heading]]) -> Callable[[], None]:
    """A page as Streamlit calls it, without arguments: the selection is there once the frame is drawn."""

    def page() -> None:
        # Streamlit keeps a page as long as the session: what it is about is not to stay with it.
        while drawn:
            draw(*drawn.pop())

    return page


def main() -> None:
    st.set_page_config(page_title="rsp_lab", page_icon=str(HERE / "icon.svg"), layout="wide")
    st.html(HERE / "layout.css")
    drawn: list[tuple[Selection, Heading]] = []
    pages = {path: st.Page(_about(draw, drawn), title=title, url_path=path) for title, path, draw in PAGES}
    title, own, draw = GALLERY
    first = st.Page(draw, title=title, url_path="", default=True)
    # The first page has no address but that of the workbench: its own name leads there.
    named = st.Page(draw, title=title, url_path=own, visibility="hidden")
    last = [st.Page(draw, title=title, url_path=path) for title, path, draw in (FILM, RUNS)]
    page = st.navigation([first, named, *pages.values(), *last], position="top")
    if page == named:
        st.switch_page(first, query_params=st.query_params.to_dict())
    navigation.register(pages)
    elsewhere = page == first and link.opens_view((*history.WIDGETS, *history.PARAMETERS))
    link.keep(page.url_path, history.WIDGETS, kept=KEPT.get(page.url_path, link.KEPT))
    if elsewhere:
        # A link without a page that says an image is about one decision.
        st.switch_page(pages["flow"], query_params=st.query_params.to_dict())
    tour.draw_tour(page.url_path)
    with errors.caught():
        if page in (first, *last):
            frame.keep_choices()
            page.run()
            return
        # The selectors stand outside the pages, so that every page shows the same choice.
        if (selected := frame.draw_frame()) is not None:
            drawn.append(selected)
            page.run()


main()
