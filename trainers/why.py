"""What the relations of a study's networks do, for the question why a relation wins or does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, median
from typing import Any

import torch
from torch import Tensor

from rsp_lab.analysis.gaze import StepGaze, explain_weights
from rsp_lab.data.street.scene import PlantedScene
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.relations.window import window_mask
from trainers.markdown import table

SCENES = 8
"""Scenes over which the facts are averaged."""


@dataclass(frozen=True)
class RelationFacts:
    """One relation of one network, means over cells and scenes.

    Attributes:
        step: e.g. step54.
        entropy: of the weights over the logarithm of the positions on the map; 1 is a plain average.
        content, position: how much of the selection either part of the scores alone explains, 1 all, 0 none.
        content_deviation, position_deviation: standard deviation of either part over the window, in score units; a
            softmax over scores that deviate by much less than 1 is nearly an average.
    """

    step: str
    entropy: float
    content: float
    position: float
    content_deviation: float
    position_deviation: float

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return asdict(self)


def relation_facts(model: Segmenter, scenes: Sequence[PlantedScene]) -> list[RelationFacts]:
    """The facts of every relation of a network in evaluation mode, highest step first; none without relations."""
    device = next(model.parameters()).device
    looks = [explain_weights(model, scene.image[None].to(device).float() / 255) for scene in scenes[:SCENES]]
    return [_mean_of(list(steps)) for steps in zip(*looks, strict=True)]


def _mean_of(steps: list[StepGaze]) -> RelationFacts:
    return RelationFacts(
        step=steps[0].step,
        entropy=fmean(float(step.readings["full"].normalised_entropy.nanmean()) for step in steps),
        content=fmean(step.explained("content") for step in steps),
        position=fmean(step.explained("position") for step in steps),
        content_deviation=fmean(_deviation(step, step.content) for step in steps),
        position_deviation=fmean(_deviation(step, step.position) for step in steps),
    )


def _deviation(step: StepGaze, scores: Tensor) -> float:
    """Standard deviation over the window positions on the map, mean over cells."""
    height, width = scores.shape[-2:]
    inside = window_mask(height, width, step.window, scores.device).flatten(0, 1)
    values = scores.flatten(0, 1).double()
    count = inside.sum(0)
    mean = (values * inside).sum(0) / count
    return float(torch.sqrt((((values - mean) * inside) ** 2).sum(0) / count).mean())


def relation_section(by_head: dict[str, list[list[RelationFacts]]]) -> list[str]:
    """A table of the facts: for each head a list of runs, each with its relations; medians over runs."""
    rows = []
    for head, runs in by_head.items():
        for same in zip(*runs, strict=True):
            measures = [
                median(getattr(facts, name) for facts in same)
                for name in ("entropy", "content", "position", "content_deviation", "position_deviation")
            ]
            rows.append([head, same[0].step, *(f"{value:.2f}" for value in measures)])
    if not rows:
        return []
    titles = ["head", "step", "entropy", "explained by content", "by position", "deviation of content", "of position"]
    return [
        "### What the relations do",
        "",
        f"Means over the cells of {SCENES} scenes, then medians over seeds. Entropy: of the relation weights, over "
        "that of a plain average (1 would mean that the relation selects nothing). Explained: how far the content "
        "part q·k or the position part of the scores alone gives the same weights (1 fully, 0 no better than a plain "
        "average; below 0 worse). Deviation: of either part over the window, in score units.",
        "",
        *table(titles, rows),
        "",
    ]
