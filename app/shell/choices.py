"""A page's own choices: each stands in the link, and what a link or an earlier choice asks for in vain is said."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.shell import link
from app.shell.heading import Heading
from app.shell.text import escape

Option = TypeVar("Option", bound=str)
Number = TypeVar("Number", int, float)


def control_columns(widths: Sequence[float]) -> list[DeltaGenerator]:
    """Places of a page's controls, above its first picture: one row, which a narrow window shows by moving it aside."""
    return st.container(key="controls").columns(widths, vertical_alignment="bottom")


def settle(heading: Heading, key: str, options: Sequence[str], shown: Sequence[str] = ()) -> None:
    """Before a widget is drawn: says what a link asks for in vain, and drops a choice that is no option any more.

    ``shown`` are the options in words, where a widget has them: the words are what stands in a link.
    """
    if st.query_params.get(key):
        for problem in link.stale_choices({key: tuple(shown or options)}):
            heading.warn(problem)
    chosen = st.session_state.get(key)
    if isinstance(chosen, list):
        if not set(chosen) <= set(options):
            st.session_state[key] = [choice for choice in chosen if choice in options]
    elif chosen is not None and chosen not in options:
        del st.session_state[key]


def choose(
    heading: Heading,
    place: DeltaGenerator,
    label: str,
    key: str,
    options: Sequence[Option],
    *,
    default: Option | None = None,
    help: str | None = None,
) -> Option:
    """One of few options, all in sight; the first is the default where ``default`` is no option."""
    settle(heading, key, options)
    standard = default if default is not None and default in options else options[0]
    chosen = place.segmented_control(
        label,
        options,
        format_func=escape,
        default=standard,
        required=True,
        key=key,
        bind="query-params",
        help=help,
    )
    return _member(chosen or standard, options)


def select(
    heading: Heading,
    place: DeltaGenerator,
    label: str,
    key: str,
    options: Sequence[Option],
    *,
    words: Mapping[Option, str] | None = None,
    help: str | None = None,
) -> Option:
    """One of many options, out of a list, shown in ``words`` if there are any; the first is the default."""
    names = words or {}
    settle(heading, key, options, [names.get(option, option) for option in options])
    chosen = place.selectbox(
        label, options, format_func=lambda option: names.get(option, option), key=key, bind="query-params", help=help
    )
    return _member(chosen or options[0], options)


def _member(chosen: str, options: Sequence[Option]) -> Option:
    """The option itself: of an enumeration, a choice may come back as the text that it is equal to."""
    return options[options.index(chosen)]


def choose_number(
    heading: Heading,
    place: DeltaGenerator,
    label: str,
    key: str,
    ends: tuple[Number, Number],
    default: Number,
    **options: Any,
) -> Number:
    """A number between ``ends``, whole where they are; ``options`` are those of Streamlit's own field.

    A link's number is checked before the field reads it: of one beyond all bounds Streamlit makes an error of its own.
    """
    whole = isinstance(default, int)
    text = st.query_params.get(key)
    holds = text is None or _lies_between(text, ends, whole)
    if not holds:
        link.forget(key)
        kind = "whole number" if whole else "number"
        heading.warn(
            f"The link asks for {key} {str(text)[:60]!r}, which is no {kind} from {ends[0]} to {ends[1]}. Shown "
            f"instead: {default}."
        )
    bind: Literal["query-params"] | None = "query-params" if holds else None
    chosen: Number = place.number_input(label, *ends, default, key=key, bind=bind, **options)
    return chosen


def _lies_between(text: str, ends: tuple[Number, Number], whole: bool) -> bool:
    try:
        value = float(text)
    except ValueError:
        return False
    return math.isfinite(value) and ends[0] <= value <= ends[1] and (not whole or value.is_integer())
