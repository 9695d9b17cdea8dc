"""The workbench's entry point: ``make app``, or ``python -m app``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from app.app_pages.pages import PAGES, RUNS
from app.shell import errors, frame, link, navigation
from app.shell.selection import Selection

HERE = Path(__file__).parent


def _about(draw: Callable[[Selection], None], selected: list[Selection]) -> Callable[[], None]:
    def page() -> None:
        draw(selected[0])

    return page


def main() -> None:
    st.set_page_config(page_title="rsp_lab", page_icon=str(HERE / "icon.svg"), layout="wide")
    st.html(HERE / "layout.css")
    selected: list[Selection] = []
    pages = [
        st.Page(_about(draw, selected), title=title, url_path=path, default=path == "flow")
        for title, path, draw in PAGES
    ]
    title, path, draw = RUNS
    about_runs = st.Page(draw, title=title, url_path=path)
    page = st.navigation([*pages, about_runs], position="top")
    navigation.know({path: target for (_, path, _), target in zip(PAGES, pages, strict=True)})
    link.keep_pixel(page.url_path)
    with errors.told():
        if page == about_runs:
            frame.keep_choices()
            page.run()
            return
        # The selectors stand outside the pages, so that every page shows the same choice.
        selection = frame.draw_frame()
        if selection is not None:
            selected.append(selection)
            page.run()


main()
