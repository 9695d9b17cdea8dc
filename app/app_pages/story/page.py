"""Story: one decision from the question where two models part to whether the answer is true, on one page."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial

import streamlit as st

from app.app_pages.story import context, pictures
from app.app_pages.story.chapter import Chapter, draw_chapter, draw_question
from app.app_pages.story.decision import looking, parting
from app.app_pages.story.sources import adding, refusing, told
from app.app_pages.story.truth import draw_test, proof
from app.shell import cards
from app.shell.errors import REFUSED
from app.shell.heading import Heading
from app.shell.notes import draw_notes
from app.shell.selection import Selection
from app.shell.text import escape
from app.store.side_by_side import Report, side_by_side
from rsp_lab.analysis.scan.scan import Scan

FIRST, FIRST_ACCOUNT, LAST = "Where do they part?", "What did each level add?", "Is this explanation true?"
STEPS: dict[str, Callable[[Selection, Heading], Chapter]] = {
    FIRST: lambda selection, _: parting(selection),
    "What did each look at?": lambda selection, _: looking(selection),
    FIRST_ACCOUNT: lambda selection, _: adding(selection),
    "What was refused?": lambda selection, _: refusing(selection),
    "What if the context were not there?": context.without_context,
    LAST: lambda selection, _: proof(selection),
}
"""The questions in order, and what answers them."""


def draw(selection: Selection, heading: Heading) -> None:
    pictures.draw_grounds(selection)
    card = cards.linked_card()
    _draw_cards(card, "above")
    for number, (question, step) in enumerate(STEPS.items(), 1):
        if question == FIRST_ACCOUNT:
            _work_out(selection, heading)
        place, below = st.container(), st.container()
        if question == LAST:
            # The words say what the test below them found, so it is drawn first.
            with below:
                draw_test(selection, heading)
        with place:
            _draw_step(selection, heading, number, question, step)
    draw_notes()
    _draw_cards(card, "below")


def _work_out(selection: Selection, heading: Heading) -> None:
    """What the steps tell of each model, of both at once: the steps find it kept.

    What cannot be worked out fails again in its own step, which says so.
    """

    def kept(work: Callable[[Selection, int], object], side: int, _: Report) -> None:
        with contextlib.suppress(*REFUSED):
            work(selection, side)

    # What takes longest first, so that both cores are done at about the same time.
    jobs = [partial(kept, work, side) for work in (context.work_out, told) for side in reversed(selection.own_sides)]
    with heading.spinner(f"Taking apart what {' and '.join(dict.fromkeys(selection.names))} decided"):
        side_by_side(jobs)


def _draw_cards(card: tuple[str, Scan, int] | None, where: str) -> None:
    """The ways to the card before and after this one."""
    if card is None:
        return
    name, scan, place = card
    with st.container(key=f"story-cards-{where}", horizontal=True, vertical_alignment="center", gap="small"):
        for label, step in (("‹ Previous", -1), ("Next ›", 1)):
            other = cards.neighbour(scan, place, step)
            st.button(
                label,
                key=f"story-card-{where}-{step}",
                on_click=cards.open_card,
                args=(name, place if other is None else other),
                disabled=other is None,
                help=None if other is None else escape(_title(scan, other)),
            )
        same = cards.is_selected(scan, scan.cards[place])
        st.caption(f"{'Card' if same else 'Changed since card'} {place + 1} of {len(scan.cards)}, scan {escape(name)}")


def _title(scan: Scan, place: int) -> str:
    card = scan.cards[place]
    return f"{card.sample}: {' or '.join(card.classes)}?"


def _draw_step(
    selection: Selection,
    heading: Heading,
    number: int,
    question: str,
    step: Callable[[Selection, Heading], Chapter],
) -> None:
    try:
        chapter = step(selection, heading)
    except REFUSED as problem:
        draw_question(number, question, f"This cannot be told here: {problem}")
        return
    if question == FIRST:
        # What answers the first question is the page's own first sentence.
        heading.write(chapter.sentence)
    draw_question(number, question, "" if question == FIRST else chapter.sentence)
    draw_chapter(chapter, selection)
