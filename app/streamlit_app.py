"""The workbench's entry point: ``make app``, or ``python -m app``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from app import faults, frame, jump, state
from app.app_pages import attribution, figures, flips, flow, key_query, ledger, relations, runs, surgery
from app.selection import Selection

HERE = Path(__file__).parent
# Title, address and drawing of every page about the one selection.
PAGES: tuple[tuple[str, str, Callable[[Selection], None]], ...] = (
    ("Context flow", "flow", flow.draw),
    ("Relations", "relations", relations.draw),
    ("Key and query", "key-query", key_query.draw),
    ("Ledger", "ledger", ledger.draw),
    ("Flips", "flips", flips.draw),
    ("Surgery", "surgery", surgery.draw),
    ("Attribution", "attribution", attribution.draw),
    ("Figures", "figures", figures.draw),
)


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
    about_runs = st.Page(runs.draw, title="Runs", url_path="runs")
    page = st.navigation([*pages, about_runs], position="top")
    jump.know({path: target for (_, path, _), target in zip(PAGES, pages, strict=True)})
    state.keep_pixel(page.url_path)
    with faults.told():
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
