"""A training as a film: one decision, on one picture, between the same two classes, at each kept state of a run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from jaxtyping import UInt8
from torch import Tensor

from rsp_lab.analysis.comparison.explanation import largest_part
from rsp_lab.analysis.comparison.flow_picture import FlowPicture, verdict_words
from rsp_lab.analysis.film.state import GAZE_RULE, FilmState
from rsp_lab.analysis.ledger.change import CHANGE_RESIDUAL_RULE
from rsp_lab.analysis.ledger.ledger import RESIDUAL_RULE
from rsp_lab.analysis.relation_weights.complementarity import COMPLEMENTARITY_RULE
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.shapes import step_digits
from rsp_lab.summary import Rows, Summarised
from rsp_lab.text import percent, signed, significant

FORMAT = "rsp_lab.film/1"
REGIONS_RULE = "readings of unseen drawn scenes of which the model prefers the right class to the other reading's"


@dataclass(frozen=True, eq=False, kw_only=True)
class FilmDecision:
    """The decision that a film is about, and what else is read at every state.

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
        scenes: of each case, read at every state, both readings of each; 0 where none are.
        size: (y, x) of these scenes in pixels.
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
    version: str


@dataclass(frozen=True, eq=False, kw_only=True)
class Film(FilmDecision, Summarised):
    """One decision at each kept state of a run.

    Attributes:
        states: by updates.
    """

    states: tuple[FilmState, ...]

    def __post_init__(self) -> None:
        """Raises ValueError where states are not of one network and one question: no curve would go through them."""
        for state in self.states:
            levels = tuple(sorted(state.flow.ledger.levels, reverse=True))
            scores = tuple(one.step for one in state.complementarity)
            gaze = tuple(one.step for one in state.gaze)
            if levels != self.levels or not gaze == scores == self.steps or tuple(state.regions) != self.cases:
                raise ValueError(
                    f"the state after {state.updates:,} updates has levels {levels}, steps {gaze} and {scores} and "
                    f"cases {tuple(state.regions)}, the first one {self.levels}, {self.steps} and {self.cases}."
                )

    @classmethod
    def of(cls, decision: FilmDecision, states: Iterable[FilmState]) -> Film:
        """The film of a decision at these states."""
        return cls(**{item.name: getattr(decision, item.name) for item in fields(FilmDecision)}, states=tuple(states))

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
        (name, part), label = largest_part(state.flow.ledger), state.answer.label
        judged = verdict_words(label, self.truth, tell=True)
        words = [
            f"After {state.updates:,} updates the model says {label}{judged}: "
            f"{self.target.class_name} over {self.target.rival} is {signed(state.margin)} logits; the largest part, "
            f"{signed(part)}, is that of {name}."
        ]
        if state.gaze:
            far = max(state.gaze, key=lambda one: one.moved)
            words.append(
                f"Step {step_digits(far.step)} has moved its gaze most: it looks {significant(far.moved)} pixels away "
                "from where it would look with equal weights."
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
