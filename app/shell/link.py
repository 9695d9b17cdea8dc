"""A view is a link: what is selected stands in the address, and what an address says is checked before it is used."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import streamlit as st
from streamlit.errors import StreamlitAPIException

Pixel = tuple[int, int]
BY_RULE = "by rule"
PIXEL, UPLOAD, PAINT, NOTE = KEPT = ("pixel", "upload", "paint", "note")
"""Parameters that no widget holds, which go along from page to page."""
SCAN, CARD = "scan", "card"
"""Which card of which scan a decision is; see :mod:`app.shell.cards`."""
_PAGE = "page shown"

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
    pixel, problem = parsed_pixel(st.query_params.get(PIXEL), size)
    if problem is not None:
        forget(PIXEL)
    remember(PIXEL)
    return pixel, problem


def keep(page: str, selectors: Sequence[str] = (), *, kept: Sequence[str] = KEPT) -> None:
    """To be called first of all: Streamlit's navigation takes what no widget holds out of the address.

    Only a change of the page brings it back, so that the browser's way back to a view without it stays open. A link to
    another page that has one of ``selectors``, or says which card it is, is the whole selection: what it leaves out has
    its default, whatever was chosen before.

    Args:
        page: address of the page that is shown.
        selectors: keys of the widgets that make the selection.
        kept: of the page, where it is about another thing than the selection.
    """
    if st.session_state.get(_PAGE, page) != page:
        if kept == KEPT and any(name in st.query_params for name in (*selectors, CARD)):
            for name in selectors:
                st.session_state.pop(name, None)
        for name in kept:
            value = remembered(name)
            if value is not None and name not in st.query_params:
                st.query_params[name] = value
    st.session_state[_PAGE] = page


def opens_view(parameters: Iterable[str]) -> bool:
    """Whether a new reader comes with one of these parameters; to be called before :func:`keep`."""
    return _PAGE not in st.session_state and any(name in st.query_params for name in parameters)


def remember(name: str) -> None:
    """One of :data:`KEPT` as the address has it now is what the next page gets."""
    st.session_state[f"{name} kept"] = st.query_params.get(name)


def remembered(name: str) -> str | None:
    value = st.session_state.get(f"{name} kept")
    return None if value is None else str(value)


def recall(name: str, value: str | None) -> None:
    """A parameter as it was before is what the next page gets, and the address where it has one."""
    st.session_state[f"{name} kept"] = value
    if value is None:
        forget(name)
    elif name in st.query_params:
        st.query_params[name] = value


def kept_parameters() -> dict[str, str]:
    """All of :data:`KEPT` that the address has."""
    return {name: st.query_params[name] for name in KEPT if name in st.query_params}


def forget(name: str) -> None:
    """Takes a parameter out of the address, unless a widget holds it already."""
    try:
        st.query_params.pop(name, None)
    except StreamlitAPIException:
        # The widget is there, so what it holds is checked, and it takes the parameter out by itself.
        return


def set_pixel(pixel: Pixel) -> None:
    st.query_params[PIXEL] = f"{pixel[0]},{pixel[1]}"


def set_clicked(pick: object) -> None:
    """The pixel that a component of the page sends becomes the selected one; its size is checked when it is read."""
    y, x = (pick.get("y"), pick.get("x")) if isinstance(pick, Mapping) else (None, None)
    # What comes from a browser is checked like what comes from a link.
    if isinstance(y, int) and isinstance(x, int) and y >= 0 and x >= 0:
        set_pixel((y, x))


def forget_pixel() -> None:
    forget(PIXEL)


def set_typed_pixel() -> None:
    """Callback of the two number fields."""
    set_pixel((int(st.session_state["typed_y"]), int(st.session_state["typed_x"])))


def stale_choices(options: Mapping[str, tuple[str, ...]]) -> list[str]:
    """What a link asks for and this workbench does not have, by parameter; to be called before the widgets are drawn.

    Streamlit falls back to the default on its own, without a word.
    """
    problems = []
    for name, choices in options.items():
        value = st.query_params.get(name)
        if value is not None and choices and value not in choices:
            some = ", ".join(choices[:6]) + (", ..." if len(choices) > 6 else "")
            problems.append(f"The link asks for {name} {value[:60]!r}, which is not here. Choose one of: {some}.")
    return problems


def channel_options(channels: int) -> tuple[str, ...]:
    """The rule, or one of the channels."""
    return (BY_RULE, *map(str, range(channels)))


def chosen_channel(channels: int) -> int | None:
    """The channel that the page's selector holds already; None is the rule."""
    choice = st.session_state.get("channel", st.query_params.get("channel", BY_RULE))
    return int(choice) if choice in channel_options(channels)[1:] else None
