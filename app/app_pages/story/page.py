"""Story: one decision from the question where two models part to whether the answer is true, on one page."""

from __future__ import annotations

import streamlit as st

from app.app_pages.story import pictures
from app.app_pages.story.chapter import Chapter, draw_chapter, draw_question
from app.app_pages.story.context import QUESTION, without_context
from app.app_pages.story.decision import looking, parting
from app.app_pages.story.sources import adding, refusing
from app.app_pages.story.truth import draw_test, proof
from app.shell.errors import REFUSED
from app.shell.heading import Heading
from app.shell.notes import draw_notes
from app.shell.region_target import margin_words
from app.shell.selection import Selection
from app.shell.text import escape
from rsp_lab.text import signed

STEPS = (parting, looking, adding, refusing)


def draw(selection: Selection, heading: Heading) -> None:
    heading.write(sentence(selection))
    pictures.draw_grounds(selection)
    told: list[Chapter] = []
    for number, step in enumerate(STEPS, 1):
        try:
            told.append(step(selection))
        except REFUSED as problem:
            st.error(escape(str(problem)))
            continue
        draw_chapter(told[-1], number, selection)
    try:
        told.append(without_context(selection, heading))
        draw_chapter(told[-1], len(STEPS) + 1, selection)
    except REFUSED as problem:
        draw_question(len(STEPS) + 1, QUESTION, "This cannot be worked out here.")
        st.error(escape(str(problem)))
    _draw_proof(selection, told)
    draw_notes()


def sentence(selection: Selection) -> str:
    """The decision in one sentence."""
    result, target = selection.result, selection.target
    (left, right), (first, second) = result.answers, selection.names
    what = margin_words(target)
    values = [_margin(answer.logits, target.class_name, target.rival) for answer in result.answers]
    if left.label != right.label:
        head = f"{second} says {right.label} here and {first} {left.label}"
    else:
        head = f"Both models say {right.label} here"
    return f"{head}: {what} is {signed(values[1])} logits in {second} and {signed(values[0])} in {first}."


def _margin(logits: dict[str, float], class_name: str | None, rival: str | None) -> float:
    return logits[str(class_name)] - (logits[rival] if rival else 0.0)


def _draw_proof(selection: Selection, told: list[Chapter]) -> None:
    # The words say what the test below them found, so it is drawn first.
    words, test = st.container(), st.container()
    with test:
        draw_test(selection)
    with words:
        try:
            told.append(proof(selection))
        except REFUSED as problem:
            st.error(escape(str(problem)))
            return
        draw_chapter(told[-1], len(STEPS) + 2, selection)
