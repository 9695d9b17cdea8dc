"""The decision flow for a browser: its numbers as JSON, and as one offline file."""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from rsp_lab.analysis.comparison.flow_picture import FlowPicture
from rsp_lab.analysis.ledger.decision_flow import DecisionFlow, Ribbon
from rsp_lab.explorer.html import offline_page
from rsp_lab.explorer.jpeg import jpeg
from rsp_lab.explorer.module import flow_style_sheet
from rsp_lab.palette import AGAINST, FOR, LEVEL_COLOURS, LEVEL_DASHES

Cuts = Sequence[Collection[Ribbon]]
"""Of each model, ribbons along which nothing flows."""


class FlowFrame(NamedTuple):
    """What pictures share that follow each other, so that a logit is as wide in all of them.

    Attributes:
        nodes: of a level, at the most.
        busiest, pixel: see :attr:`DecisionFlow.busiest`, logits.
    """

    nodes: int
    busiest: float
    pixel: float


def flow_data(picture: FlowPicture, cuts: Cuts = (), *, frame: FlowFrame | None = None) -> dict[str, Any]:
    """What ``mountFlow`` shows, JSON-able; contributions along every way are in float32.

    Args:
        picture: of one or two models.
        cuts: to begin with.
        frame: of the pictures that it is one of; None measures it by itself.

    Raises:
        ValueError: for a ribbon that does not exist.
    """
    for flow, found in zip(picture.flows, cuts, strict=False):
        flow.remaining(found)
    truth = f"; truth: {picture.truth}" if picture.truth is not None else ""
    return {
        "title": f"{picture.target.describe()}, logits{truth}",
        "size": list(picture.image_size),
        "pixel": list(picture.pixel),
        "class": picture.target.class_name,
        "rival": picture.target.rival,
        "image": f"data:image/jpeg;base64,{base64.b64encode(jpeg(picture.image)).decode()}",
        "sentence": picture.sentence(),
        "exact": picture.exact(),
        "colours": {"for": FOR, "against": AGAINST},
        "levels": {str(n): {"colour": LEVEL_COLOURS[n], "dash": list(LEVEL_DASHES[n])} for n in LEVEL_COLOURS},
        "plain": {"colour": "#5f5f5f", "dash": []},
        "sides": [_side(flow, picture.says(number)) for number, flow in enumerate(picture.flows)],
        "cuts": [[ribbon_key(one) for one in found] for found in cuts],
        **({"frame": frame._asdict()} if frame is not None else {}),
    }


def flow_page(picture: FlowPicture, title: str, note: str = "", cuts: Cuts = ()) -> str:
    """The picture as one file that opens in any browser, as text; see :func:`~rsp_lab.explorer.html.offline_page`.

    Ribbons that a reader cuts stand in the address after the #, so that a link to it leads back.

    Args:
        picture: of one or two models.
        title: of the page, as plain text.
        note: a line under the title, as plain text.
        cuts: to begin with.

    Raises:
        ValueError: for a ribbon that does not exist.
    """
    data = json.dumps(flow_data(picture, cuts), separators=(",", ":")).encode()
    return offline_page("flow_page", flow_style_sheet(), ("rsp-picture", data), title, note)


def ribbon_key(ribbon: Ribbon) -> str:
    """A ribbon in one word, as ``paths.js`` has it."""
    return f"{ribbon.level}/{ribbon.source}/{'pixel' if ribbon.sink is None else ribbon.sink}"


def read_ribbon(key: str) -> Ribbon:
    """The ribbon of a word of :func:`ribbon_key`.

    Raises:
        ValueError: for another word.
    """
    level, source, sink = key.split("/")
    return Ribbon(int(level), int(source), None if sink == "pixel" else int(sink))


def _side(flow: DecisionFlow, says: str) -> dict[str, Any]:
    rows = [
        {
            "level": level,
            "name": flow.level_name(level),
            "flows": flow.direct or level in flow.chain,
            "nodes": [
                {
                    "cell": node.cell and list(node.cell),
                    "cells": node.cells,
                    "box": node.box and list(node.box),
                    "own": node.own,
                    "held": node.held,
                }
                for node in nodes
            ],
        }
        for level, nodes in flow.nodes.items()
    ]
    tables = [
        {"levels": list(flow.axes(level)), "shape": list(table.shape), "values": _floats(table)}
        for found in (flow.paths, flow.biases)
        for level, table in found.items()
    ]
    return {
        "name": flow.name,
        "says": says,
        "total": flow.total,
        "bias": flow.bias,
        "step_biases": flow.step_bias if flow.biases else None,
        "direct": flow.direct,
        "rows": rows,
        "beside": [] if flow.direct else [{"level": x, "name": flow.level_name(x)} for x in flow.beside],
        "ribbons": [{**one._asdict(), "value": value} for one, value in flow.ribbons.items()],
        "tables": tables,
    }


def _floats(table: Tensor) -> str:
    return base64.b64encode(np.ascontiguousarray(table.numpy(), dtype="<f4").tobytes()).decode()
