"""Context flow: the explorer, the decision's flow, and on request both models' raw maps level by level (Fig. 5 b)."""

from __future__ import annotations

import streamlit as st

from app.app_pages.flow.channels import draw_flow
from app.app_pages.flow.details import draw_answers, draw_disagreements, draw_relations
from app.app_pages.flow.picture import draw_picture
from app.app_pages.flow.steps import KEY as STEP
from app.app_pages.flow.steps import draw_step
from app.app_pages.flow.viewer import draw_pin, draw_viewer
from app.shell import link, scenes
from app.shell.heading import Heading
from app.shell.selection import Selection
from app.shell.text import escape
from app.store import models
from rsp_lab.analysis.comparison.pixel_view import no_flow

RAW = "raw_channel"
_RAW_HELP = "The paper's own form of Fig. 5 (b), and one step large with what it refused and added."


def draw(selection: Selection, heading: Heading) -> None:
    draw_words(selection, heading)
    shown = selection.shown
    outlined = scenes.outlined(shown.scene) if shown.scene is not None else None
    payload = models.payload_of(shown, selection.loaded, selection.views, outlined)
    draw_viewer(payload)
    first, second, third = st.columns([1.1, 1.1, 0.9], gap="medium")
    with first:
        draw_answers(selection.result)
    with second:
        draw_relations(selection.result)
    with third:
        draw_disagreements(selection.result)
    draw_pin(payload, selection.result.pixel)
    draw_picture(selection)
    # A link to a channel or a step leads to where they are.
    if RAW not in st.session_state and {"channel", STEP} & set(st.query_params):
        st.session_state[RAW] = True
    if not st.toggle("Raw maps of one channel, level by level", key=RAW, bind="query-params", help=_RAW_HELP):
        return
    if selection.result.channel is None:
        what = "predictions and margins stand above, and the pages Ledger, Flips, Change and Attribution take it too."
        st.info(escape(f"{no_flow(selection.views)} There is no context flow to show beside each other: {what}"))
        return
    draw_flow(selection, heading)
    draw_step(selection, heading)


def draw_words(selection: Selection, heading: Heading) -> None:
    """First what is known of an ambiguous region, then what both models say at the pixel."""
    result, scene = selection.result, selection.shown.scene
    note = pixel_note(selection)
    if scene is not None and scenes.knows_region(selection.loaded[0]):
        region = scenes.region_sentence(scene, (result.left, result.right)), scenes.cue_note(scene)
        rates = scenes.rate_note(scene, selection.loaded)
        heading.write(*region, below=(result.sentence(), f"{rates} {note}".strip()))
    else:
        hint = "" if scene is None else "Models of Cityscapes' classes, such as scenes-rsp4, answer for its region too."
        heading.write(result.sentence(), f"{note} {hint}".strip())


def pixel_note(selection: Selection) -> str:
    if link.PIXEL in st.query_params:
        return "Shown is the pixel that you selected."
    rule = "region’s innermost pixel" if selection.shown.scene is not None else selection.result.pixel_rule
    return f"Shown is the {rule}."
