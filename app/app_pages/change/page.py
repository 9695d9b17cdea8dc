"""Change: what another reading of the scene, or a part that is painted over, did to both models."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from torch import Tensor

from app.app_pages.change import charts
from app.app_pages.change.brush import draw_brush
from app.charts.bar_rows import rows_html
from app.charts.change_rows import change_ends, change_rows
from app.charts.signed_cells import scale_of, signed_scale_html
from app.charts.theme import draw as draw_chart
from app.shell import changes
from app.shell.changes import Pair
from app.shell.choices import choose, control_columns
from app.shell.errors import REFUSED
from app.shell.heading import Heading
from app.shell.selection import SIDES, Selection
from app.shell.terms import draw_terms
from app.shell.text import escape
from app.store.results import results
from rsp_lab.analysis.attribution.erase import erase
from rsp_lab.analysis.ledger.frozen_subject import GATES
from rsp_lab.files import digest
from rsp_lab.text import signed

_CHANGE = """
- **Change**: the margin of class over rival at the pixel in the second picture, minus that in the first, in logits.
"""
_OF_OURS = """- **Content** of a level: what its changed Q map brought. **Looking** of a step: what its changed weights
  brought. Both are Shapley values over all settings of content and steps, each as before or as after; none is sampled.
  A model that sums has nothing to look with.
"""
_OF_OTHERS = """- Of a network of another make: **content** of a level, what its changed maps of the cut brought, and
  **all gates**, what all that is held (activations, attention weights, normalisers) brought by being as after. Both are
  Shapley values over all settings, content and gates as before or as after.
"""
_REST = """- They add up to the change of the model’s own margin; how closely is printed.
- **Map**: the content’s part of each cell of a level, or of all levels, at its place.
- **Paint over**: no model was trained on pictures with a part missing. The account of what the model makes of such a
  picture is exact; “without it” is only as good as the fill.
"""


class Change(StrEnum):
    """How the second picture comes about."""

    READING = "the other reading"
    PAINT = "paint over"


class Fill(StrEnum):
    """What takes the place of what is painted over, see :func:`rsp_lab.analysis.attribution.erase.erase`."""

    BLUR = "blur"
    MEAN = "mean"
    INPAINT = "inpaint"


def measures(foreign: Sequence[bool]) -> str:
    """What the page's measures are, for models of ours, networks of another make, or one of each."""
    return f"{_CHANGE}{'' if all(foreign) else _OF_OURS}{_OF_OTHERS if any(foreign) else ''}{_REST}"


def draw(selection: Selection, heading: Heading) -> None:
    first, second, third = control_columns([1.3, 1.3, 2.4])
    offered = tuple(Change) if selection.shown.scene is not None else (Change.PAINT,)
    how = choose(heading, first, "What is changed", "change_how", offered)
    if how == Change.PAINT:
        fill = choose(heading, second, "Filled with", "change_fill", tuple(Fill))
        before, after = st.columns(2, gap="medium")
        with before:
            st.markdown("**Before**: paint over what is to be erased")
            mask = draw_brush(selection, heading)
        if mask is None:
            heading.write("Paint over a part of the photograph to see what it did to both models.")
            with after:
                st.markdown("**After**: what you paint over is filled here")
                draw_chart(charts.waiting(selection.shown.sample.image, selection.result.pixel), "change-after")
            return
    try:
        picture = changes.other_reading(selection) if how == Change.READING else erased(selection, mask, fill)
        ledgers = changes.change_ledgers(selection, heading, picture)
    except (*REFUSED, ImportError) as problem:
        heading.write("This change cannot be worked out here.")
        st.error(escape(str(problem)))
        return
    heading.write(sentence(selection, ledgers, how), _note(how))
    if how == Change.READING:
        before, after = st.columns(2, gap="medium")
        with before:
            st.markdown("**Before**: this reading")
            draw_chart(charts.picture(selection.shown.sample.image, selection.result.pixel), "change-before")
    with after:
        st.markdown(f"**After**: {escape(how if how == Change.READING else f'painted over ({fill})')}")
        draw_chart(charts.picture(picture, selection.result.pixel), "change-after")
    draw_parts(selection, ledgers)
    draw_maps(selection, heading, third, picture, ledgers)
    of_ours = () if all(selection.foreign) else ("looking (change ledger)",)
    draw_terms("margin", "content (change ledger)", *of_ours)
    with st.popover("What these measures are"):
        st.markdown(measures(selection.foreign))


