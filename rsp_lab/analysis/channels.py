"""Which channel to show, by a stated rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

SELECTIVITY_RULE = (
    "the channel c with the largest min(|d'_left|, |d'_right|), where d' = (mean inside - mean outside) / pooled "
    "standard deviation of channel c of the map after {step}, inside being the cells that a model labels {name}"
)
VARIANCE_RULE = (
    "the channel with the largest min(standard deviation left, right) of the map after {step}, "
    "because {name} covers no cell or all cells of it in one of the models"
)


@dataclass(frozen=True)
class ChannelChoice:
    """The channel shown for both models.

    Attributes:
        channel: index, from 0.
        rule: how it was chosen, in words.
        left, right: each model's value of the rule's measure at that channel; None if the channel was given.
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


def class_cells(coarse_logits: Float[Tensor, "class v u"], index: int, size: tuple[int, int]) -> Bool[Tensor, "y x"]:
    """Cells of a map of ``size`` that the model labels with class ``index``, from its stride-4 logits."""
    resized = F.interpolate(coarse_logits[None], size=size, mode="bilinear", align_corners=False)[0]
    return resized.argmax(0) == index


def choose_channel(
    left: Float[Tensor, "c y x"],
    right: Float[Tensor, "c y x"],
    inside_left: Bool[Tensor, "y x"],
    inside_right: Bool[Tensor, "y x"],
    *,
    step: str,
    name: str,
) -> ChannelChoice:
    """One channel for both models that tells a class apart in each of them.

    Channels of separately trained models need not correspond; the rule therefore asks for a channel that speaks about
    the class in both, and never picks by how different the two look.

    Raises:
        ValueError: if the models have different numbers of channels.
    """
    if left.shape[0] != right.shape[0]:
        raise ValueError(f"the models have {left.shape[0]} and {right.shape[0]} channels: give one with --channel.")
    try:
        scores = torch.stack([class_selectivity(left, inside_left), class_selectivity(right, inside_right)])
        rule = SELECTIVITY_RULE
    except ValueError:
        scores = torch.stack([left.flatten(1).std(1), right.flatten(1).std(1)])
        rule = VARIANCE_RULE
    channel = int(scores.abs().amin(0).argmax())
    return ChannelChoice(
        channel,
        rule.format(step=step, name=name),
        round(float(scores[0, channel]), 4),
        round(float(scores[1, channel]), 4),
    )
