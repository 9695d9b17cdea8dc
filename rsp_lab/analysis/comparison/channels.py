"""Which channel to show, by a stated rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from rsp_lab.summary import Summarised

SELECTIVITY_RULE = (
    "the channel c with the largest min(|d'_left|, |d'_right|), where d' = (mean inside - mean outside) / pooled "
    "standard deviation of channel c of the map after {step}, inside being the cells that a model labels {name}"
)
VARIANCE_RULE = (
    "the channel with the largest min(standard deviation left, right) of the map after {step}, "
    "because {name} covers no cell or all cells of it in one of the models"
)
DIFFERENCE_RULE = (
    "the channel c with the largest difference of |d'_left| and |d'_right|, where d' = (mean inside - mean outside) / "
    "pooled standard deviation of channel c of the map after {step}, inside being the cells that a model labels {name}"
)
ALONE_RULE = (
    "the channel c with the largest |d'|, where d' = (mean inside - mean outside) / pooled standard deviation of "
    "channel c of the map after {step}, inside being the cells that the model labels {name}"
)
VARIANCE_ALONE_RULE = (
    "the channel with the largest standard deviation of the map after {step}, because {name} covers no cell or all "
    "cells of it"
)
VARIANCE_DIFFERENCE_RULE = (
    "the channel with the largest difference of the standard deviations left and right of the map after {step}, "
    "because {name} covers no cell or all cells of it in one of the models"
)


@dataclass(frozen=True)
class ChannelChoice(Summarised):
    """The channel shown for both models, or for one.

    Attributes:
        channel: index, from 0.
        rule: how it was chosen, in words.
        left, right: each model's value of the rule's measure at that channel; None if the channel was given. One model
            alone is the left one.
    """

    channel: int
    rule: str
    left: float | None = None
    right: float | None = None

    def to_dict(self) -> dict[str, Any]:
        return {"channel": self.channel, "rule": self.rule, "left": self.left, "right": self.right}


def class_selectivity(maps: Float[Tensor, "c y x"], inside: Bool[Tensor, "y x"]) -> Float[Tensor, " c"]:
    """d' of every channel: how many pooled standard deviations the class's cells lie above the others.

    Raises:
        ValueError: if the class covers no cell or all cells.
    """
    if not inside.any() or inside.all():
        raise ValueError("selectivity needs cells inside and outside the class; this class covers none or all.")
    within, without = maps[:, inside], maps[:, ~inside]
    pooled = ((within.var(1, correction=0) + without.var(1, correction=0)) / 2).sqrt()
    return (within.mean(1) - without.mean(1)) / pooled.clamp_min(1e-6)


def _deviation(maps: Float[Tensor, "c y x"]) -> Float[Tensor, " c"]:
    """Standard deviation of every channel over its map; 0 for a map of one cell, as of a small image."""
    return maps.flatten(1).std(1, correction=0)


def class_cells(coarse_logits: Float[Tensor, "class v u"], index: int, size: tuple[int, int]) -> Bool[Tensor, "y x"]:
    """Cells of a map of ``size`` that the model labels with class ``index``, from its stride-4 logits."""
    resized = F.interpolate(coarse_logits[None], size=size, mode="bilinear", align_corners=False)[0]
    return resized.argmax(0) == index


@dataclass(frozen=True)
class RankedChannel:
    """One channel in a :class:`ChannelRanking`.

    Attributes:
        channel: index, from 0.
        left, right: each model's value of the measure, with its sign.
        score: what it is ranked by.
    """

    channel: int
    left: float
    right: float
    score: float


@dataclass(frozen=True)
class ChannelRanking(Summarised):
    """All channels, the best first.

    Attributes:
        rule: how they are ranked, in words.
        channels: each once; of equal scores the lower index first.
    """

    rule: str
    channels: tuple[RankedChannel, ...]


def rank_channels(
    left: Float[Tensor, "c y x"],
    right: Float[Tensor, "c y x"],
    inside_left: Bool[Tensor, "y x"],
    inside_right: Bool[Tensor, "y x"],
    *,
    step: str,
    name: str,
    by: Literal["selectivity", "difference"] = "selectivity",
) -> ChannelRanking:
    """Channels by how well both models tell a class apart in them, or by how much better one of them does.

    Both measures compare magnitudes of d', never values of the maps: channels of separately trained models need not
    correspond, nor have the same sign. Where a model gives no cell or every cell the class, d' does not exist, and
    the standard deviation over the map takes its place.

    Raises:
        ValueError: if the models have different numbers of channels.
    """
    if left.shape[0] != right.shape[0]:
        raise ValueError(
            f"the models have {left.shape[0]} and {right.shape[0]} channels, so none is chosen for both: name one."
        )
    try:
        measures = torch.stack([class_selectivity(left, inside_left), class_selectivity(right, inside_right)])
        rules = {"selectivity": SELECTIVITY_RULE, "difference": DIFFERENCE_RULE}
    except ValueError:
        measures = torch.stack([_deviation(left), _deviation(right)])
        rules = {"selectivity": VARIANCE_RULE, "difference": VARIANCE_DIFFERENCE_RULE}
    sizes = measures.abs()
    scores = sizes.amin(0) if by == "selectivity" else (sizes[1] - sizes[0]).abs()
    ranked = tuple(
        RankedChannel(c, float(measures[0, c]), float(measures[1, c]), float(scores[c]))
        for c in scores.argsort(descending=True, stable=True).tolist()
    )
    return ChannelRanking(rules[by].format(step=step, name=name), ranked)


def choose_channel(
    left: Float[Tensor, "c y x"],
    right: Float[Tensor, "c y x"],
    inside_left: Bool[Tensor, "y x"],
    inside_right: Bool[Tensor, "y x"],
    *,
    step: str,
    name: str,
) -> ChannelChoice:
    """One channel for both models that tells a class apart in each of them: the first of :func:`rank_channels`.

    The rule asks for a channel that speaks about the class in both, and never picks by how different the two look.

    Raises:
        ValueError: if the models have different numbers of channels.
    """
    ranking = rank_channels(left, right, inside_left, inside_right, step=step, name=name)
    best = ranking.channels[0]
    return ChannelChoice(best.channel, ranking.rule, round(best.left, 4), round(best.right, 4))


def choose_channel_alone(
    maps: Float[Tensor, "c y x"], inside: Bool[Tensor, "y x"], *, step: str, name: str
) -> ChannelChoice:
    """The channel of one model that tells a class apart best, by :data:`ALONE_RULE`.

    Where the model gives no cell or every cell the class, the standard deviation over the map takes the place of d'.

    Args:
        maps: after ``step``.
        inside: cells that the model labels with the class.
        step: e.g. ``"step43"``, for the rule's words.
        name: of the class, for the rule's words.
    """
    try:
        measure, rule = class_selectivity(maps, inside), ALONE_RULE
    except ValueError:
        measure, rule = _deviation(maps), VARIANCE_ALONE_RULE
    best = int(measure.abs().argmax())
    return ChannelChoice(best, rule.format(step=step, name=name), round(float(measure[best]), 4))
