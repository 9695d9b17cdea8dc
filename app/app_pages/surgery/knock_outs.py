"""Levels taken away, one at a time, in both models: live, with everything held, and what reacted."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app.shell import analyses
from app.shell.errors import REFUSED
from app.shell.heading import Heading
from app.shell.selection import SIDES, Selection
from app.shell.text import draw_head, draw_table, escape
from rsp_lab.analysis.surgery.knock_out import LevelKnockOuts
from rsp_lab.text import aligned, signed

MEASURES = """
- **A level taken away**: all its maps set to 0, and what lies behind them runs on. **Live**: what the target changes by
  then. **Held**: the same with everything held that is not affine, which is minus the level’s contribution in the
  ledger. **Reaction**: live minus held. **Gates that flip**: share of the gates with two states that change.
"""


def draw_knock_outs(selection: Selection, heading: Heading) -> None:
    """A table for each model: what the margin at the pixel changes by without each level."""
    target = selection.target
    margin = f"{target.class_name} over {target.rival}" if target.rival else str(target.class_name)
    st.markdown("##### Levels taken away, one at a time")
    for side, (name, place) in enumerate(zip(selection.names, st.columns(2, gap="medium"), strict=True)):
        with place:
            draw_head(name, SIDES[side])
            try:
                with heading.spinner(f"{name} runs without each level"):
                    found = analyses.knock_outs(selection, side)
            except REFUSED as problem:
                st.caption(escape(str(problem)))
                continue
            draw_table(pd.DataFrame(_rows(selection, found)).set_index("without"))
            held = f" Nothing can be held: {found.refused}." if found.refused else ""
            st.caption(
                escape(f"Change of {margin} at the pixel, in logits; with all levels {signed(found.value)}.{held}")
            )


def _rows(selection: Selection, found: LevelKnockOuts) -> dict[str, list[str]]:
    levels = list(reversed(found.levels.items()))
    columns = {"without": [selection.level_name(level) for level, _ in levels]}
    for name in ("live", "held", "reaction"):
        columns[name] = aligned([getattr(one, name) for _, one in levels], sign=True, least=2)
    for name, shares in (
        ("labels changed", [one.labels_changed for _, one in levels]),
        ("gates that flip", [one.flips for _, one in levels if one.flips is not None]),
    ):
        if shares:
            columns[name] = [f"{word} %" for word in aligned([100 * share for share in shares])]
    return columns
