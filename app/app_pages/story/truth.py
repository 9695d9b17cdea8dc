"""The last step: whether the explanation is true. What adds up stands there at once; a test of it is run on request."""

from __future__ import annotations

from collections.abc import Hashable
from typing import cast

import pandas as pd
import streamlit as st
import torch

from app.app_pages.story.chapter import Chapter, Way
from app.app_pages.story.sources import ledgers_of
from app.charts.chart import Chart
from app.charts.on_image import ink
from app.charts.theme import draw as draw_chart
from app.charts.theme import plain_chart
from app.shell.errors import REFUSED
from app.shell.heading import Heading
from app.shell.progress import Stoppable, forget_stop, was_stopped
from app.shell.selection import SIDES, Selection
from app.shell.text import draw_head, escape
from app.store.results import results
from rsp_lab.analysis.faithfulness.in_head import AREA_RULE, SCORE_RULE, CellCurves, cell_order, live_curves
from rsp_lab.analysis.scenes.sources import CUE, scene_sources
from rsp_lab.text import fixed, percent, signed

RANDOM_ORDERS = 3
Curves = tuple[CellCurves, tuple[CellCurves, ...]]
"""Along the ledger's order, and along orders drawn by lot."""


def proof(selection: Selection) -> Chapter:
    """Is this explanation true?"""
    ledgers = ledgers_of(selection)
    residuals = [found.residual for found in ledgers]
    said = f"What was told adds up to each model’s own margin, off by at most {max(residuals):.0e} of what was added."
    control, numbers = _control(selection)
    measured = [_known(selection, side) for side in range(2)]
    tested = [_tested(selection, side, one) for side, one in ((1, measured[1]), (0, measured[0])) if one is not None]
    untested = "Whether a model's margin falls without these cells has not been tested yet."
    rest = " ".join(dict.fromkeys(tested)) or untested
    return Chapter(
        "truth",
        " ".join(filter(None, (said, control, rest))),
        "",
        "That the sum is right is proven each time. That it tells what the model would do without a cell is another "
        "question: the test below takes cells away in the running head, which then answers anew.",
        numbers,
        (Way("attribution", "Attribution"), Way("ledger", "Ledger")),
        ("residual", "cells, frozen head; cells, live head"),
    )


def _control(selection: Selection) -> tuple[str, dict[str, pd.DataFrame]]:
    """Of a drawn scene how much comes from what decides, beside what an even account would have there."""
    scene = selection.shown.scene
    rows = {
        f"{side}: {name}": {"margin": signed(found.total), "relative residual": f"{found.residual:.1g}"}
        for side, name, found in zip(SIDES, selection.names, ledgers_of(selection), strict=True)
    }
    numbers = {"": pd.DataFrame(rows).T.rename_axis("model")}
    if scene is None:
        return "", numbers
    parts = [
        results().get(
            selection.key("parts of the scene", side=side, target=found.target),
            lambda found=found: scene_sources(found, scene),  # type: ignore[misc]
        )
        for side, found in enumerate(ledgers_of(selection))
    ]
    shares = dict.fromkeys(f"{percent(parts[side].magnitudes[CUE], 0)} in {selection.names[side]}" for side in (1, 0))
    return (
        f"The cue, which alone decides here, holds {' and '.join(shares)} of all that is added; by chance, in "
        f"proportion to its area, it would hold {percent(parts[0].areas[CUE])}.",
        numbers,
    )


def _key(selection: Selection, side: int) -> Hashable:
    return selection.key(("story test", RANDOM_ORDERS), side=side, target=selection.target)


def _known(selection: Selection, side: int) -> Curves | None:
    found = results().find(_key(selection, side))
    return cast("Curves | None", found)


def _tested(selection: Selection, side: int, found: Curves) -> str:
    ours, random = found
    scores = [one.score for one in random]
    better = ours.score > max(scores)
    verdict = "more than in every random order" if better else "no more than in a random order"
    return (
        f"Taking away what counts most in {selection.names[side]} moves its margin {verdict}: score "
        f"{fixed(ours.score)} against {fixed(min(scores))} to {fixed(max(scores))}."
    )


def draw_test(selection: Selection, heading: Heading) -> None:
    """The test and its curves, or the button that starts it."""
    text = "Taking cells away in the running head"
    known = [_known(selection, side) for side in range(2)]
    with st.container(key="story-test"):
        if None in known:
            try:
                ledgers_of(selection)
            except REFUSED:
                return  # said above
            if not st.button("Test it: take cells away", key="story-go-test"):
                st.caption("Stopped. What was measured is kept." if was_stopped(text) else "It takes some seconds.")
                return
            forget_stop()
            with heading.stoppable(text) as bar:
                for place in range(2):
                    _measured(selection, place, bar)
            # The words above say what was found.
            st.rerun()
        for side, name, found, column in zip(SIDES, selection.names, known, st.columns(2), strict=True):
            assert found is not None
            with column:
                draw_head(name, side)
                draw_chart(curves_chart(found), f"story-test-{side}")
        st.caption(
            escape(
                f"The margin as cells are zeroed, those first that speak most for the class, beside {RANDOM_ORDERS} "
                f"random orders; the head works its weights out anew. Score: {SCORE_RULE}; {AREA_RULE}."
            )
        )


def _measured(selection: Selection, side: int, bar: Stoppable) -> None:
    ledger, frozen = ledgers_of(selection)[side], selection.passes[side].frozen
    cells = sum(values.numel() for values in ledger.maps.values())
    orders = [cell_order(ledger.maps)]
    for seed in range(RANDOM_ORDERS):
        orders.append(torch.randperm(cells, generator=torch.Generator().manual_seed(seed)))
    found = []
    for number, order in enumerate(orders):
        bar.report((side * len(orders) + number) / (2 * len(orders)))
        with selection.loaded[side].lock:
            found.append(live_curves(frozen, ledger, order))
    results().put(_key(selection, side), (found[0], tuple(found[1:])))


def curves_chart(found: Curves) -> Chart:
    """The margin as cells are taken away."""
    ours, random = found
    places = list(range(len(ours.counts)))
    low = [min(one.deletion[place] for one in random) for place in places]
    high = [max(one.deletion[place] for one in random) for place in places]
    chart = Chart()
    chart.add(
        {
            "type": "scatter",
            "x": [*places, *reversed(places)],
            "y": [*high, *reversed(low)],
            "fill": "toself",
            "fillcolor": "rgba(128,128,128,0.3)",
            "line": {"width": 0},
            "hoverinfo": "skip",
            "name": "random orders, range",
        }
    )
    chart.add(
        {
            "type": "scatter",
            "x": places,
            "y": list(ours.deletion),
            "mode": "lines+markers",
            "line": {"color": ink(), "width": 2.2},
            "name": "in the ledger’s order",
            "hovertemplate": "%{y:.3g} logits<extra></extra>",
        }
    )
    axis = {"gridcolor": "rgba(128,128,128,0.18)", "fixedrange": True}
    ticks = {"tickvals": places, "ticktext": [f"{count:,}" for count in ours.counts]}
    chart.update_x(title={"text": "cells taken away", "standoff": 6}, **ticks, **axis)
    chart.update_y(title={"text": "margin, logits", "standoff": 4}, zeroline=True, **axis)
    legend = {"orientation": "h", "y": 1.12, "x": 0, "font_size": 11}
    return plain_chart(chart, 270, legend=legend, margin={"l": 8, "r": 8, "t": 30, "b": 8})
