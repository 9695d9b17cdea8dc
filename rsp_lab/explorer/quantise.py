"""Numbers of a relation in few bits, each with a stated error, and the rule that bounds them for large images.

Suffixes name axes: y x cell, wy wx window row and column.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int16, UInt8, UInt16
from torch import Tensor

BUDGET = 6 * 2**20
"""Bytes of weights and content scores, of both models and before deflation, up to which all of them keep 8 bits."""
FEW, MANY = 4, 8
"""Bits a number: what is left to it beyond the budget, and what it has otherwise."""
PARTS = "content", "weights"
MARGIN_STEPS = 2**16 - 1
"""Of the square root of a margin, up to the largest one."""
CONTRIBUTION_STEPS = 2**15 - 1
"""Of a contribution, up to the largest one."""


@dataclass(frozen=True, eq=False)
class QuantisedWeights:
    """Weights in few bits: ``values * scale`` is off by at most half a scale.

    A scale is the largest weight of a cell, or of a row, over 255 (8 bits), 15 (4 bits) or, where a weight is negative,
    127.

    Attributes:
        values: (y, x, wy, wx), or (*row, key), uint8, or int8 where a weight is negative.
        scale: (y, x), or (*row), weight of one step of the values; the largest weight is hit exactly.
        bits: of each value; what is signed always has 8.
    """

    values: np.ndarray
    scale: np.ndarray
    bits: int


def quantise(weights: Float[Tensor, "wy wx y x"], bits: int = MANY) -> QuantisedWeights:
    """One step's weights in few bits, cell by cell, so that a flat grid keeps as many digits as a peaked one."""
    cells = _by_cell(weights)
    rows = _quantised_rows(cells.reshape(*cells.shape[:2], -1), bits)
    return replace(rows, values=rows.values.reshape(cells.shape))


def quantise_rows(weights: Float[Tensor, "*row key"], bits: int = MANY) -> QuantisedWeights:
    """What each query of an attention gives its keys in few bits, row by row."""
    return _quantised_rows(weights.detach().cpu().numpy(), bits)


def _quantised_rows(rows: np.ndarray, bits: int) -> QuantisedWeights:
    signed = bool((rows < 0).any())
    bits = MANY if signed else bits
    top, kind = (127, np.int8) if signed else (2**bits - 1, np.uint8)
    scale = np.abs(rows).max(axis=-1) / top
    # An all-zero row has no scale of its own; any will do, and 1 keeps the division defined.
    values = np.rint(rows / np.where(scale > 0, scale, 1.0)[..., None])
    return QuantisedWeights(np.ascontiguousarray(values, dtype=kind), scale.astype("<f4"), bits)


@dataclass(frozen=True, eq=False)
class QuantisedScores:
    """Scores in few bits: ``low + values * scale`` is off by at most half a scale on the map.

    A scale is the cell's range, highest score less lowest, over 255 (8 bits) or 15 (4 bits).

    Attributes:
        values: (y, x, wy, wx), uint8, 0 off the map.
        low: (y, x), the cell's lowest score.
        scale: (y, x), score of one step of the values.
        bits: of each value.
    """

    values: np.ndarray
    low: np.ndarray
    scale: np.ndarray
    bits: int


def quantise_scores(
    scores: Float[Tensor, "wy wx y x"], inside: Bool[Tensor, "wy wx y x"], bits: int = MANY
) -> QuantisedScores:
    """One step's scores in few bits, cell by cell; what lies off the map counts in no range."""
    cells, on_map = _by_cell(scores), inside.cpu().permute(2, 3, 0, 1).numpy()
    low = np.where(on_map, cells, np.inf).min(axis=(2, 3))
    high = np.where(on_map, cells, -np.inf).max(axis=(2, 3))
    scale = (high - low) / (2**bits - 1)
    steps = (cells - low[..., None, None]) / np.where(scale > 0, scale, 1.0)[..., None, None]
    values = np.ascontiguousarray(np.where(on_map, np.rint(steps), 0), dtype=np.uint8)
    return QuantisedScores(values, low.astype("<f4"), scale.astype("<f4"), bits)


@dataclass(frozen=True, eq=False)
class QuantisedMargins:
    """Margins in 16 bits on a square-root scale, so that small ones keep their digits.

    With n = :data:`MARGIN_STEPS`, ``largest * (values / n) ** 2`` is off by at most
    ``largest * (values / n ** 2 + 1 / (4 * n ** 2))``: of a largest margin of 15 logits,
    0.00006 at 1 and 0.00023 at 15.

    Attributes:
        values: (v, u), uint16.
        largest: logits.
    """

    values: UInt16[np.ndarray, "v u"]
    largest: float


def quantise_margins(margins: Float[Tensor, "v u"]) -> QuantisedMargins:
    """Margins of a label over its runner-up, at least 0, in logits."""
    found = margins.detach().cpu().double().numpy()
    largest = float(found.max())
    values = np.rint(MARGIN_STEPS * np.sqrt(found / largest)) if largest > 0 else np.zeros_like(found)
    return QuantisedMargins(values.astype("<u2"), largest)


@dataclass(frozen=True, eq=False)
class QuantisedContributions:
    """Signed contributions in 16 bits: ``largest * values / CONTRIBUTION_STEPS`` is off by at most half a step.

    Attributes:
        values: (part, v, u), int16.
        largest: logits, of the absolute values.
    """

    values: Int16[np.ndarray, "part v u"]
    largest: float


def quantise_signed(parts: Float[Tensor, "part v u"]) -> QuantisedContributions:
    """Contributions to a margin, in logits, all on one scale."""
    found = parts.detach().cpu().double().numpy()
    largest = float(np.abs(found).max())
    values = np.rint(CONTRIBUTION_STEPS * found / largest) if largest > 0 else np.zeros_like(found)
    return QuantisedContributions(values.astype("<i2"), largest)


def packed_nibbles(values: UInt8[np.ndarray, "*axes"]) -> UInt8[np.ndarray, " bytes"]:
    """Values below 16, two a byte, the first in the high half; an odd count ends in an empty half."""
    flat = values.ravel()
    even = np.append(flat, np.uint8(0)) if flat.size % 2 else flat
    return (even[0::2] << 4 | even[1::2]).astype(np.uint8)


def planned_bits(positions: Iterable[Mapping[str, int]], budget: int = BUDGET) -> dict[str, dict[str, int]]:
    """Bits of every step's content scores and weights, so that they keep to a budget where 4 bits can.

    Beyond the budget the finest step gives way first, the content before the weights, both models alike. With all at
    4 bits a model with four relations of 7 x 7 has about one byte for each pixel of the image.

    Args:
        positions: of each model, cells times window positions by step, highest step first.
        budget: bytes, both models together.

    Returns:
        By step, bits of ``"content"`` and ``"weights"``.
    """
    counts: dict[str, int] = {}
    for side in positions:
        for step, count in side.items():
            counts[step] = counts.get(step, 0) + count
    bits = {step: dict.fromkeys(PARTS, MANY) for step in counts}
    total = 2 * sum(counts.values())
    # A step's name grows with its level, so the finest one sorts first.
    for step in sorted(counts):
        for part in PARTS:
            if total <= budget:
                return bits
            bits[step][part] = FEW
            total -= counts[step] // 2
    return bits


def _by_cell(values: Float[Tensor, "wy wx y x"]) -> np.ndarray:
    cells: np.ndarray = values.detach().cpu().permute(2, 3, 0, 1).double().numpy()
    return cells
