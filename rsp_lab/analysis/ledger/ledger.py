"""The ledger of a decision: every logit as bias + one contribution of each Q cell of each level, exactly.

A contribution is the derivative of the target with respect to a cell of Q_x through the frozen head, times Q_x, summed
over channels. All models share the unit, logits, so that an RSP model and a sum baseline compare entry by entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rsp_lab.analysis.ledger.extent import Box, contributing_box
from rsp_lab.analysis.ledger.footprint import FOOTPRINT_RULE, LevelTable, on_pixels, table_by_kind
from rsp_lab.analysis.ledger.freeze import frozen_for
from rsp_lab.analysis.ledger.frozen_pass import FrozenPass
from rsp_lab.analysis.targets.target import Target, target_value
from rsp_lab.data.labels import IGNORE_INDEX, checked_labels
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject
from rsp_lab.relations.precision import full_precision
from rsp_lab.rgb import ImageLike
from rsp_lab.shapes import cell_edges, cell_to_pixel, checked_count, level_name, strides_dict
from rsp_lab.summary import Rows, Summarised
from rsp_lab.text import MINUS, fixed, rounded, signed_fixed

RING_EDGES = (8.0, 16.0, 32.0, 64.0, 128.0, 256.0)
RESIDUAL_RULE = "|bias + sum of contributions - the model's logit| / max(1, |bias| + sum of |contributions|)"
UNLABELLED = "unlabelled"
_LISTED = 10


@dataclass(frozen=True)
class LedgerCell(Summarised):
    """One cell's contribution.

    Attributes:
        level, y, x: which cell.
        value: in logits.
        box: pixel edges (top, left, bottom, right); the image spans -0.5 to its size - 0.5.
        centre: (y, x) in pixels.
    """

    level: int
    y: int
    x: int
    value: float
    box: tuple[float, float, float, float]
    centre: tuple[float, float]

    def to_dict(self) -> dict[str, Any]:
        return {
            "level": self.level,
            "cell": [self.y, self.x],
            "value": rounded(self.value),
            "box_pixels": rounded(self.box, 2),
            "centre_pixels": rounded(self.centre, 2),
        }


def unlabelled_beside(class_names: Sequence[str]) -> str:
    """What pixels without a label are called beside classes of these names."""
    return f"{UNLABELLED} ({IGNORE_INDEX})" if UNLABELLED in class_names else UNLABELLED


@dataclass(frozen=True, eq=False)
class ContextLedger(Summarised):
    """What a decision is made of, in logits.

    Attributes:
        target: what is explained.
        class_names: in the order of the logits.
        image_size: (y, x) in pixels.
        image_digest: tells images apart.
        maps: signed contribution of each cell, (v, u) by level, lowest level first; float64, on the CPU.
        bias: the frozen head's answer to Q = 0, from a forward pass of its own.
        total: the target's value in the model, the margin of class over rival; bias and contributions add up to it.
        residual: by :data:`RESIDUAL_RULE`.
        tolerance: what ``residual`` was held to.
        strides: of a network of another make, by level; see :attr:`FrozenPass.strides`.
    """

    target: Target
    class_names: tuple[str, ...]
    image_size: tuple[int, int]
    image_digest: str
    maps: dict[int, Tensor]
    bias: float
    total: float
    residual: float
    tolerance: float
    strides: dict[int, int] = field(default_factory=dict)

    @property
    def levels(self) -> tuple[int, ...]:
        """Lowest first."""
        return tuple(self.maps)

    @property
    def sums(self) -> dict[int, float]:
        """Contribution of each level; with :attr:`bias` they add up to :attr:`total`."""
        return {level: float(values.sum()) for level, values in self.maps.items()}

    @property
    def deciding_level(self) -> int:
        """The level that contributes most to :attr:`total`; the lowest one where levels tie."""
        sums = self.sums
        return max(sums, key=lambda level: sums[level])

    def level_name(self, level: int) -> str:
        """What a level is called, see :func:`rsp_lab.shapes.level_name`."""
        return level_name(level, self.strides)

    def on_image(self, level: int | None = None) -> Float[Tensor, "y x"]:
        """Contributions of one level, or of all, at image size by :data:`FOOTPRINT_RULE`; the sum is preserved.

        Raises:
            ValueError: for a level that the head does not read.
        """
        return sum((on_pixels(self._map(x), self.image_size) for x in self._chosen(level)), torch.zeros(()))

    def by_class(self, labels: Tensor | np.ndarray, class_names: Sequence[str] | None = None) -> LevelTable:
        """Contributions by what lies where they come from: each cell split by the labels of the pixels under it.

        Args:
            labels: (y, x) of the image's size, integer ids; 255 counts as ``"unlabelled"``, or, beside a class of that
                name, as ``"unlabelled (255)"``.
            class_names: of the ids; default: the model's own.

        Raises:
            ValueError: for labels that :func:`~rsp_lab.data.labels.checked_labels` refuses.
        """
        names = tuple(self.class_names if class_names is None else class_names)
        ids = checked_labels(labels, names, self.image_size)
        kinds = ids.masked_fill(ids == IGNORE_INDEX, len(names))
        # Columns go by name, and data sets have classes that are called so.
        return table_by_kind(
            self.maps, kinds, (*names, unlabelled_beside(names)), self.image_size, f"label; {FOOTPRINT_RULE}"
        )

    def by_ring(self, edges: Sequence[float] = RING_EDGES) -> LevelTable:
        """Contributions by Euclidean distance of the pixels they come from to the target's centre.

        Args:
            edges: increasing distances in pixels; the rings are [0, first), [first, second), ... and beyond the last.

        Raises:
            ValueError: for edges that are not positive and increasing.
        """
        edges = tuple(map(float, edges))
        if not edges or not all(a < b for a, b in pairwise((0.0, *edges))):
            raise ValueError(f"edges must be positive and increase, got {edges}: e.g. (16, 64, 256).")
        height, width = self.image_size
        centre_y, centre_x = self.target.centre
        rows = torch.arange(height, dtype=torch.float64) - centre_y
        columns = torch.arange(width, dtype=torch.float64) - centre_x
        distance = (rows[:, None] ** 2 + columns**2).sqrt()
        kinds = torch.bucketize(distance, torch.tensor(edges, dtype=torch.float64), right=True)
        bounds = [0.0, *edges]
        names = tuple(f"{a:g}-{b:g} px" for a, b in pairwise(bounds))
        rule = f"distance to the target's centre; {FOOTPRINT_RULE}"
        return table_by_kind(self.maps, kinds, (*names, f"{edges[-1]:g}+ px"), self.image_size, rule)

    def strongest(self, count: int = _LISTED, level: int | None = None) -> tuple[LedgerCell, ...]:
        """The cells with the largest contributions of either sign, largest first; of one level or of all.

        Raises:
            ValueError: for a level that the head does not read, or a negative count.
        """
        count = checked_count("count", count, 0, f"{_LISTED} is the default")
        found: list[LedgerCell] = []
        for x in self._chosen(level):
            values = self._map(x)
            best = values.abs().flatten().topk(min(count, values.numel())).indices.tolist()
            found += [self._cell(x, *divmod(place, values.shape[1])) for place in best]
        return tuple(sorted(found, key=lambda cell: -abs(cell.value))[:count])

    def extent(self, level: int | None = None, *, least: float = 0.08) -> Box:
        """(top, left, bottom, right) in pixels: the smallest part of the image, in its proportions, that holds the
        target's centre and every contributing cell of one level, or of all.

        Args:
            level: one level; default: all.
            least: see :func:`~rsp_lab.analysis.ledger.extent.contributing_box`.

        Raises:
            ValueError: for a level that the head does not read.
        """
        maps = [self._map(x) for x in self._chosen(level)]
        return contributing_box(maps, self.image_size, self.target.centre, least=least)

    def sentence(self) -> str:
        """The account in words, e.g. ``"rider over person at pixel (40, 12): 5.60 logits = bias 0.10 + ..."``."""
        parts = " ".join(
            f"{MINUS if v < 0 else '+'} {self.level_name(x)} {fixed(abs(v))}" for x, v in self.sums.items()
        )
        return f"{self.target.describe()}: {fixed(self.total)} logits = bias {fixed(self.bias)} {parts}"

    def _summary(self) -> tuple[str, Rows]:
        return f"ContextLedger: {self.target.describe()}", [
            *((self.level_name(x), signed_fixed(total, 4)) for x, total in reversed(self.sums.items())),
            ("bias", signed_fixed(self.bias, 4)),
            ("total", f"{signed_fixed(self.total, 4)}, residual {self.residual:.1g}"),
            ("strongest", "; ".join(map(self._cell_words, self.strongest(3)))),
        ]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; maps as their shapes and sums."""
        return {
            "target": self.target.describe(),
            "unit": "logits",
            "image_size": list(self.image_size),
            "total": rounded(self.total),
            "bias": rounded(self.bias),
            "levels": rounded({str(x): total for x, total in self.sums.items()}),
            "cells": {str(x): list(values.shape) for x, values in self.maps.items()},
            **strides_dict(self.strides),
            "residual": self.residual,
            "residual_rule": RESIDUAL_RULE,
            "tolerance": self.tolerance,
            "strongest": [cell.to_dict() for cell in self.strongest()],
        }

    def _cell_words(self, cell: LedgerCell) -> str:
        return f"{self.level_name(cell.level)} ({cell.y}, {cell.x}) {signed_fixed(cell.value, 3)}"

    def _chosen(self, level: int | None) -> tuple[int, ...]:
        return self.levels if level is None else (level,)

    def _map(self, level: int) -> Tensor:
        if level not in self.maps:
            raise ValueError(f"there is no level {level} here; the levels are {list(self.levels)}.")
        return self.maps[level]

    def _cell(self, level: int, y: int, x: int) -> LedgerCell:
        (height, width), (v, u) = self.image_size, self.maps[level].shape
        (top, bottom), (left, right) = cell_edges(y, v, height), cell_edges(x, u, width)
        centre = cell_to_pixel(y, v, height), cell_to_pixel(x, u, width)
        return LedgerCell(level, y, x, float(self.maps[level][y, x]), (top, left, bottom, right), centre)


