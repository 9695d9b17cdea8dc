"""All that the explorer shows for one image and two models, as one block of bytes.

Layout: ``RSPX``, the length of the header (uint32, little endian), the header (JSON), then the blocks that the header
lists. Every hover is answered from it in the browser. What is rounded, and by how much, is said in
:mod:`rsp_lab.explorer.quantise`: weights, content scores, margins, contributions; labels, gaze and entropy are not.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from torch import Tensor

from rsp_lab.analysis.passes.view import ModelView
from rsp_lab.data.labels import ClassTable, checked_labels
from rsp_lab.explorer.attention import pack_attention
from rsp_lab.explorer.blocks import Blocks
from rsp_lab.explorer.jpeg import jpeg
from rsp_lab.explorer.outlines import trace
from rsp_lab.explorer.quantise import BUDGET, planned_bits, quantise_margins, quantise_signed
from rsp_lab.explorer.steps import pack_steps, window_positions
from rsp_lab.files import digest
from rsp_lab.frozen.rules import FrozenError
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject
from rsp_lab.palette import LEVEL_COLOURS, LEVEL_DASHES, OUTLINE_COLOURS, OUTLINE_DASHES, OUTLINE_WORDS

FORMAT = "rsp_lab.explorer/4"
MAGIC = b"RSPX"
SIDES = ("left", "right")


def build_payload(
    image: UInt8[Tensor, "3 y x"],
    models: tuple[Segmenter | Subject, Segmenter | Subject],
    views: tuple[ModelView, ModelView],
    table: ClassTable,
    truth: UInt8[Tensor, "y x"] | None = None,
    outlined: Mapping[str, Bool[Tensor, "y x"]] | None = None,
    *,
    budget: int = BUDGET,
) -> bytes:
    """The explorer's payload; it does not depend on the pixel looked at.

    Args:
        image: RGB, the image of both views.
        models: left and right.
        views: of the models.
        table: names and colours of the classes.
        truth: train ids that the image's label gives, where there is one.
        outlined: masks to be outlined on both photographs, by their key in
            :data:`rsp_lab.palette.OUTLINE_COLOURS`.
        budget: bytes, see :func:`rsp_lab.explorer.quantise.planned_bits`.

    Raises:
        ValueError: for a truth that :func:`~rsp_lab.data.labels.checked_labels` refuses.
    """
    blocks = Blocks()
    blocks.add("image", jpeg(image), mime="image/jpeg")
    if truth is not None:
        ids = checked_labels(truth, table.classes, (image.shape[-2], image.shape[-1]))
        blocks.add_array("truth", ids.numpy().astype(np.uint8))
    bits = planned_bits([window_positions(m, v) for m, v in zip(models, views, strict=True)], budget)
    sides = [
        {
            "name": view.name,
            "labels": blocks.add_array(f"{side}.labels", view.labels),
            "answers": _answers(blocks, side, view),
            "steps": pack_steps(blocks, side, model, view, bits),
            "levels": _levels(blocks, side, view),
            "attention": pack_attention(blocks, side, view),
        }
        for side, model, view in zip(SIDES, models, views, strict=True)
    ]
    header = {
        "format": FORMAT,
        "size": list(image.shape[-2:]),
        "classes": [
            {"name": name, "colour": "#{:02X}{:02X}{:02X}".format(*rgb)}
            for name, rgb in zip(table.classes, table.palette, strict=True)
        ],
        "levels": {str(n): {"colour": LEVEL_COLOURS[n], "dash": list(LEVEL_DASHES[n])} for n in LEVEL_COLOURS},
        "outlines": [_outline(blocks, name, mask) for name, mask in (outlined or {}).items()],
        "truth": "truth" if truth is not None else None,
        "sides": sides,
        "blocks": blocks.index,
    }
    text = json.dumps({"id": digest(json.dumps(header), blocks.data), **header}, separators=(",", ":")).encode()
    return MAGIC + struct.pack("<I", len(text)) + text + bytes(blocks.data)


def payload_header(payload: bytes) -> dict[str, Any]:
    """The header of a payload.

    Raises:
        ValueError: if the bytes are not a payload of this version.
    """
    if payload[: len(MAGIC)] != MAGIC:
        raise ValueError("not an explorer payload: it does not start with RSPX. Build one with build_payload.")
    (length,) = struct.unpack_from("<I", payload, len(MAGIC))
    start = len(MAGIC) + 4
    header: dict[str, Any] = json.loads(payload[start : start + length])
    if header.get("format") != FORMAT:
        raise ValueError(f"this payload is of format {header.get('format')!r}, expected {FORMAT!r}. Build it again.")
    return header


def _outline(blocks: Blocks, name: str, mask: Bool[Tensor, "y x"]) -> dict[str, Any]:
    return {
        "name": name,
        "words": OUTLINE_WORDS[name],
        "colour": OUTLINE_COLOURS[name],
        "dash": list(OUTLINE_DASHES[name]),
        "path": blocks.add_array(f"outline.{name}", trace(mask.numpy())),
    }


def _answers(blocks: Blocks, side: str, view: ModelView) -> dict[str, Any] | None:
    """Label, runner-up and margin of every cell of the logits, before they are resized; None for a single class."""
    logits = view.record["logits"][0].detach()
    if len(logits) < 2:
        return None
    values, order = logits.topk(2, dim=0)
    margins = quantise_margins(values[0] - values[1])
    ids = order.cpu().numpy().astype(np.uint8)
    return {
        "label": blocks.add_array(f"{side}.label", ids[0]),
        "runner_up": blocks.add_array(f"{side}.runner_up", ids[1]),
        "margin": blocks.add_array(f"{side}.margin", margins.values),
        "largest": margins.largest,
    }


def _levels(blocks: Blocks, side: str, view: ModelView) -> dict[str, Any] | None:
    """What each level and the bias add to the margin of every cell's two highest logits, of a network without steps.

    Of a model of ours the grids are there instead; None for it, and for a single class. Where no account adds up,
    why not.
    """
    if view.looked.held is None or len(view.looked.class_names) < 2:
        return None
    try:
        ledger = view.looked.level_ledger
    except FrozenError as refused:
        return {"refused": str(refused)}
    first, second = ledger.logits.topk(2, dim=0).indices
    bias = ledger.bias.gather(0, first[None]) - ledger.bias.gather(0, second[None])
    parts = quantise_signed(torch.cat([ledger.decision(), bias]))
    return {
        "names": [*map(ledger.level_name, ledger.levels), "bias"],
        "values": blocks.add_array(f"{side}.levels", parts.values),
        "largest": parts.largest,
    }
