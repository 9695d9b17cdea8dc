"""Which cards are shown: choices that stand in the link, and what they leave of a scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.shell import link
from app.shell.heading import Heading
from rsp_lab.analysis.scan.scan import CONTEXT_RULE, KIND_RULES, LEVEL_RULE, RIGHT_RULES, USED, Scan, ScanCard

ALL = "all"
SCAN, PAGE = "gallery_scan", "gallery_page"
KINDS = {ALL: ALL, "turned": "turned by the cue", "disagreement": "disagreement"}
CONTEXT = {ALL: ALL, "used": f"{USED:.0%} or more", "part": f"0 to {USED:.0%}", "none": "none"}
NO_LEVEL = "no level"
KEYS = SCAN, PAGE, "gallery_kind", "gallery_right", "gallery_classes", "gallery_level", "gallery_context"
"""Parameters of the link, which are there again on the way back from a decision."""


@dataclass(frozen=True)
class Filters:
    """What cards must have; :data:`ALL` asks nothing.

    Attributes:
        right: see :func:`right_words`.
        pair: of two classes, whichever model says which; None for all.
        level: name of a level, or :data:`NO_LEVEL`.
        context: a key of :data:`CONTEXT`.
    """

    kind: str = ALL
    right: str = ALL
    pair: frozenset[str] | None = None
    level: str = ALL
    context: str = ALL

    def take(self, card: ScanCard) -> bool:
        """Whether a card is shown."""
        return self.pair in (None, frozenset(card.classes)) and all(
            wanted in (ALL, found)
            for wanted, found in (
                (self.kind, card.kind),
                (self.right, card.right or "unknown"),
                (self.level, card.level_name or NO_LEVEL),
                (self.context, _context(card)),
            )
        )


def pair_words(card: ScanCard) -> str:
    """The two classes that a decision is between, whoever says which."""
    return " or ".join(sorted(card.classes))


def _context(card: ScanCard) -> str:
    return "used" if card.used else "part" if card.context_used > 0 else "none"


def right_words(names: tuple[str, str]) -> dict[str, str]:
    """Who is right, in words, by :class:`~rsp_lab.analysis.scan.scan.Verdicts`' names."""
    left, right = names
    return {
        ALL: ALL,
        "right": f"only {right}",
        "left": f"only {left}",
        "both": "both",
        "neither": "neither",
        "unknown": "not known",
    }


def choose_scan(heading: Heading, place: DeltaGenerator, names: Sequence[str]) -> str:
    """The name of a scan; the first is the default."""
    return _choose(heading, place, "Data set", SCAN, {name: name for name in names}, None)


def choose_filters(heading: Heading, places: Sequence[DeltaGenerator], scan: Scan) -> Filters:
    """One choice a place; only what some card of the scan has can be chosen."""
    cards = scan.cards
    kinds = {key: word for key, word in KINDS.items() if key in (ALL, *scan.kinds)}
    found = {ALL, *(card.right or "unknown" for card in cards)}
    rights = {key: word for key, word in right_words(scan.names).items() if key in found}
    pairs = {pair_words(card): frozenset(card.classes) for card in cards}
    levels = sorted({(card.level or 0, card.level_name or NO_LEVEL) for card in cards}, reverse=True)
    asked: list[tuple[str, str, dict[str, str], str]] = [
        ("Kind", "gallery_kind", kinds, "; ".join(f"{KINDS[kind]}: {rule}" for kind, rule in KIND_RULES.items())),
        ("Who is right", "gallery_right", rights, "; ".join(f"{KINDS[k]}: {rule}" for k, rule in RIGHT_RULES.items())),
        ("Classes", "gallery_classes", {one: one for one in (ALL, *sorted(pairs))}, "Whichever model says which"),
        ("Level", "gallery_level", {one: one for one in (ALL, *dict.fromkeys(name for _, name in levels))}, LEVEL_RULE),
        ("Context used", "gallery_context", CONTEXT, CONTEXT_RULE),
    ]
    kind, right, classes, level, context = (
        _choose(heading, place, label, key, words, f"{rule[:1].upper()}{rule[1:]}.")
        for place, (label, key, words, rule) in zip(places, asked, strict=True)
    )
    return Filters(kind, right, pairs.get(classes), level, context)


def choose_page(heading: Heading, count: int) -> int:
    """Which page of cards the link asks for, from 1."""
    text = st.query_params.get(PAGE)
    if text is None:
        return 1
    if text.isascii() and text.isdecimal() and len(text) < 6 and 1 <= int(text) <= count:
        return int(text)
    heading.warn(f"The link asks for page {text[:20]!r} of {count}. Shown instead: the first.")
    link.forget(PAGE)
    return 1


def draw_pages(place: DeltaGenerator, page: int, count: int) -> None:
    """Buttons to the page before and the one after, and which one it is."""
    for words, other in (("Previous", page - 1), ("Next", page + 1)):
        place.button(
            words,
            key=f"gallery-{words.lower()}",
            on_click=_write,
            args=(PAGE, str(other) if other > 1 else None),
            disabled=not 1 <= other <= count,
        )
    place.markdown(f"Page {page} of {count}")


def _choose(
    heading: Heading, place: DeltaGenerator, label: str, key: str, words: Mapping[str, str], help: str | None
) -> str:
    """One of the keys of ``words``; the first is the default.

    The link says it, whatever the widget held: a widget that is bound to the address would leave entries of its own in
    the browser's history on the way to a decision.
    """
    text, options = st.query_params.get(key), tuple(words)
    for problem in link.stale_choices({key: tuple(words.values())}):
        heading.warn(problem)
        link.forget(key)
    chosen = next((option for option in options if words[option] == text), options[0])
    st.session_state[key] = chosen
    link.remember(key)
    place.selectbox(
        label,
        options,
        format_func=lambda option: words[option],
        key=key,
        help=help,
        on_change=lambda: _write(key, words.get(st.session_state[key]), words[options[0]]),
    )
    return chosen


def _write(key: str, value: str | None, default: str | None = None) -> None:
    """Callback: a choice goes into the link, and what is not the page goes back to the first one."""
    if key != PAGE:
        _write(PAGE, None)
    if value in (None, default):
        st.query_params.pop(key, None)
    else:
        st.query_params[key] = value
    link.remember(key)
