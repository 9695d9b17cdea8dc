"""What stands below the photographs: the pixel's logits and relations, and disagreements."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from app.shell.link import set_pixel
from app.shell.selection import SIDES
from app.shell.terms import draw_terms
from app.shell.text import draw_table, escape
from rsp_lab.analysis.comparison.compare import Comparison
from rsp_lab.analysis.relation_weights.grids import RelationGrid
from rsp_lab.shapes import step_digits
from rsp_lab.text import MINUS, share, significant

TOP = 5

_MEASURES = """
- **Logit**: the model's score of a class before softmax, at this pixel, after bilinear resizing from the places that
  the model answers at (stride 4 in models of ours). The **margin** is the logit of the first class minus that of the
  second.
- **Region**: of a drawn scene. A model says the class of most of its pixels; the margin of the region's class over
  that of the other reading is a mean over the region.
"""
_OF_RELATIONS = """
- **Entropy**: of the k x k relation weights, over that of uniform weights on the same positions. 1: looks everywhere
  alike; 0: looks at one position.
- **Own weight**: the weight of the position at the pixel's own cell. A model that sums has 1 there, by definition.
- **Peak**: offset in cells, rows then columns, from the own cell to the position with the largest weight.
- **Residual**: the context recomputed from the captured query, key and value, against the captured one: the largest
  deviation over the largest value. It says that what is shown is what the model computed.
"""


def draw_answers(result: Comparison) -> None:
    """Both models' first classes with their logits."""
    st.markdown("##### Logits at this pixel")
    columns: dict[str, list[str]] = {}
    # The same model may stand on both sides; a table needs columns of different names.
    for side, view, answer in zip(SIDES, (result.left, result.right), result.answers, strict=True):
        ranked = sorted(answer.logits.items(), key=lambda item: -item[1])[:TOP]
        columns[f"{side}: {view.name}"] = [name for name, _ in ranked]
        columns[f"logit {side}"] = [significant(value) for _, value in ranked]
    with st.container(key="answers"):
        draw_table(pd.DataFrame(columns, index=pd.RangeIndex(1, len(next(iter(columns.values()))) + 1)))
    left, right = result.answers
    st.caption(f"Margin over the second class, in logits: left {left.margin:.3g}, right {right.margin:.3g}.")
    draw_terms("logit", "margin")


_OF_OTHERS = """
- **Its margin here**: what each level and the bias add to the margin in the cell of the logits under
  the pixel, with all gates of the network held (activations, attention weights, normalisers). They add up to it.
- **Attention**: where the cell under the cursor looks in a layer, by one head or by the mean of all; full colour is the
  largest weight, which is printed.
"""


def measures(foreign: Sequence[bool]) -> str:
    """What the measures of the explorer and of what stands below it are."""
    parts = (_MEASURES, _OF_OTHERS if any(foreign) else "", "" if all(foreign) else _OF_RELATIONS)
    return "\n".join(part.strip() for part in parts if part)


def draw_relations(result: Comparison) -> None:
    """Entropy, own weight and peak of every level, and the proof that they are the model's own."""
    foreign = [not len(view.flow) for view in (result.left, result.right)]
    if all(foreign):
        st.markdown("##### What is shown above")
        st.caption(f"{escape(_both(result))} without top-down steps: what stands there is where the margin comes from.")
        with st.popover("What these measures are"):
            st.markdown(measures(foreign))
        return
    st.markdown("##### Relations at this pixel")
    rows = []
    both = all(result.grids)
    for side, grids in zip(SIDES, result.grids, strict=True):
        rows += [_relation_row(grid, side, both) for grid in grids]
    if rows:
        draw_table(pd.DataFrame(rows).set_index("step"))
    for side, view in zip(SIDES, (result.left, result.right), strict=True):
        if view.residuals:
            largest = max(view.residuals.values())
            st.caption(
                f"{side.capitalize()}: context recomputed from query, key and value is off by"
                f" at most {_bound(largest)}."
            )
        else:
            why = "it passes everything down" if len(view.flow) else "it has no top-down steps"
            st.caption(f"{side.capitalize()}: {escape(view.name)} has no relations; {why}.")
    draw_terms("entropy", "own weight", "peak", "context residual")
    with st.popover("What these measures are"):
        st.markdown(measures(foreign))


def _both(result: Comparison) -> str:
    left, right = result.left.name, result.right.name
    return f"{left} is a network" if left == right else f"{left} and {right} are networks"


def _bound(value: float) -> str:
    """One digit, rounded up, so that "at most" stays true: 4.2e-7 becomes 5e-7."""
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(value))
    digit = math.ceil(value / 10.0**exponent)
    return f"{digit}e{exponent}" if digit < 10 else f"1e{exponent + 1}"


def _relation_row(grid: RelationGrid, side: str, both: bool) -> dict[str, str]:
    return {
        "step": f"{step_digits(grid.step)} {side}" if both else step_digits(grid.step),
        "window": grid.window.describe(),
        "entropy": "not defined" if math.isnan(grid.entropy) else f"{grid.entropy:.2f}",
        "own weight": share(grid.centre),
        "peak, cells": f"{grid.peak[0]:+d}, {grid.peak[1]:+d}".replace("-", MINUS),
    }


def draw_disagreements(result: Comparison) -> None:
    """The largest regions that the models label differently; a click goes there."""
    st.markdown("##### Where the two differ most")
    if result.disagreements:
        st.caption("Left / right, and the area in pixels. A click goes there.")
    else:
        st.caption("No connected region of 30 pixels or more has different labels.")
    for number, region in enumerate(result.disagreements, 1):
        y, x = region.pixel
        st.button(
            f"{escape(region.left)} / {escape(region.right)}, {region.area:,} px",
            key=f"region-{number}",
            on_click=set_pixel,
            args=(region.pixel,),
            width="stretch",
            help=f"Looks at the innermost pixel of this region: y {y}, x {x}.",
        )
