"""What the relations of a study's networks do, for the question why a relation wins or does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, median
from typing import Any

import torch
from torch import Tensor

from rsp_lab.analysis.relation_weights.complementarity import Complementarity, complementarity
from rsp_lab.analysis.relation_weights.gaze import StepGaze, gaze_steps
from rsp_lab.data.scenes.scene import Scene
from rsp_lab.models.relation import relation_modules
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject
from rsp_lab.relations.window import window_mask
from rsp_lab.text import fixed, markdown_table, percent

SCENES = 8
"""Scenes over which the facts are averaged."""
_MEASURES = {
    "entropy": "entropy",
    "content": "explained by content",
    "position": "by position",
    "content_deviation": "deviation of content",
    "position_deviation": "of position",
    "complementarity": "complementarity",
    "shuffled": "above shuffled pairs",
}


@dataclass(frozen=True)
class RelationFacts:
    """One relation of one network, means over cells and scenes.

    Attributes:
        step: e.g. step54.
        entropy: of the weights over the logarithm of the positions on the map; 1 is a plain average.
        content, position: how much of the selection either part of the scores alone explains, 1 all, 0 none.
        content_deviation, position_deviation: standard deviation of either part over the window, in score units; a
            softmax over scores that deviate by much less than 1 is nearly an average.
        complementarity: score of query and key over the scenes, by
            :data:`rsp_lab.analysis.relation_weights.complementarity.COMPLEMENTARITY_RULE`.
        shuffled: percentile of that score among pairings of channels at random.
    """

    step: str
    entropy: float
    content: float
    position: float
    content_deviation: float
    position_deviation: float
    complementarity: float
    shuffled: float

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return asdict(self)


def relation_facts(model: Segmenter | Subject, scenes: Sequence[Scene]) -> list[RelationFacts]:
    """The facts of every relation of a network in evaluation mode, highest step first; none without relations."""
    if not isinstance(model, Segmenter) or not relation_modules(model):
        return []
    images = [scene.image for scene in scenes[:SCENES]]
    looks = [gaze_steps(model, image) for image in images]
    scores = {found.step: found for found in complementarity(model, images, random_models=0)}
    return [_mean_of(list(steps), scores[steps[0].step]) for steps in zip(*looks, strict=True)]


def _mean_of(steps: list[StepGaze], score: Complementarity) -> RelationFacts:
    return RelationFacts(
        step=steps[0].step,
        entropy=fmean(float(step.readings["full"].normalised_entropy.nanmean()) for step in steps),
        content=fmean(step.explained("content") for step in steps),
        position=fmean(step.explained("position") for step in steps),
        content_deviation=fmean(_deviation(step, step.content) for step in steps),
        position_deviation=fmean(_deviation(step, step.position) for step in steps),
        complementarity=score.score,
        shuffled=score.shuffled.percentile,
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
            measures = [median(getattr(facts, name) for facts in same) for name in _MEASURES]
            rows.append([head, same[0].step, *map(fixed, measures[:-1]), percent(measures[-1] / 100, 0)])
    if not rows:
        return []
    titles = ["head", "step", *_MEASURES.values()]
    return [
        "### What the relations do",
        "",
        f"Means over the cells of {SCENES} scenes, then medians over seeds. Entropy: of the relation weights, over "
        "that of a plain average (1 would mean that the relation selects nothing). Explained: how far the content "
        "part q·k or the position part of the scores alone gives the same weights (1 fully, 0 no better than a plain "
        "average; below 0 worse). Deviation: of either part over the window, in score units. Complementarity: of key "
        "and query maps, from −1 (they agree) to 1 (one is high where the other is low, as in the paper's Fig. 4); "
        "beside it, which share of random pairings of channels scores lower. Under + SELF query and key come from "
        "one map: the null of the cross-scale setting.",
        "",
        *markdown_table(titles, rows),
        "",
    ]
