"""One step of the context flow, large: its maps in both models, and what was refused and added there (Fig. 5 b)."""

from __future__ import annotations

from enum import StrEnum

import streamlit as st
from torch import Tensor

from app.app_pages.flow.charts import flow_map, rejection_chart, step_chart
from app.charts.on_image import photograph_uri
from app.charts.theme import draw as draw_chart
from app.charts.theme import reach
from app.shell import analyses
from app.shell.choices import choose, settle
from app.shell.heading import Heading
from app.shell.selection import SIDES, Selection
from app.shell.text import draw_head, escape
from rsp_lab.analysis.ledger.selection import RejectionMap, StepRejection
from rsp_lab.analysis.targets.regions import whole_image
from rsp_lab.shapes import step_digits, step_levels
from rsp_lab.text import signed, significant

KEY = "flow_step"
FIRST = "54"


class Decision(StrEnum):
    """Whose logits a step's refusals are measured by."""

    EVERYWHERE = "the whole image"
    HERE = "this pixel"


# A map keeps the rest of its colours where a hundredth of its cells is far out.
_SHARE = 0.99

MEASURES = """
- What is compared: the context that a cell took through its relation weights, with what the baseline's rule would have
  passed down, weight 1 on the cell's own position, both through the same f_v.
- **Value of a cell**: derivative of the logit difference with respect to the cell's context, times (passed − taken).
  Above 0, red: context for the class was **refused**; below 0, green and hatched: it was **added** from elsewhere in
  the window.
- The sum over the cells is exactly how much the logit difference would change if this step alone passed everything
  down; the **residual** is how far that is off, over the size of what was added up.
- **The whole image**: the logit difference is the mean over all pixels, and a cell's value is in logits at its own
  place. **This pixel**: the values of all cells are in logits and add up.
- A model that sums passes all context down: it refuses and adds nothing, by definition.
"""


def draw_step(selection: Selection, heading: Heading) -> None:
    """The slider through the steps, the step's maps, and the rejection overlay."""
    steps = tuple(sorted({name for view in selection.views for name in view.flow.names}, reverse=True))
    digits = tuple(map(step_digits, steps))
    st.markdown("##### One step, large")
    settle(heading, KEY, digits)
    chosen = st.select_slider(
        "Step, from the coarse end to the fine one",
        digits,
        value=FIRST if FIRST in digits else digits[0],
        key=KEY,
        bind="query-params",
    )
    name = f"step{chosen}"
    _draw_maps(selection, name)
    _draw_rejection(selection, heading, name)


def _draw_maps(selection: Selection, name: str) -> None:
    channel, size, pixel = selection.result.flow_channel.channel, selection.shown.size, selection.result.pixel
    found = [view.flow.get(name) for view in selection.views]
    maps = [flow_map(step, part, channel) for step in found if step for part in ("passed", "context", "own", "fused")]
    scale = reach(*maps)
    for side, step, model, place in zip(SIDES, found, selection.names, st.columns(2), strict=True):
        with place:
            draw_head(model, side)
            if step is None:
                st.caption(f"{escape(model)} has no such step, as its top level is lower.")
                continue
            draw_chart(step_chart(step, channel, scale, pixel, size), f"step-{side}")
    high, low = step_levels(name)
    st.caption(
        f"Channel {channel}. Frames have the colour of the level that a map comes from, {high} or {low}; ring: the "
        f"selected pixel. One scale for all maps left and right, ±{significant(scale)}, no unit."
    )


def _draw_rejection(selection: Selection, heading: Heading, name: str) -> None:
    st.markdown("##### What the step refused and added")
    first, second = st.columns([2, 5], vertical_alignment="bottom")
    of = choose(heading, first, "For the decision at", "rejection_of", tuple(Decision))
    with second.popover("What these measures are"):
        st.markdown(MEASURES)
    with heading.spinner("Working out what was refused"):
        sides = [rejection(selection, side, of) for side in range(2)]
    steps = [found[name] if found and name in found else None for found in sides]
    scale = reach(*(_values(s, of).numpy() for s in steps if s is not None), share=_SHARE)
    unit = "logits at its place" if of == Decision.EVERYWHERE else "logits"
    ground, size, pixel = photograph_uri(selection), selection.shown.size, selection.result.pixel
    for side, step, found, model, place in zip(SIDES, steps, sides, selection.names, st.columns(2), strict=True):
        with place:
            draw_head(model, side)
            values = None if step is None else _values(step, of).numpy()
            draw_chart(rejection_chart(values, scale, unit, pixel, ground, size), f"rejection-{side}")
            st.caption(escape(_words(model, step, found)))
    st.caption(
        f"Red: refused; green and hatched: added; full colour at {significant(scale)} {unit}, the same left and right."
    )


def rejection(selection: Selection, side: int, of: Decision) -> RejectionMap | None:
    """What one model refused for the selected class over its rival; None for a model without relations."""
    target = selection.target
    everywhere = whole_image(selection.shown.size, target.class_name, target.rival)
    return analyses.rejection(selection, side, everywhere if of == Decision.EVERYWHERE else target)


def _values(step: StepRejection, of: Decision) -> Tensor:
    return step.density if of == Decision.EVERYWHERE else step.values


def _words(model: str, step: StepRejection | None, found: RejectionMap | None) -> str:
    if step is None or found is None:
        return f"{model} passes all context down here: it refuses and adds nothing, by definition."
    return (
        f"Of {found.target.describe()}: taken here {signed(float(step.taken.sum()))} logits, refused "
        f"{signed(step.refused)}, added {signed(step.added)}. Passing everything down at this step would change it by "
        f"{signed(step.total)} (residual {found.residual:.1g})."
    )
