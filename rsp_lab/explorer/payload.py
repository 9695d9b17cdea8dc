"""All that the explorer shows for one image and two models, as one block of bytes.

Layout: ``RSPX``, the length of the header (uint32, little endian), the header (JSON), then the blocks that the header
lists. Weights are 8-bit with one scale a cell, so that every hover is answered in the browser.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from PIL import Image
from torch import Tensor

from rsp_lab.analysis.flow import StepFlow
from rsp_lab.analysis.proof import relation_modules
from rsp_lab.analysis.view import ModelView
from rsp_lab.data.labels import ClassTable
from rsp_lab.explorer.outlines import trace
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.palette import LEVEL_COLOURS, LEVEL_DASHES, OUTLINE_COLOURS, OUTLINE_DASHES, OUTLINE_WORDS
from rsp_lab.relations.window import window_mask
from rsp_lab.shapes import Window

FORMAT = "rsp_lab.explorer/1"
MAGIC = b"RSPX"
SIDES = ("left", "right")
_JPEG_QUALITY = 92


@dataclass(frozen=True, eq=False)
class QuantisedWeights:
    """Relation weights in 8 bits: ``values * scale`` is off by at most half a scale.

    Attributes:
        values: (y, x, wy, wx), uint8, or int8 where a weight is negative.
        scale: (y, x), weight of one step of the values; the cell's largest weight is hit exactly.
    """

    values: np.ndarray
    scale: np.ndarray


def quantise(weights: Float[Tensor, "wy wx y x"]) -> QuantisedWeights:
    """One step's weights in 8 bits, cell by cell, so that a flat grid keeps as many digits as a peaked one."""
    cells = weights.detach().cpu().permute(2, 3, 0, 1).double().numpy()
    signed = bool((cells < 0).any())
    top, kind = (127, np.int8) if signed else (255, np.uint8)
    scale = np.abs(cells).max(axis=(2, 3)) / top
    # An all-zero cell has no scale of its own; any will do, and 1 keeps the division defined.
    values = np.rint(cells / np.where(scale > 0, scale, 1.0)[..., None, None])
    return QuantisedWeights(np.ascontiguousarray(values, dtype=kind), scale.astype("<f4"))


class _Blocks:
    """The blocks behind the header, and the header's list of them."""

    def __init__(self) -> None:
        self.index: dict[str, dict[str, Any]] = {}
        self.data = bytearray()

    def add(self, name: str, data: bytes, **facts: Any) -> str:
        self.index[name] = {"offset": len(self.data), "bytes": len(data), **facts}
        self.data += data
        return name

    def add_array(self, name: str, values: np.ndarray) -> str:
        deflated = zlib.compress(np.ascontiguousarray(values).tobytes(), 6)
        return self.add(name, deflated, dtype=values.dtype.name, shape=list(values.shape), encoding="deflate")


def build_payload(
    image: UInt8[Tensor, "3 y x"],
    models: tuple[Segmenter, Segmenter],
    views: tuple[ModelView, ModelView],
    table: ClassTable,
    truth: UInt8[Tensor, "y x"] | None = None,
    outlined: Mapping[str, Bool[Tensor, "y x"]] | None = None,
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
    """
    blocks = _Blocks()
    blocks.add("image", _jpeg(image), mime="image/jpeg")
    if truth is not None:
        blocks.add_array("truth", truth.numpy())
    sides = [_side(blocks, side, model, view) for side, model, view in zip(SIDES, models, views, strict=True)]
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
    text = json.dumps({"id": _digest(header, blocks), **header}, separators=(",", ":")).encode()
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


def _outline(blocks: _Blocks, name: str, mask: Bool[Tensor, "y x"]) -> dict[str, Any]:
    return {
        "name": name,
        "words": OUTLINE_WORDS[name],
        "colour": OUTLINE_COLOURS[name],
        "dash": list(OUTLINE_DASHES[name]),
        "path": blocks.add_array(f"outline.{name}", trace(mask.numpy())),
    }


def _side(blocks: _Blocks, side: str, model: Segmenter, view: ModelView) -> dict[str, Any]:
    windows = {step: module.config.window for step, module in relation_modules(model).items()}
    return {
        "name": view.name,
        "labels": blocks.add_array(f"{side}.labels", view.labels),
        "steps": [_step(blocks, side, step, windows.get(step.name)) for step in view.flow],
    }


def _step(blocks: _Blocks, side: str, step: StepFlow, window: Window | None) -> dict[str, Any]:
    """One step's facts; a step without relation passes all down, so it has neither window nor weights."""
    facts: dict[str, Any] = {
        "name": step.name,
        "high": step.high,
        "low": step.low,
        "cells": list(step.fused.shape[-2:]),
        "window": None,
    }
    if window is None or step.weights is None:
        return facts
    packed = quantise(step.weights)
    name = f"{side}.{step.name}"
    own = step.weights[window.half, window.half].detach()
    return facts | {
        "window": {"kernel_size": window.kernel_size, "dilation": window.dilation},
        "weights": blocks.add_array(f"{name}.weights", packed.values),
        "scale": blocks.add_array(f"{name}.scale", packed.scale),
        "entropy": blocks.add_array(f"{name}.entropy", entropies(step.weights, window)),
        "own": blocks.add_array(f"{name}.own", own.cpu().numpy().astype("<f4")),
    }


def entropies(weights: Float[Tensor, "wy wx y x"], window: Window) -> Float[np.ndarray, "y x"]:
    """Every cell's :attr:`rsp_lab.analysis.grids.RelationGrid.entropy`, from the weights before quantisation."""
    height, width = weights.shape[-2:]
    inside = window_mask(height, width, window).flatten(0, 1)
    shares = weights.detach().cpu().double().flatten(0, 1)
    bits = -torch.special.xlogy(shares, shares).sum(0)
    relative = bits / inside.sum(0).clamp_min(2).log()
    defined = ((shares.sum(0) - 1).abs() <= 1e-2) & (shares >= 0).all(0)
    values: np.ndarray = torch.where(defined, relative, torch.nan).numpy().astype("<f4")
    return values


def _jpeg(image: UInt8[Tensor, "3 y x"]) -> bytes:
    buffer = io.BytesIO()
    picture = Image.fromarray(image.permute(1, 2, 0).numpy())
    picture.save(buffer, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
    return buffer.getvalue()


def _digest(header: dict[str, Any], blocks: _Blocks) -> str:
    return hashlib.sha256(json.dumps(header).encode() + blocks.data).hexdigest()[:16]
