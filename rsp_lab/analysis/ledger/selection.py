"""What selecting did to a decision: the gain over taking the window whole, and which context was refused where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from rsp_lab.analysis.ledger.difference import LedgerDifference, map_differences
from rsp_lab.analysis.ledger.explainable import check_affine
from rsp_lab.analysis.ledger.footprint import on_pixels
from rsp_lab.analysis.ledger.freeze import frozen_for
from rsp_lab.analysis.ledger.frozen_head import FrozenHead
from rsp_lab.analysis.ledger.ledger import ContextLedger, context_ledger
from rsp_lab.analysis.ledger.residual import check_residual
from rsp_lab.analysis.targets.target import Target, target_value
from rsp_lab.models.relation import required_relations
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.relations.precision import full_precision
from rsp_lab.rgb import ImageLike
from rsp_lab.shapes import step_levels
from rsp_lab.summary import Rows, Summarised
from rsp_lab.text import rounded, signed_fixed

GAIN_RULE = (
    "ledger with the learnt relation weights minus the ledger with equal weights on the window positions on the map, "
    "Q maps and everything else held fixed"
)
REJECTION_RULE = (
    "derivative of the target with respect to the context of a cell, times (f_v of what lies at the cell's own "
    "position - the context it took): positive where context of the class was refused, negative where it was added"
)


@dataclass(frozen=True, eq=False)
class SelectionGain(Summarised):
    """How far a decision owes its margin to the choice within the windows, in logits.

    Attributes:
        steps: whose weights were replaced, highest first; all of them at once.
        learnt: ledger of the head as it is.
        uniform: ledger of the same head with equal weights at ``steps``; its total is that head's own output.
    """

    steps: tuple[str, ...]
    learnt: ContextLedger
    uniform: ContextLedger

    @property
    def total(self) -> float:
        """The target's value with learnt weights minus that with equal ones."""
        return self.learnt.total - self.uniform.total

    @property
    def bias(self) -> float:
        """The part of the gain that depends on no Q cell: 0 to rounding where learnt weights sum to 1."""
        return self.learnt.bias - self.uniform.bias

    @property
    def maps(self) -> dict[int, Tensor]:
        """Gain of each cell, (v, u) by level; all of them and :attr:`bias` add up to :attr:`total`."""
        return map_differences(self.learnt.maps, self.uniform.maps, self.learnt.image_size)

    @property
    def ledger(self) -> ContextLedger:
        """The gain as a ledger of its own: it is the difference of two, entry by entry."""
        return LedgerDifference(self.learnt, self.uniform).ledger

    @property
    def sums(self) -> dict[int, float]:
        """Gain by level."""
        return {x: float(values.sum()) for x, values in self.maps.items()}

    def on_image(self, level: int | None = None) -> Float[Tensor, "y x"]:
        """Gain at image size of one level or of all, see :meth:`ContextLedger.on_image`."""
        return self.learnt.on_image(level) - self.uniform.on_image(level)

    def _summary(self) -> tuple[str, Rows]:
        return f"SelectionGain: {self.learnt.target.describe()}", [
            ("steps", ", ".join(self.steps)),
            ("total, learnt", signed_fixed(self.learnt.total, 4)),
            ("total, uniform", signed_fixed(self.uniform.total, 4)),
            *((f"gain on level {x}", signed_fixed(gain, 4)) for x, gain in reversed(self.sums.items())),
            ("total gain", signed_fixed(self.total, 4)),
        ]

    def to_dict(self) -> dict[str, Any]:
        return {
            "target": self.learnt.target.describe(),
            "unit": "logits",
            "rule": GAIN_RULE,
            "steps": list(self.steps),
            "total_learnt": rounded(self.learnt.total),
            "total_uniform": rounded(self.uniform.total),
            "total": rounded(self.total),
            "bias": rounded(self.bias),
            "levels": rounded({str(x): value for x, value in self.sums.items()}),
            "residuals": {"learnt": self.learnt.residual, "uniform": self.uniform.residual},
        }


@dataclass(frozen=True, eq=False)
class StepRejection(Summarised):
    """What one relation step refused and added of the context of a decision, in logits.

    Attributes:
        step: e.g. ``"step54"``.
        values: (y, x) at the low level's size, by :data:`REJECTION_RULE`; float64, on the CPU.
        taken: (y, x), the derivative times the context taken: how much of the target came down here.
        passed: (y, x), the same for what the baseline's rule would have passed; ``values == passed - taken``.
        density: logits at the cell's own place, for a target over a region: ``values`` times the region's pixels, over
            the pixels under a cell. Over the whole image its mean is the change of the mean logit.
    """

    step: str
    values: Float[Tensor, "y x"]
    taken: Float[Tensor, "y x"]
    passed: Float[Tensor, "y x"]
    density: Float[Tensor, "y x"]

    @property
    def total(self) -> float:
        """Exactly how much the target would change if this step alone took each cell's own position whole."""
        return float(self.values.sum())

    @property
    def refused(self) -> float:
        """Sum of the positive values."""
        return float(self.values.clamp_min(0).sum())

    @property
    def added(self) -> float:
        """Sum of the negative values, with its sign."""
        return float(self.values.clamp_max(0).sum())


