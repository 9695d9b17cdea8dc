"""A page's own choices: each stands in the link, and what a link or an earlier choice asks for in vain is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.shell import link
from app.shell.selection import Selection
from app.shell.text import plain


def settle(selection: Selection, key: str, options: Sequence[str], shown: Sequence[str] = ()) -> None:
    """Before a widget is drawn: says what a link asks for in vain, and drops a choice that is no option any more.

    ``shown`` are the options in words, where a widget has them: the words are what stands in a link.
    """
    if st.query_params.get(key):
        for stale in link.stale_choices({key: tuple(shown or options)}):
            selection.notices.warning(plain(stale))
    held = st.session_state.get(key)
    if isinstance(held, list):
        if not set(held) <= set(options):
            st.session_state[key] = [choice for choice in held if choice in options]
    elif held is not None and held not in options:
        del st.session_state[key]


def choose(
    selection: Selection,
    place: DeltaGenerator,
    label: str,
    key: str,
    options: Sequence[str],
    *,
    default: str | None = None,
    help: str | None = None,
) -> str:
    """One of few options, all in sight; the first is the default where ``default`` is no option."""
    settle(selection, key, options)
    standard = default if default is not None and default in options else options[0]
    chosen = place.segmented_control(
        label,
        options,
        format_func=plain,
        default=standard,
        required=True,
        key=key,
        bind="query-params",
        help=help,
    )
    return chosen or standard


def select(
    selection: Selection,
    place: DeltaGenerator,
    label: str,
    key: str,
    options: Sequence[str],
    *,
    words: Mapping[str, str] | None = None,
    help: str | None = None,
) -> str:
    """One of many options, out of a list, shown in ``words`` if there are any; the first is the default."""
    said = words or {}
    settle(selection, key, options, [said.get(name, name) for name in options])
    chosen = place.selectbox(
        label, options, format_func=lambda name: said.get(name, name), key=key, bind="query-params", help=help
    )
    return chosen or options[0]
