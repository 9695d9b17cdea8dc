"""From one page to another with a pixel in hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app.state import Pixel, set_pixel

_KEY = "pages by address"
# A page of Streamlit's navigation.
Page = Any


def know(pages: Mapping[str, Page]) -> None:
    """The pages of the navigation, by address."""
    st.session_state[_KEY] = dict(pages)


def jump(path: str, pixel: Pixel, **choices: str) -> None:
    """Selects a pixel and opens a page, with choices of that page as its link would have them."""
    set_pixel(pixel)
    page = st.session_state.get(_KEY, {}).get(path)
    if page is None:
        # The page is shown alone, without the navigation.
        st.rerun()
    st.switch_page(page, query_params={**st.query_params.to_dict(), **choices})