def context_ledger(model: Segmenter | Subject | FrozenPass, image: ImageLike, target: Target) -> ContextLedger:
    """The ledger of one decision of a model on an image: one forward pass, and one way back through the head alone.

    Args:
        model: in eval mode, float32 or float64; it is left as it was found. For several targets on one image pass the
            same frozen pass of it (:func:`~rsp_lab.analysis.ledger.freeze.freeze`) each time: that saves the pass.
        image: RGB, uint8 or float in [0, 1]; see :mod:`rsp_lab.rgb`.
        target: a class or rival that it leaves open is what the model predicts.

    Raises:
        ValueError: if the target does not fit the image or the model's classes; for a model or image that
            :meth:`FrozenHead.of` refuses.
        LedgerError: if the contributions do not add up to the model's output.
    """
    frozen, target = frozen_for(model, image, target)
    with full_precision(frozen.logits.device):
        maps = frozen.contributions(target)
        bias, total = (
            target_value(logits[0], target, frozen.image_size, frozen.class_names)
            for logits in (frozen.bias_map, frozen.logits)
        )
    summed = bias + sum(float(values.sum()) for values in maps.values())
    scale = max(1.0, abs(bias) + sum(float(values.abs().sum()) for values in maps.values()))
    residual = abs(summed - total) / scale
    frozen.check_sum(residual, target.describe())
    return ContextLedger(
        target=target,
        class_names=frozen.class_names,
        image_size=frozen.image_size,
        image_digest=frozen.image_digest,
        maps=maps,
        bias=bias,
        total=total,
        residual=residual,
        tolerance=frozen.tolerance,
        strides=frozen.strides,
    )
