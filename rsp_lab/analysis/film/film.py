"""A training as a film: one decision, on one picture, between the same two classes, at each kept state of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jaxtyping import UInt8
from torch import Tensor

from rsp_lab.analysis.comparison.flow_picture import FlowPicture
from rsp_lab.analysis.ledger.change import CHANGE_RESIDUAL_RULE, ChangeLedger
from rsp_lab.analysis.ledger.decision_flow import DecisionFlow
from rsp_lab.analysis.ledger.ledger import RESIDUAL_RULE
from rsp_lab.analysis.passes.answer import PixelAnswer
from rsp_lab.analysis.relation_weights.complementarity import COMPLEMENTARITY_RULE, Null, StepComplementarity
from rsp_lab.analysis.relation_weights.gaze import StepGaze
from rsp_lab.analysis.relation_weights.grids import RelationGrid
from rsp_lab.analysis.scenes.rates import ReadingRate
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.summary import Rows, Summarised
from rsp_lab.text import percent, rounded, signed, significant

FORMAT = "rsp_lab.film/1"
GAZE_RULE = (
    "of the relation weights of the cell under the pixel, as shares: offset is their mean offset from the cell (rows, "
    "columns), spread the root mean square distance from that mean, entropy that of the weights over that of equal "
    "weights; distances in input pixels"
)
REGIONS_RULE = "readings of unseen drawn scenes of which the model prefers the right class to the other reading's"


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
                one.step: rounded({"offset": one.offset, "spread": one.spread, "entropy": one.entropy}, 4)
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


@dataclass(frozen=True, eq=False)
class Film(Summarised):
    """One decision at each kept state of a run.

    Attributes:
        name: of the run.
        data: set that the run trains on; may be empty.
        class_names: in the order of the logits.
        image: RGB.
        image_name: of the picture, in words.
        target: pixel, class and rival, the same at every state.
        chosen: how they were chosen, in words.
        truth: class that the pixel has; None where it is not known.
        change_name: what the changed picture is, in words; empty where there is none.
        scenes: of each case, read at every state, both readings of each; 0 where none were.
        size: (y, x) of these scenes in pixels.
        states: by updates.
        version: of the program.
    """

    name: str
    data: str
    class_names: tuple[str, ...]
    image: UInt8[Tensor, "3 y x"]
    image_name: str
    target: PixelTarget
    chosen: str
    truth: str | None
    change_name: str
    scenes: int
    size: tuple[int, int]
    states: tuple[FilmState, ...]
    version: str

    @property
    def image_size(self) -> tuple[int, int]:
        """(y, x) in pixels."""
        return self.image.shape[-2], self.image.shape[-1]

    @property
    def pixel(self) -> tuple[int, int]:
        """(y, x)."""
        return self.target.y, self.target.x

    @property
    def updates(self) -> tuple[int, ...]:
        """Of each state."""
        return tuple(state.updates for state in self.states)

    @property
    def levels(self) -> tuple[int, ...]:
        """That the head reads, highest first."""
        return tuple(sorted(self.states[0].flow.ledger.levels, reverse=True))

    @property
    def steps(self) -> tuple[str, ...]:
        """With relations, highest first."""
        return tuple(one.step for one in self.states[0].gaze)

    @property
    def cases(self) -> tuple[str, ...]:
        """Of the drawn scenes that were read."""
        return tuple(self.states[0].regions)

    @property
    def residual(self) -> float:
        """The largest of all states."""
        return max(state.residual for state in self.states)

    @cached_property
    def busiest(self) -> tuple[float, float]:
        """The largest of the states' :attr:`DecisionFlow.busiest`, so that ribbons have one scale in the whole film."""
        nodes, pixel = zip(*(state.flow.busiest for state in self.states), strict=True)
        return max(nodes), max(pixel)

    @property
    def nodes(self) -> int:
        """Of a level at any state, at the most."""
        return max(len(found) for state in self.states for found in state.flow.nodes.values())

    def picture(self, place: int) -> FlowPicture:
        """The flow picture of the state at a place."""
        state = self.states[place]
        return FlowPicture(self.image, self.target, self.chosen, (state.flow,), (state.answer,), self.truth)

    @property
    def won(self) -> int | None:
        """Place of the first state from which on the class wins over its rival at every one; None where it does not at
        the last."""
        place = len(self.states)
        while place and self.states[place - 1].margin > 0:
            place -= 1
        return place if place < len(self.states) else None

    def sentence(self) -> str:
        """The whole film in words."""
        first, last = self.states[0], self.states[-1]
        words = [
            f"From {first.updates:,} to {last.updates:,} updates, {self.target.describe()} goes from "
            f"{signed(first.margin)} to {signed(last.margin)} logits{self._won_words()}."
        ]
        if first.all_regions and last.all_regions:
            words.append(f"Regions read right: {first.all_regions} at first, {last.all_regions} at the end.")
        return " ".join(words)

    def at(self, place: int) -> str:
        """One state in words."""
        state = self.states[place]
        sums, judged = state.flow.ledger.sums, ""
        level = max(sums, key=lambda x: abs(sums[x]))
        if self.truth is not None:
            judged = " (right)" if state.answer.label == self.truth else f" (wrong, it is {self.truth})"
        words = [
            f"After {state.updates:,} updates the model says {state.answer.label}{judged}: "
            f"{self.target.class_name} over {self.target.rival} is {signed(state.margin)} logits; the largest part, "
            f"{signed(sums[level])}, is that of {state.flow.level_name(level)}."
        ]
        if state.gaze:
            far = max(state.gaze, key=lambda one: one.distance)
            words.append(
                f"{far.step.replace('step', 'Step ')} looks farthest: {significant(far.distance)} pixels from its cell."
            )
        if state.change is not None:
            words.append(
                f"With {self.change_name} it is {signed(state.change.after)}; looking has "
                f"{percent(state.change.looking_share, 0)} of that change."
            )
        if state.all_regions is not None:
            words.append(f"It reads {state.all_regions} regions of drawn scenes right.")
        return " ".join(words)

    def _won_words(self) -> str:
        if self.won is None:
            return ""
        if not self.won:
            return ", above 0 at every kept state"
        return f", above 0 for good from {self.states[self.won].updates:,} updates on"

    def _summary(self) -> tuple[str, Rows]:
        return f"Film of {self.name}: {self.target.describe()}", [
            ("states", ", ".join(f"{updates:,}" for updates in self.updates) + " updates"),
            ("picture", self.image_name),
            ("changed to", self.change_name or "nothing"),
            ("in words", self.sentence()),
            ("residual", self.residual),
        ]

    def to_dict(self) -> dict[str, Any]:
        """The numbers, JSON-able, with their units and rules."""
        return {
            "run": self.name,
            "data": self.data,
            "rsp_lab": self.version,
            "image": self.image_name,
            "image_size": list(self.image_size),
            "pixel": list(self.pixel),
            "class": self.target.class_name,
            "rival": self.target.rival,
            "chosen": self.chosen,
            "truth": self.truth,
            "change": self.change_name,
            "scenes_of_each_case": self.scenes,
            "scene_size": list(self.size),
            "units": {"margin, bias, levels, change": "logits", "gaze": "input pixels", "regions": "readings"},
            "rules": {
                "ledger": RESIDUAL_RULE,
                "gaze": GAZE_RULE,
                "complementarity": COMPLEMENTARITY_RULE,
                "change": CHANGE_RESIDUAL_RULE,
                "regions": REGIONS_RULE,
            },
            "states": [state.to_dict() for state in self.states],
            "residual": self.residual,
        }
