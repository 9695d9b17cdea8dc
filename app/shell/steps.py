"""Which steps have relations on which side, and what a step without one does instead."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.shell.selection import SIDES, Selection
from rsp_lab.analysis.relation_weights.gaze import StepGaze
from rsp_lab.models.fusion import AverageConfig
from rsp_lab.models.heads import TopDownConfig
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject
from rsp_lab.shapes import Window, step_digits, step_name


@dataclass(frozen=True, eq=False)
class StepSide:
    """One step of one of the two models.

    Attributes:
        side: ``"left"`` or ``"right"``.
        name: of the model.
        gaze: the relation taken apart; None where the step has none.
        rule: what the step does, in words; of a step with a relation it is empty.
        window: of the relation, or of the fixed average; None where a sum takes the own cell alone.
        absent: whether the model has no such step at all.
    """

    side: str
    name: str
    gaze: StepGaze | None
    rule: str
    window: Window | None
    absent: bool = False

    def fixed_weights(self, window: Window) -> np.ndarray:
        """The weights (wy, wx) that a step without a relation has everywhere, drawn in a window of the other model."""
        if self.window is not None:
            return np.full((self.window.kernel_size,) * 2, 1 / self.window.positions)
        weights = np.zeros((window.kernel_size,) * 2)
        weights[window.half, window.half] = 1
        return weights


def steps_with_relations(selection: Selection) -> tuple[str, ...]:
    """Names of the steps at which either model has a relation, coarse to fine; e.g. ``"step54"``."""
    return tuple(sorted({step for one in selection.passes for step in one.steps}, reverse=True))


def warm(selection: Selection) -> None:
    """Takes every relation of both models apart, which is then kept with their passes; it may take seconds."""
    for one in selection.passes:
        _ = one.gaze


def step_sides(selection: Selection, step: str) -> tuple[StepSide, StepSide]:
    """Both models at a step, left and right."""
    found = []
    for side, loaded, looked in zip(SIDES, selection.loaded, selection.passes, strict=True):
        gaze = looked.step_gaze(step)
        if gaze is not None:
            found.append(StepSide(side, loaded.name, gaze, "", gaze.window))
        else:
            found.append(_without(side, loaded.name, loaded.model, step))
    return found[0], found[1]


def _without(side: str, name: str, model: Segmenter | Subject, step: str) -> StepSide:
    if isinstance(model, Subject):
        return StepSide(side, name, None, "has no such steps", None, True)
    head = model.config.head
    fusions = {}
    if isinstance(head, TopDownConfig):
        fusions = {step_name(high): f for high, f in zip(reversed(head.levels[1:]), head.fusions, strict=True)}
    if step not in fusions:
        return StepSide(side, name, None, f"has no step {step_digits(step)}, as its top level is lower", None, True)
    fusion = fusions[step]
    if isinstance(fusion, AverageConfig):
        rule = f"averages its window of {fusion.window.describe()} with equal weights"
        return StepSide(side, name, None, rule, fusion.window)
    return StepSide(side, name, None, "sums, with weight 1 on each cell’s own position", None)


def no_relations(selection: Selection) -> str:
    """What a page about relations says where neither model has one."""
    says = {
        loaded.name: _without("", loaded.name, loaded.model, _top_step(loaded.model)).rule
        for loaded in selection.loaded
    }
    rules = "; ".join(f"{name} {rule}" for name, rule in says.items())
    return f"{rules}. Choose a model with an RSP head above, e.g. scenes-rsp4 or camvid-rsp4."


def _top_step(model: Segmenter | Subject) -> str:
    return step_name(model.steps[0]) if isinstance(model, Segmenter) and model.steps else ""