def erased(selection: Selection, mask: Tensor | None, fill: Fill) -> Tensor:
    """The photograph with the painted part filled, uint8 [3, y, x]."""
    if mask is None:
        raise ValueError("Nothing is painted over: drag over a part of the photograph.")
    key = (selection.shown.identity, "erased", digest(mask), fill)
    return results().get(key, lambda: erase(selection.shown.sample.image, mask, fill))


def sentence(selection: Selection, ledgers: Pair, how: Change) -> str:
    """What happened to the margin of both models, and by which way most."""
    target = ledgers[1].target
    margin = f"{target.class_name} over {target.rival}" if target.rival else str(target.class_name)
    parts = []
    for name, ledger in zip(selection.names, ledgers, strict=True):
        content = ledger.content
        level = ledger.leading_level
        held = "all gates" if GATES in ledger.looking else "looking"
        looking = f", {held} {signed(sum(ledger.looking.values()))}" if ledger.looking else ""
        parts.append(
            f"{signed(ledger.before)} → {signed(ledger.after)} logits in {name} (most by "
            f"{selection.level_name(level)}, {signed(content[level])}{looking})"
        )
    with_ = "With the other cue" if how == Change.READING else "Without what is painted over"
    return f"{with_}, {margin} at y {selection.target.y}, x {selection.target.x} goes " + "; ".join(parts) + "."


def _note(how: Change) -> str:
    return "" if how == Change.READING else "No model was trained on pictures with a part missing."


def draw_parts(selection: Selection, ledgers: Pair) -> None:
    """Content by level and looking by step of both models, on one axis."""
    names = {level: selection.level_name(level) for ledger in ledgers for level in ledger.levels}
    ends = change_ends(ledgers, names)
    for place, name, ledger in zip(st.columns(2, gap="medium"), selection.names, ledgers, strict=True):
        with place:
            st.markdown(f"##### {escape(name)}")
            st.html(rows_html(change_rows(ledger, names), ends, "logits"))
            off = f"The parts differ from the model’s own change by a relative {ledger.residual:.1g}."
            none = "" if ledger.looking else " This model sums: it has no weights that could change."
            if GATES in ledger.looking:
                none = " All its gates, what is held of it, count as one part."
            st.caption(off + none)


def draw_maps(selection: Selection, heading: Heading, place: DeltaGenerator, picture: Tensor, ledgers: Pair) -> None:
    """Content by cell of one level, or of all, over the changed picture."""
    levels = sorted({level for ledger in ledgers for level in ledger.levels}, reverse=True)
    options = ("all levels", *map(str, levels))
    chosen = choose(heading, place, f"Map of content, {selection.level_label.lower()}", "change_level", options)
    level = None if chosen == options[0] else int(chosen)
    maps = [charts.shown_map(ledger, level) for ledger in ledgers]
    end, most = scale_of([one for one in maps if one is not None])
    grounds = charts.ground(picture)
    for side, column, name, values in zip(SIDES, st.columns(2, gap="medium"), selection.names, maps, strict=True):
        with column:
            words = "all levels" if level is None else selection.level_name(level)
            st.markdown(f"**{escape(name)}**: content, {words}")
            figure = charts.map_chart(values, grounds, selection.result.pixel, end, level)
            draw_chart(figure, f"change-map-{side}")
    words = "content of a cell, the same scale left and right; uncoloured means 0"
    st.html(signed_scale_html(end, most, "logits", words))
