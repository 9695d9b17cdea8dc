"""How the decision comes down through the levels: the picture, whose ribbons can be cut, and its files."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import streamlit as st

from app.charts.decision_flow import draw_flow, identified
from app.shell.errors import REFUSED
from app.shell.selection import Selection
from app.shell.text import escape
from app.store.results import results
from rsp_lab._version import __version__
from rsp_lab.analysis.comparison.flow_picture import FlowPicture, flow_picture
from rsp_lab.analysis.ledger.decision_flow import Ribbon
from rsp_lab.explorer.flow_picture import flow_data, flow_page, read_ribbon
from rsp_lab.figures.paper.decision_flow import draw_decision_flow
from rsp_lab.figures.style import save

KEY = "decision_flow"
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
  as they are; a head that ran again would choose other weights.
- Of a network of another make, levels go straight to the pixel.
"""


def picture(selection: Selection) -> FlowPicture:
    """The decision's flow in both models.

    Raises:
        LedgerError, FrozenError: where its parts do not add up.
    """
    labels = selection.shown.sample.label
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
    _draw_flow(found, results().get(key, lambda: identified(flow_data(found))))


@st.fragment
def _draw_flow(found: FlowPicture, data: dict[str, Any]) -> None:
    """A click on a ribbon redraws nothing else. What a fragment is given stays as long as the reader's session, and
    some minutes longer: it is no selection, whose captured passes are tens of megabytes."""
    draw_flow(data, KEY)
    cuts = _cuts(str(data["id"]), found)
    row = st.container(horizontal=True, vertical_alignment="center")
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


def picture_file(found: FlowPicture, cuts: tuple[tuple[Ribbon, ...], ...], ending: str) -> bytes:
    """The picture with what is cut, as a file of one of :data:`FORMATS`."""
    if ending == "html":
        left = " and ".join(found.names)
        return flow_page(found, f"How {left} decide", f"Made with rsp_lab {__version__}.", cuts).encode()
    with _DRAWING, tempfile.TemporaryDirectory() as folder:
        figure = draw_decision_flow(found, cuts=cuts if any(cuts) else ())
        return save(figure, Path(folder) / f"flow.{ending}").read_bytes()


def _cuts(identity: str, found: FlowPicture) -> tuple[tuple[Ribbon, ...], ...]:
    """What is cut in the page, of this picture and not of one that stood there before."""
    told = dict((st.session_state.get(KEY) or {}).get("cuts") or {})
    if told.get("id") != identity:
        return tuple(() for _ in found.flows)
    return tuple(tuple(map(read_ribbon, side)) for side in told["cuts"])
