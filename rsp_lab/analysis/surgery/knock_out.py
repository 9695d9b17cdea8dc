"""Levels taken away: what a decision loses with everything else held, and what it loses in the running network.

With all gates held the loss of a level is its contribution in the ledger. In the running network all that lies behind
the maps answers to what is left: relation weights, activations, norms, attention. The difference is the reaction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from rsp_lab.analysis.ledger.freeze import frozen_for
from rsp_lab.analysis.ledger.frozen_pass import FrozenPass
from rsp_lab.analysis.ledger.frozen_subject import FrozenSubject
from rsp_lab.analysis.ledger.ledger import context_ledger
from rsp_lab.analysis.targets.target import Target, target_value
from rsp_lab.models.segmenter import Segmenter, labels_from_logits
from rsp_lab.models.subject import Subject
from rsp_lab.rgb import ImageLike
from rsp_lab.shapes import level_name, strides_dict
from rsp_lab.summary import Rows, Summarised
from rsp_lab.text import percent, rounded, signed_fixed

_SAME = 1e-5
"""What rounding may change of logits that are worked out twice, of the largest."""
KNOCK_OUT_RULE = "all maps of the level set to 0, behind which the network runs on; nothing is retrained"


@dataclass(frozen=True)
class LevelKnockOut(Summarised):
    """What taking one level away does to a decision, in logits.

    Attributes:
        level: which.
        live: target after minus before in the running network, by :data:`KNOCK_OUT_RULE`.
        held: the same with everything held that is not affine: minus the level's contribution in the ledger. None of a
            network whose ledgers do not add up.
        labels_changed: share of the image's pixels whose label changes in the running network.
        flips: share of the gates with two states (ReLU, max pooling) that change; None of a model of ours.
    """

    level: int
    live: float
    held: float | None
    labels_changed: float
    flips: float | None

    @property
    def reaction(self) -> float | None:
        """What the running network adds by reacting: live minus held."""
        return None if self.held is None else self.live - self.held

    def to_dict(self) -> dict[str, Any]:
        return {
            "level": self.level,
            "live": rounded(self.live),
            "held": rounded(self.held),
            "reaction": rounded(self.reaction),
            "labels_changed": rounded(self.labels_changed),
            "gate_flips": rounded(self.flips),
        }


@dataclass(frozen=True, eq=False)
class LevelKnockOuts(Summarised):
    """Each level of a model taken away alone.

    Attributes:
        name: of the model.
        target: whose value changes.
        value: of the target, with all levels.
        levels: lowest first.
        refused: why nothing can be held, in words; empty where it can.
        strides: of a network of another make, by level; see :attr:`FrozenPass.strides`.
        logits: (1, class, v, u), with all levels.
        logits_without: the same by the level that is taken away, in the running network.
    """

    name: str
    target: Target
    value: float
    levels: dict[int, LevelKnockOut]
    refused: str
    strides: dict[int, int] = field(default_factory=dict)
    logits: Tensor = field(default_factory=lambda: torch.zeros(0), repr=False)
    logits_without: dict[int, Tensor] = field(default_factory=dict, repr=False)

    def level_name(self, level: int) -> str:
        """What a level is called, see :func:`rsp_lab.shapes.level_name`."""
        return level_name(level, self.strides)

    def _summary(self) -> tuple[str, Rows]:
        return f"LevelKnockOuts of {self.name}: {self.target.describe()}", [
            ("value", signed_fixed(self.value, 4)),
            *((f"without {self.level_name(x)}", _words(one)) for x, one in reversed(self.levels.items())),
            *((("refused", self.refused),) if self.refused else ()),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {
            "model": self.name,
            "target": self.target.describe(),
            "unit": "logits",
            "rule": KNOCK_OUT_RULE,
            "value": rounded(self.value),
            "levels": [one.to_dict() for one in self.levels.values()],
            **strides_dict(self.strides),
            "refused": self.refused,
        }


def _words(one: LevelKnockOut) -> str:
    held = "" if one.held is None else f", held {signed_fixed(one.held, 4)}"
    flips = "" if one.flips is None else f", {percent(one.flips, 1)} of the gates flip"
    return f"{signed_fixed(one.live, 4)} live{held}, {percent(one.labels_changed, 1)} of the labels change{flips}"


def knock_out_levels(
    model: Segmenter | Subject | FrozenPass,
    image: ImageLike,
    target: Target,
    *,
    beside: LevelKnockOuts | None = None,
) -> LevelKnockOuts:
    """Each level of a model of any make taken away alone; a pass of what lies behind the maps a level.

    Args:
        model: in eval mode, float32 or float64; it is left as it was found. A frozen pass of it on this image saves the
            forward pass.
        image: RGB, uint8 or float in [0, 1]; see :mod:`rsp_lab.rgb`.
        target: a class or rival that it leaves open is what the model predicts with all levels.
        beside: of the same model and image about another target: what the network answers without each level is taken
            over, which is most of the work.

    Raises:
        ValueError: for a target that does not fit, a result beside that is of another model or image, or what
            :func:`~rsp_lab.analysis.ledger.freeze.freeze` refuses.
        FrozenError: for a cut that does not fit the network.
    """
    frozen, target = frozen_for(model, image, target)
    contributions = {} if frozen.refused else context_ledger(frozen, frozen.image, target).sums
    size = frozen.image_size
    if beside is None:
        labels = labels_from_logits(frozen.logits, size)
        answers = {level: _without(frozen, level, labels) for level in frozen.q}
    else:
        _check_same_pass(beside, frozen)
        answers = {x: (beside.logits_without[x], one.labels_changed, one.flips) for x, one in beside.levels.items()}
    value = target_value(frozen.logits[0], target, size, frozen.class_names)
    found = {
        level: LevelKnockOut(
            level=level,
            live=target_value(logits[0], target, size, frozen.class_names) - value,
            held=-contributions[level] if level in contributions else None,
            labels_changed=labels_changed,
            flips=flips,
        )
        for level, (logits, labels_changed, flips) in answers.items()
    }
    without = {level: logits for level, (logits, _, _) in answers.items()}
    return LevelKnockOuts(
        frozen.name, target, value, found, frozen.refused, frozen.strides, frozen.logits.detach(), without
    )


def _without(frozen: FrozenPass, level: int, labels: Tensor) -> tuple[Tensor, float, float | None]:
    """The running network's logits without a level, and the shares of ``labels`` (y, x) and of gates that change."""
    with torch.no_grad():
        logits = frozen.live({**frozen.q, level: torch.zeros_like(frozen.q[level])})
    changed = labels_from_logits(logits, frozen.image_size) != labels
    flips = frozen.gate_flips(level) if isinstance(frozen, FrozenSubject) else None
    return logits, float(changed.double().mean()), flips


def _check_same_pass(beside: LevelKnockOuts, frozen: FrozenPass) -> None:
    logits = frozen.logits.detach()
    same = beside.logits.shape == logits.shape and list(beside.levels) == list(frozen.q)
    if not same or float((beside.logits.to(logits) - logits).abs().max()) > _SAME * float(logits.abs().max()):
        raise ValueError(
            f"what stands beside, of {beside.name}, is of another model or image than {frozen.name} on this one: its "
            "logits are others. Leave beside out."
        )
