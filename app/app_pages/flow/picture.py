"""How the decision comes down through the levels: the picture, whose ribbons can be cut, and its files."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import streamlit as st

from app.charts.decision_flow import draw_flow, identified
from app.shell.errors import REFUSED
from app.shell.selection import Selection
from app.shell.text import escape
from app.store.private_models import private_copy
from app.store.results import results
from rsp_lab._version import __version__
from rsp_lab.analysis.comparison.flow_picture import FlowPicture, flow_picture
from rsp_lab.analysis.ledger.decision_flow import Ribbon
from rsp_lab.analysis.surgery.ribbons import RibbonCut, cut_ribbons
from rsp_lab.explorer.flow_picture import flow_data, flow_page, read_ribbon
from rsp_lab.figures.paper.decision_flow import draw_decision_flow
from rsp_lab.figures.style import save
from rsp_lab.text import signed

KEY = "decision_flow"
AGAIN = "decision_flow_again"
Cuts = tuple[tuple[Ribbon, ...], ...]
HINT = (
    "Answers without what is cut hold the relation weights as they are; “Run again” asks the heads, which choose anew."
)
FORMATS = {"pdf": "application/pdf", "svg": "image/svg+xml", "html": "text/html"}
# matplotlib draws one figure at a time.
_DRAWING = Lock()

MEASURES = """
- **Node**: a cell of a level, shown as what the photograph holds there. The number below it is what its own Q cell adds
  to the decision, in logits: the ledger's. Cells that hold and add little are one node, so that nothing is lost.
- **Ribbon**: logits that flow from a cell to a cell below that draws on it, through the step's relation weights, or
  through the sum; orange for the class, blue and hatched for its rival. What leaves a node is what came to it from
  above, its own and the bias of its step.
- **Cut**: nothing flows along the ribbon. The answer without it is exactly the frozen head's, with the relation weights
  as they are.
- **Run again**: the head itself runs without what is cut, and every relation below chooses anew, by keys of the map
  that it then gets; cells above keep what they hold. Without relations there is nothing to choose, and the two answers
  are one.
- Of a network of another make, levels go straight to the pixel.
"""


def picture(selection: Selection) -> FlowPicture:
    """The decision's flow in both models.

    Raises:
        LedgerError, FrozenError: where its parts do not add up.
    """
    labels = selection.shown.labels_for(selection.loaded[0])
    return results().get(
        selection.key("flow picture", target=selection.target),
        lambda: flow_picture(selection.passes, selection.shown.sample.image, selection.target, labels=labels),
    )


def draw_picture(selection: Selection) -> None:
    """The picture, and this very picture as files."""
    st.markdown("##### How the decision comes down")
    try:
        found = picture(selection)
    except REFUSED as problem:
        st.info(escape(str(problem)))
        return
    key = selection.key("flow picture data", target=selection.target)
    data = results().get(key, lambda: identified(flow_data(found)))
    ours = tuple(one.held is None for one in selection.passes)
    asked, cuts = st.session_state.get(AGAIN, ("", ()))
    answers = run_again(selection, found, cuts) if asked == data["id"] else ""
    _draw_flow(found, data, ours, cuts, answers)


def run_again(selection: Selection, found: FlowPicture, cuts: Cuts) -> str:
    """What the heads answer where they run without what is cut, as a sentence; or why they cannot."""

    def cut(side: int) -> RibbonCut:
        shared = selection.passes[side].head
        # Hooks watch the weights; another reader's pass is not to meet them.
        frozen = replace(shared, head=private_copy(shared.head, selection.loaded[side].lock))
        return cut_ribbons(frozen, frozen.image, found.flows[side], cuts[side])

    asked = [side for side, one in enumerate(cuts) if one and selection.passes[side].held is None]
    try:
        answers = [
            results().get(
                selection.key(("ribbons cut", cuts[side]), side=side, target=selection.target), partial(cut, side)
            )
            for side in asked
        ]
    except REFUSED as problem:
        return str(problem)
    parts = (
        f"{name} answers {signed(one.live)} logits (weights held {signed(one.held)}, nothing cut {signed(one.total)})"
        for name, one in zip((found.names[side] for side in asked), answers, strict=True)
    )
    residual = max(one.residual for one in answers)
    return f"Run again without what is cut: {'; '.join(parts)}; largest relative residual {residual:.1g}."


@st.fragment
def _draw_flow(found: FlowPicture, data: dict[str, Any], ours: tuple[bool, ...], answered: Cuts, answers: str) -> None:
    """A click on a ribbon redraws nothing else. What a fragment is given stays as long as the reader's session, and
    some minutes longer: it is no selection, whose captured passes are tens of megabytes."""
    draw_flow(data, KEY)
    cuts = _cuts(str(data["id"]), found)
    can_run = any(one for one, own in zip(cuts, ours, strict=True) if own)
    row = st.container(horizontal=True, vertical_alignment="center")
    if row.button("Run again", key="run-flow-again", disabled=not can_run, help="The heads, without what is cut."):
        st.session_state[AGAIN] = data["id"], cuts
        # The fragment knows the picture alone; the passes that run are the page's.
        st.rerun()
    for ending, mime in FORMATS.items():
        row.download_button(
            f"{ending.upper()} of this",
            partial(picture_file, found, cuts, ending),
            f"decision-flow.{ending}",
            mime,
            key=f"download-flow-{ending}",
            on_click="ignore",
            help="What is cut is cut in the file too; written when pressed.",
        )
    with row.popover("What this shows"):
        st.markdown(MEASURES)
    # As much room for either, so that nothing below moves.
    with st.container(key="flow-answers"):
        st.caption(escape(answers if answers and can_run and answered == cuts else HINT))


def picture_file(found: FlowPicture, cuts: Cuts, ending: str) -> bytes:
    """The picture with what is cut, as a file of one of :data:`FORMATS`."""
    if ending == "html":
        left = " and ".join(found.names)
        return flow_page(found, f"How {left} decide", f"Made with rsp_lab {__version__}.", cuts).encode()
    with _DRAWING, tempfile.TemporaryDirectory() as folder:
        figure = draw_decision_flow(found, cuts=cuts if any(cuts) else ())
        return save(figure, Path(folder) / f"flow.{ending}").read_bytes()


def _cuts(identity: str, found: FlowPicture) -> Cuts:
    """What is cut in the page, of this picture and not of one that stood there before."""
    told = dict((st.session_state.get(KEY) or {}).get("cuts") or {})
    if told.get("id") != identity:
        return tuple(() for _ in found.flows)
    return tuple(tuple(map(read_ribbon, side)) for side in told["cuts"])
