"""A tour of a minute for whoever opens the workbench for the first time; the browser remembers that it was seen."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

STEPS = (
    "Two networks look at the same images. Each card of the Gallery is one decision in which they part, or which the "
    "context turned. Filter them above, and click one: it opens its Story.",
    "The line at the top says which image, which two models, and what is asked: one class over another at a pixel. "
    "“Change” opens all choices behind it, and “Undo” goes one back.",
    "The Story asks six questions, from “where do they part” to “is this explanation true”. Each has a picture and a "
    "sentence; “Numbers” unfolds what stands behind it.",
    "Click into any picture to ask about another pixel. Dotted words say what they mean, in the words of the "
    "documentation. Signs and scales are the same left and right.",
    "“Open in …” leads to the instrument with everything kept. “Export” saves any panel, with your note in it. The "
    "address of a page is the whole view: send it, and others see the same.",
)
PAGES = ("", "gallery", "story")
"""Addresses of the pages that offer it."""
_tour = st.components.v2.component("rsp_lab.tour", js=(Path(__file__).parent / "tour.js").read_text("utf-8"))


def draw_tour(page: str) -> None:
    """Offered at the foot of the window on :data:`PAGES`; it takes no room of its own."""
    if page in PAGES:
        _tour(key="tour", data={"steps": list(STEPS)})
