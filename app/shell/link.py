"""A view is a link: what is selected stands in the address, and what an address says is checked before it is used."""

from __future__ import annotations

import re
from collections.abc import Mapping

import streamlit as st

Pixel = tuple[int, int]
BY_RULE = "by rule"
_KEPT, _PAGE = "pixel kept", "page shown"

_PIXEL = re.compile(r"([0-9]{1,5}),([0-9]{1,5})")


def parsed_pixel(text: str | None, size: tuple[int, int]) -> tuple[Pixel | None, str | None]:
    """A link's pixel ``"y,x"``, or what is wrong with it."""
    if text is None:
        return None, None
    match = _PIXEL.fullmatch(text)
    if match is None:
        return None, f"The link's pixel {text[:40]!r} is not of the form y,x. Shown instead: the default pixel."
    pixel = int(match[1]), int(match[2])
    if not (pixel[0] < size[0] and pixel[1] < size[1]):
        return None, (
            f"The link's pixel y {pixel[0]}, x {pixel[1]} lies outside this image of {size[0]} x {size[1]} pixels "
            "(rows x columns). Shown instead: the default pixel."
        )
    return pixel, None


def pixel_in_link(size: tuple[int, int]) -> tuple[Pixel | None, str | None]:
    """The selected pixel; a wrong one is taken out of the address, so that it is reported once."""
    pixel, problem = parsed_pixel(st.query_params.get("pixel"), size)
    if problem is not None:
        forget_pixel()
    st.session_state[_KEPT] = st.query_params.get("pixel")
    return pixel, problem


def keep_pixel(page: str) -> None:
    """To be called first of all: Streamlit's navigation takes the pixel out of the address.

    Only a change of the page brings it back, so that the browser's way back to a view without a pixel stays open.
    """
    kept = st.session_state.get(_KEPT)
    if st.session_state.get(_PAGE, page) != page and kept is not None and "pixel" not in st.query_params:
        st.query_params["pixel"] = kept
    st.session_state[_PAGE] = page


def set_pixel(pixel: Pixel) -> None:
    st.query_params["pixel"] = f"{pixel[0]},{pixel[1]}"


def forget_pixel() -> None:
    st.query_params.pop("pixel", None)


def set_typed_pixel() -> None:
    """Callback of the two number fields."""
    set_pixel((int(st.session_state["typed_y"]), int(st.session_state["typed_x"])))


def stale_choices(options: Mapping[str, tuple[str, ...]]) -> list[str]:
    """What a link asks for and this workbench does not have, by parameter; to be called before the widgets are drawn.

    Streamlit falls back to the default on its own, without a word.
    """
    problems = []
    for name, known in options.items():
        asked = st.query_params.get(name)
        if asked is not None and known and asked not in known:
            some = ", ".join(known[:6]) + (", ..." if len(known) > 6 else "")
            problems.append(f"The link asks for {name} {asked[:60]!r}, which is not here. Choose one of: {some}.")
    return problems


def channel_options(channels: int) -> tuple[str, ...]:
    """The rule, or one of the channels."""
    return (BY_RULE, *map(str, range(channels)))


def chosen_channel(channels: int) -> int | None:
    """The channel that the page's selector holds already; None is the rule."""
    asked = st.session_state.get("channel", st.query_params.get("channel", BY_RULE))
    return int(asked) if asked in channel_options(channels)[1:] else None
