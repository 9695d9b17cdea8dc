"""A target's value and derivatives under all settings of what is held: each player as on one image or as on another.

The first of two ways needs a network that can be run only, the second one a head whose steps are known. The derivative
with respect to a map depends on the steps below it alone, so that a walk up the steps shares what settings have in
common: a step with j others below it is passed for 2^(j + 1) settings at once, the lowest and largest for two, where
running every setting passes each of k steps 2^k times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

from rsp_lab.analysis.ledger.frozen_head import FrozenHead
from rsp_lab.analysis.ledger.frozen_pass import FrozenPass
from rsp_lab.analysis.targets.target import Target, target_value
from rsp_lab.models.fusion import TopDownStep, resize
from rsp_lab.models.heads import TopDownHead
from rsp_lab.relations.precision import full_precision

Setting = tuple[bool, ...]
"""Of each player, in their order, whether it is as on the other image."""


@dataclass(frozen=True, eq=False)
class SettingReading:
    """A target in one setting.

    Attributes:
        value: of the target on the maps of the first image, in logits.
        gradients: of the value, (1, c, y, x) by level; settings share those in which they do not differ.
    """

    value: float
    gradients: dict[int, Tensor]


Readings = dict[Setting, SettingReading]


def all_settings(before: FrozenPass, after: FrozenPass, targets: Sequence[Target]) -> list[Readings]:
    """Each target in every setting of two passes of one network, by the way that takes the least time.

    Raises:
        ValueError: for a target that does not fit.
    """
    if isinstance(before, FrozenHead) and isinstance(after, FrozenHead) and isinstance(before.head, TopDownHead):
        return [climb_settings(before, after, target) for target in targets]
    return run_settings(before, after, targets)


def run_settings(before: FrozenPass, after: FrozenPass, targets: Sequence[Target]) -> list[Readings]:
    """Of each target, by running every setting: 2^k forward passes, and as many backward passes a target.

    Raises:
        ValueError: for a target that does not fit.
    """
    found: list[Readings] = [{} for _ in targets]
    for setting in product((False, True), repeat=len(before.players)):
        moved = {name for name, moves in zip(before.players, setting, strict=True) if moves}
        head = before.moved(after, moved)
        for readings, target in zip(found, targets, strict=True):
            value = target_value(head.recomputed_logits[0], target, head.image_size, head.class_names)
            readings[setting] = SettingReading(value, head.gradients(target))
    return found


def climb_settings(before: FrozenHead, after: FrozenHead, target: Target) -> Readings:
    """Of one target of a top-down head, from its lowest step to the highest; equal to :func:`run_settings` to rounding.

    Args:
        before, after: of one head, on images of one size.
        target: with class and rival.

    Raises:
        ValueError: for a target that does not fit.
    """
    head = before.head
    assert isinstance(head, TopDownHead)
    weights = before.target_weights(target)
    with full_precision(before.logits.device):
        # Settings of the steps passed so far, lowest first, along the first axis of what follows.
        settings: list[Setting] = [()]
        gradient, values = F.conv_transpose2d(weights, head.classifier.weight), _constant(weights, head.classifier.bias)
        found: dict[int, dict[Setting, Tensor]] = {}
        for step in reversed(list(head.steps)):
            assert isinstance(step, TopDownStep)
            found[step.low] = dict(zip(settings, gradient.split(1), strict=True))
            values = values + _products(gradient, before.q[step.low])
            held = (before, after) if step.name in before.players else (before,)
            pulled = [_pulled(one, step, gradient, before.q[step.low + 1]) for one in held]
            if len(held) > 1:
                settings = [(*setting, moves) for moves in (False, True) for setting in settings]
            gradient = torch.cat([one for one, _ in pulled])
            values = torch.cat([values + constant for _, constant in pulled])
        top = head.config.levels[-1]
        found[top] = dict(zip(settings, gradient.split(1), strict=True))
        values = values + _products(gradient, before.q[top])
    steps_below = {level: len(next(iter(one))) for level, one in found.items()}
    return {
        setting[::-1]: SettingReading(
            value, {level: found[level][setting[: steps_below[level]]] for level in before.levels}
        )
        for setting, value in zip(settings, values.tolist(), strict=True)
    }


def _constant(weights: Tensor, bias: Tensor | None) -> Tensor:
    """What the classifier adds whatever it reads."""
    return weights.new_zeros(1).double() if bias is None else _products(weights, bias[:, None, None])


def _pulled(held: FrozenHead, step: TopDownStep, gradient: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Derivatives with respect to the map above a step, from those with respect to the map that it makes; and what the
    step adds whatever is above it."""
    with torch.enable_grad():
        zero = torch.zeros(len(gradient), *high.shape[1:], dtype=high.dtype, device=high.device, requires_grad=True)
        taken = held.context(step, resize(zero, gradient.shape[-2:]))
        (pulled,) = torch.autograd.grad(taken, zero, gradient)
    return pulled, _products(gradient, taken.detach())


def _products(first: Tensor, second: Tensor) -> Tensor:
    """Inner products over all axes but the first, in double precision."""
    return (first.double() * second.double()).flatten(1).sum(1)
