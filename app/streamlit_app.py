"""The workbench's entry point: ``make app``, or ``python -m app``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from app.app_pages.pages import PAGES, RUNS, Draw
from app.shell import errors, frame, link, navigation
from app.shell.heading import Heading
from app.shell.selection import Selection

HERE = Path(__file__).parent


def _about(draw: Draw, drawn: list[tuple[Selection, Heading]]) -> Callable[[], None]:
    """A page as Streamlit calls it, without arguments: the selection is there once the frame is drawn."""

    def page() -> None:
        for selection, heading in drawn:
            draw(selection, heading)

    return page


def main() -> None:
    st.set_page_config(page_title="rsp_lab", page_icon=str(HERE / "icon.svg"), layout="wide")
    st.html(HERE / "layout.css")
    drawn: list[tuple[Selection, Heading]] = []
    pages = [
        st.Page(_about(draw, drawn), title=title, url_path=path, default=path == "flow") for title, path, draw in PAGES
    ]
    title, path, draw = RUNS
    about_runs = st.Page(draw, title=title, url_path=path)
    page = st.navigation([*pages, about_runs], position="top")
    navigation.register({path: target for (_, path, _), target in zip(PAGES, pages, strict=True)})
    link.keep(page.url_path)
    with errors.caught():
        if page == about_runs:
            frame.keep_choices()
            page.run()
            return
        # The selectors stand outside the pages, so that every page shows the same choice.
        if (selected := frame.draw_frame()) is not None:
            drawn.append(selected)
            page.run()


main()
