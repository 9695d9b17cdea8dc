"""From one page to another with a pixel in hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app.shell import link

_KEY = "pages by address"
# A page of Streamlit's navigation.
Page = Any


def register(pages: Mapping[str, Page]) -> None:
    """The pages of the navigation, by address."""
    st.session_state[_KEY] = dict(pages)


def first_of(*paths: str) -> Page | None:
    """The first of some pages, by address, that the navigation has; None where a page is shown alone."""
    pages = st.session_state.get(_KEY, {})
    return next((pages[path] for path in paths if path in pages), None)


def jump(path: str, pixel: link.Pixel, **choices: str) -> None:
    """Selects a pixel and opens a page, with choices of that page's widgets by key."""
    link.set_pixel(pixel)
    for name, choice in choices.items():
        st.session_state[name] = choice
    page = st.session_state.get(_KEY, {}).get(path)
    if page is None:
        # The page is shown alone, without the navigation.
        st.rerun()
    # What widgets put into the link they put there again; Streamlit refuses it from anybody else.
    st.switch_page(page, query_params=link.kept_parameters())