@dataclass(frozen=True, eq=False)
class RejectionMap(Summarised):
    """The relation steps of a model on one decision, highest first.

    Attributes:
        target: what is explained.
        image_size: (y, x) in pixels.
        steps: one a relation step.
        residual: largest deviation of a step's total from the change that replacing its weights makes, over
            ``max(1, |logit| before + |logit| after + sum of |passed| + |taken|)``.
        tolerance: what ``residual`` was held to.
    """

    target: Target
    image_size: tuple[int, int]
    steps: tuple[StepRejection, ...]
    residual: float
    tolerance: float

    def __getitem__(self, step: str) -> StepRejection:
        """The map of one step, by name."""
        for found in self.steps:
            if found.step == step:
                return found
        raise KeyError(f"no relation step {step!r}; there are {[s.step for s in self.steps]}.")

    def __contains__(self, step: str) -> bool:
        return any(found.step == step for found in self.steps)

    def on_image(self, step: str) -> Float[Tensor, "y x"]:
        """One step's values at image size; the sum is preserved."""
        return on_pixels(self[step].values, self.image_size)

    def _summary(self) -> tuple[str, Rows]:
        return f"RejectionMap: {self.target.describe()}", [
            *(
                (one.step, f"refused {signed_fixed(one.refused, 4)}, added {signed_fixed(one.added, 4)} logits")
                for one in self.steps
            ),
            ("residual", self.residual),
        ]

    def to_dict(self) -> dict[str, Any]:
        return {
            "target": self.target.describe(),
            "unit": "logits",
            "rule": REJECTION_RULE,
            "steps": {
                s.step: {
                    "cells": list(s.values.shape),
                    **rounded({"total": s.total, "refused": s.refused, "added": s.added}),
                }
                for s in self.steps
            },
            "residual": self.residual,
            "tolerance": self.tolerance,
        }


def selection_gain(
    model: Segmenter | FrozenHead,
    image: ImageLike,
    target: Target,
    *,
    steps: str | Sequence[str] | None = None,
) -> SelectionGain:
    """What the learnt relation weights gain a decision over equal ones, by :data:`GAIN_RULE`.

    Args:
        model: in eval mode, with relations. A frozen head of it on this image saves the forward pass.
        image: RGB, uint8 or float in [0, 1]; see :mod:`rsp_lab.rgb`.
        target: a class or rival that it leaves open is what the model predicts.
        steps: replace the weights of these steps only, e.g. ``"step54"``; None replaces all.

    Raises:
        ValueError: if the model has no relations, or not at ``steps``; for a target that does not fit.
        LedgerError: if either ledger does not add up.
    """
    frozen, target = _frozen_relations(model, image, target)
    chosen = _chosen(frozen, steps)
    uniform = frozen.with_weights({name: frozen.uniform_weights(name) for name in chosen})
    return SelectionGain(
        chosen, context_ledger(frozen, frozen.image, target), context_ledger(uniform, uniform.image, target)
    )


def rejection_map(model: Segmenter | FrozenHead, image: ImageLike, target: Target) -> RejectionMap:
    """Where each relation step refused or added context of a class, by :data:`REJECTION_RULE`.

    What it compares with is the baseline's rule, weight 1 on each cell's own position, sent through the same f_v: only
    the selection differs. For a whole class take :func:`~rsp_lab.analysis.targets.regions.whole_image` or
    :func:`~rsp_lab.analysis.targets.regions.class_zone` as the target.

    Args:
        model: in eval mode, with relations. A frozen head of it on this image saves the forward pass.
        image: RGB, uint8 or float in [0, 1]; see :mod:`rsp_lab.rgb`.
        target: a class or rival that it leaves open is what the model predicts.

    Raises:
        ValueError: if the model has no relations; for a target that does not fit.
        LedgerError: if a map does not add up to the change that it states.
    """
    frozen, target = _frozen_relations(model, image, target)
    with full_precision(frozen.logits.device):
        return _rejections(frozen, target)


def _frozen_relations(model: Segmenter | FrozenHead, image: ImageLike, target: Target) -> tuple[FrozenHead, Target]:
    """A model's head at a target; without relations it is refused before it runs."""
    if not isinstance(model, FrozenHead):
        check_affine(model)
        required_relations(model.head)
    frozen, target = frozen_for(model, image, target)
    assert isinstance(frozen, FrozenHead)
    return frozen, target


def _rejections(frozen: FrozenHead, target: Target) -> RejectionMap:
    chosen = _chosen(frozen, None)
    gradients, seen = frozen.gradients(target), frozen.step_values()
    height, width = frozen.image_size
    found, residual = [], 0.0
    before = _logit(frozen, target)
    for name in chosen:
        gradient = gradients[step_levels(name)[1]]
        passed, taken = (
            torch.einsum("bcyx,bcyx->yx", gradient, x).double().cpu() for x in (seen[name].value, seen[name].context)
        )
        values = passed - taken
        per_cell = height * width / values.numel()
        step = StepRejection(name, values, taken, passed, values * (target.pixels / per_cell))
        after = _logit(frozen.with_weights({name: frozen.centre_weights(name)}), target)
        scale = max(1.0, abs(before) + abs(after) + float(passed.abs().sum() + taken.abs().sum()))
        residual = max(residual, abs(after - before - step.total) / scale)
        found.append(step)
    check_residual(residual, frozen.tolerance, f"the rejection of {target.describe()}")
    return RejectionMap(target, frozen.image_size, tuple(found), residual, frozen.tolerance)


def _chosen(frozen: FrozenHead, steps: str | Sequence[str] | None) -> tuple[str, ...]:
    required_relations(frozen.head)
    steps = (steps,) if isinstance(steps, str) else steps
    for name in steps or ():
        frozen.relation_weights(name)
    if steps is not None and not steps:
        raise ValueError("steps is empty: name one or more, or leave it out for all.")
    return tuple(name for name in frozen.steps if steps is None or name in steps)


def _logit(frozen: FrozenHead, target: Target) -> float:
    return target_value(frozen.logits[0], target, frozen.image_size, frozen.class_names)
