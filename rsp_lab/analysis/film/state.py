"""What a film shows of one kept state."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rsp_lab.analysis.ledger.change import ChangeLedger
from rsp_lab.analysis.ledger.decision_flow import DecisionFlow
from rsp_lab.analysis.passes.answer import PixelAnswer
from rsp_lab.analysis.relation_weights.complementarity import Null, StepComplementarity
from rsp_lab.analysis.relation_weights.gaze import StepGaze
from rsp_lab.analysis.relation_weights.grids import RelationGrid
from rsp_lab.analysis.scenes.rates import ReadingRate
from rsp_lab.summary import Summarised
from rsp_lab.text import rounded

GAZE_RULE = (
    "of the relation weights of the cell under the pixel, as shares: offset is their mean offset from the cell (rows, "
    "columns), moved the distance of that mean from the one that equal weights on the map have, spread the root mean "
    "square distance from it, entropy that of the weights over that of equal weights; distances in input pixels"
)


@dataclass(frozen=True, eq=False)
class FilmGaze(Summarised):
    """Where one step looks from the pixel at one state, by :data:`GAZE_RULE`.

    Attributes:
        grid: the weights.
        offset: (rows, columns) in input pixels.
        spread: in input pixels.
        entropy: 1 for equal weights, 0 for a single cell.
    """

    grid: RelationGrid
    offset: tuple[float, float]
    spread: float
    entropy: float

    @property
    def step(self) -> str:
        """E.g. ``"step54"``."""
        return self.grid.step

    @property
    def distance(self) -> float:
        """Of the mean from the cell, in input pixels."""
        return math.hypot(*self.offset)

    @property
    def centre(self) -> tuple[float, float]:
        """(y, x) of the mean in the image, in pixels."""
        half = self.grid.window.half
        top, left, bottom, right = self.grid.box(half, half)
        return (top + bottom) / 2 + self.offset[0], (left + right) / 2 + self.offset[1]

    @property
    def even_centre(self) -> tuple[float, float]:
        """(y, x) where equal weights have their mean: at the cell, but near the image's border farther inside."""
        boxes = [self.grid.box(int(row), int(column)) for row, column in np.argwhere(~np.isnan(self.grid.weights))]
        top, left, bottom, right = np.mean(boxes, axis=0).tolist()
        return (top + bottom) / 2, (left + right) / 2

    @property
    def moved(self) -> float:
        """How far the mean lies from that of equal weights, in input pixels; 0 for a step that prefers nothing."""
        return math.dist(self.centre, self.even_centre)

    @classmethod
    def of(cls, gaze: StepGaze, grid: RelationGrid) -> FilmGaze:
        """What a relation taken apart says of the cell under a pixel."""
        (y, x), read = grid.cell, gaze.readings["full"]
        down, right = (float(value) for value in read.offset[:, y, x])
        spread = math.sqrt(max(float(read.reach[y, x]) ** 2 - down**2 - right**2, 0.0))
        return cls(grid, (down, right), spread, float(read.normalised_entropy[y, x]))


@dataclass(frozen=True)
class FilmComplementarity(Summarised):
    """The score of one relation on the film's picture at one state.

    Attributes:
        step: e.g. ``"step54"``.
        score: by :data:`~rsp_lab.analysis.relation_weights.complementarity.COMPLEMENTARITY_RULE`.
        shuffled: where it lies among the scores of pairs of channels drawn at random.
    """

    step: str
    score: float
    shuffled: Null

    @property
    def clear(self) -> bool:
        """Whether it lies outside the middle 95 % of them."""
        return not self.shuffled.low <= self.score <= self.shuffled.high

    @classmethod
    def of(cls, found: StepComplementarity) -> FilmComplementarity:
        return cls(found.step, found.score, found.shuffled)


@dataclass(frozen=True)
class FilmChange(Summarised):
    """By what way the change of the picture changes the decision at one state: a change ledger without its cells.

    Attributes:
        before, after: the margin on the film's picture and on the changed one, logits.
        content: by level, lowest first, logits.
        looking: by step, highest first, logits.
        looking_share: see :attr:`~rsp_lab.analysis.ledger.change.ChangeLedger.looking_share`.
        residual: of the ledger.
    """

    before: float
    after: float
    content: Mapping[int, float]
    looking: Mapping[str, float]
    looking_share: float
    residual: float

    @property
    def total(self) -> float:
        """The change; content and looking add up to it."""
        return self.after - self.before

    @classmethod
    def of(cls, ledger: ChangeLedger) -> FilmChange:
        return cls(
            ledger.before, ledger.after, ledger.content, dict(ledger.looking), ledger.looking_share, ledger.residual
        )


@dataclass(frozen=True, eq=False)
class FilmState(Summarised):
    """One kept state.

    Attributes:
        updates: done.
        digest: of its file.
        flow: how the decision comes down, with its ledger.
        answer: what the model says at the pixel.
        gaze: by step, highest first; empty without relations.
        complementarity: the same.
        change: None where the film has no changed picture.
        regions: by case; empty where no drawn scenes were read.
    """

    updates: int
    digest: str
    flow: DecisionFlow
    answer: PixelAnswer
    gaze: tuple[FilmGaze, ...]
    complementarity: tuple[FilmComplementarity, ...]
    change: FilmChange | None
    regions: Mapping[str, ReadingRate]

    @property
    def margin(self) -> float:
        """Of the class over its rival, logits: bias and the levels' sums."""
        return self.flow.total

    @property
    def all_regions(self) -> ReadingRate | None:
        """Over all cases."""
        if not self.regions:
            return None
        return ReadingRate(
            sum(rate.right for rate in self.regions.values()), sum(rate.readings for rate in self.regions.values())
        )

    @property
    def residual(self) -> float:
        """The largest of the flow's and the change's."""
        return max(self.flow.residual, self.change.residual if self.change else 0.0)

    def to_dict(self) -> dict[str, Any]:
        """The numbers, JSON-able; cells are left out."""
        ledger = self.flow.ledger
        return {
            "updates": self.updates,
            "digest": self.digest,
            "says": self.answer.label,
            "margin": rounded(self.margin),
            "bias": rounded(ledger.bias),
            "levels": rounded({str(level): value for level, value in ledger.sums.items()}),
            "gaze": {
                one.step: rounded(
                    {"offset": one.offset, "moved": one.moved, "spread": one.spread, "entropy": one.entropy}, 4
                )
                for one in self.gaze
            },
            "complementarity": {
                one.step: {"score": rounded(one.score, 4), "shuffled": one.shuffled.to_dict()}
                for one in self.complementarity
            },
            "change": None
            if self.change is None
            else {
                **rounded(
                    {
                        "before": self.change.before,
                        "after": self.change.after,
                        "content": {str(level): value for level, value in self.change.content.items()},
                        "looking": dict(self.change.looking),
                        "looking_share": self.change.looking_share,
                    }
                ),
                "residual": self.change.residual,
            },
            "regions": {case: rate.to_dict() for case, rate in self.regions.items()},
            "residual": self.residual,
        }
