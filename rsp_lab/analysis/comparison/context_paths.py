"""Which context went down to a decision and which was refused, step by step and cell by cell (Fig. 5 b).

A step offers each cell what lies at the cell's own position of the upsampled map above: all that a sum would pass. What
the cell took instead is its context. Both are measured by what they add to one decision, in logits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rsp_lab.analysis.comparison.pixel_view import PixelView
from rsp_lab.analysis.ledger.selection import rejection_map
from rsp_lab.analysis.passes.view import ModelView
from rsp_lab.analysis.targets.regions import flipped_region
from rsp_lab.analysis.targets.target import PixelTarget, Target, target_value
from rsp_lab.shapes import step_levels
from rsp_lab.summary import Rows, Summarised
from rsp_lab.text import rounded, signed_fixed

PATHS_RULE = (
    "offered: derivative of the target with respect to a cell's context, times what lies at the cell's own position "
    "(through f_v where there is a relation); taken: the same times the context; refused: what of the offered, for the "
    "class or for its rival, exceeds what was taken for the same side"
)


@dataclass(frozen=True, eq=False)
class StepPath(Summarised):
    """One step of one model, in logits of the decision.

    Attributes:
        name: e.g. ``"step54"``.
        passes_all: True for a sum, whose context is all that it is offered.
        offered, taken: (y, x) at the low level's size, signed; equal where all is passed. float64.
    """

    name: str
    passes_all: bool
    offered: Float[Tensor, "y x"]
    taken: Float[Tensor, "y x"]

    @property
    def low(self) -> int:
        return step_levels(self.name)[1]

    @property
    def taken_for(self) -> Float[Tensor, "y x"]:
        """What came down for the class; not negative."""
        return self.taken.clamp_min(0)

    @property
    def taken_against(self) -> Float[Tensor, "y x"]:
        """What came down for the rival (or against the class); not negative."""
        return (-self.taken).clamp_min(0)

    @property
    def refused_for(self) -> Float[Tensor, "y x"]:
        """Context for the class that was offered and not taken; 0 where as much or more was taken."""
        return (self.offered.clamp_min(0) - self.taken_for).clamp_min(0)

    @property
    def refused_against(self) -> Float[Tensor, "y x"]:
        """Context for the rival that was offered and not taken."""
        return ((-self.offered).clamp_min(0) - self.taken_against).clamp_min(0)

    @property
    def passage(self) -> Float[Tensor, "y x"]:
        """Size of what came down, whichever side it is for: the green path."""
        return self.taken.abs()

    @property
    def refusal(self) -> Float[Tensor, "y x"]:
        """Size of what was refused, whichever side it is for: the red path."""
        return self.refused_for + self.refused_against

    def to_dict(self) -> dict[str, Any]:
        """Sums over the map, in logits."""
        names = ("offered", "taken", "taken_for", "taken_against", "refused_for", "refused_against")
        sums = {name: getattr(self, name).sum() for name in names}
        return {"step": self.name, "passes_all": self.passes_all, **rounded(sums)}


@dataclass(frozen=True, eq=False)
class ContextPaths(Summarised):
    """The steps above level 3 of one model on one decision, highest first.

    Attributes:
        name: of the model.
        target: the decision.
        target_value: the target's value in the model, logits.
        image_size: (y, x) in pixels.
        steps: one per step.
        residual: largest deviation of a relation step's offered minus taken from the change that passing all makes,
            relative (:func:`rsp_lab.analysis.ledger.selection.rejection_map`); 0 for a model that selects nothing.
    """

    name: str
    target: Target
    target_value: float
    image_size: tuple[int, int]
    steps: tuple[StepPath, ...]
    residual: float

    def _summary(self) -> tuple[str, Rows]:
        return f"ContextPaths of {self.name}: {self.target.describe()}", [
            ("target", self.target_value),
            *(
                (
                    one.name,
                    f"offered {signed_fixed(float(one.offered.sum()), 3)}, "
                    f"taken {signed_fixed(float(one.taken.sum()), 3)} logits",
                )
                for one in self.steps
            ),
            ("residual", self.residual),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {
            "model": self.name,
            "target": self.target.describe(),
            "unit": "logits",
            "rule": PATHS_RULE,
            "target_value": rounded(self.target_value),
            "steps": [step.to_dict() for step in self.steps],
            "residual": self.residual,
        }


def decision_of(view: PixelView) -> Target:
    """The decision that two models part over at a pixel, else the last model's at that pixel.

    Where their labels differ: the right model's class over the left one's, mean over the connected region on which both
    models say what they say at the pixel. Where they agree, or for one model: the class over the (right) model's
    runner-up, at the pixel.
    """
    left, right = view.answers[0], view.answers[-1]
    if left.label == right.label:
        return PixelTarget(*view.pixel, right.label, right.runner_up)
    labels = view.views[0].labels, view.views[-1].labels
    return flipped_region(*labels, view.pixel, view.class_names, right.label, left.label)


def context_paths(view: PixelView, target: Target | None = None) -> tuple[ContextPaths, ...]:
    """Each model's paths to one decision, left to right, from the captured passes of a comparison or of one model.

    Args:
        view: of one or two models.
        target: the decision; default: :func:`decision_of` the view.

    Raises:
        ValueError: for a target that does not fit.
        LedgerError: if what was refused does not add up.
    """
    decision = decision_of(view) if target is None else target
    return tuple(paths_of(side, decision) for side in view.views)


def paths_of(view: ModelView, target: Target) -> ContextPaths:
    """One model's paths, from its captured pass.

    Raises:
        ValueError, LedgerError: as :func:`context_paths`.
    """
    frozen = view.looked.head
    target = frozen.resolved(target)
    gradients = frozen.gradients(target)
    rejections = rejection_map(frozen, frozen.image, target) if frozen.steps else None
    steps = []
    for step in view.flow:
        if rejections is not None and step.name in frozen.steps:
            found = rejections[step.name]
            steps.append(StepPath(step.name, False, found.passed, found.taken))
            continue
        gradient = gradients[step.low][0].double()
        offered, taken = ((gradient * x.double()).sum(0).cpu() for x in (step.passed, step.context))
        steps.append(StepPath(step.name, torch.equal(step.passed, step.context), offered, taken))
    value = target_value(frozen.logits[0], target, frozen.image_size, frozen.class_names)
    residual = rejections.residual if rejections is not None else 0.0
    return ContextPaths(view.name, target, value, frozen.image_size, tuple(steps), residual)


def core(values: Float[Tensor, "y x"], share: float = 0.8) -> Bool[Tensor, "y x"]:
    """The fewest cells that hold ``share`` of a map without negative values; none where it is 0 everywhere.

    Raises:
        ValueError: if ``share`` is not in (0, 1].
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must be above 0 and at most 1, got {share:g}. Use 0.8.")
    flat = values.flatten()
    total = float(flat.sum())
    if not total > 0:
        return torch.zeros_like(values, dtype=torch.bool)
    order = flat.argsort(descending=True, stable=True)
    # As many as are needed to reach the share: those before which it was not reached yet.
    before = flat[order].cumsum(0) - flat[order]
    chosen = torch.zeros_like(flat, dtype=torch.bool)
    chosen[order[before < share * total * (1 - 1e-12)]] = True
    return chosen.reshape(values.shape)


def middle(values: Float[Tensor, "y x"], image_size: tuple[int, int]) -> tuple[float, float] | None:
    """(y, x) in pixels of the centre of mass of a map without negative values; None where it is 0 everywhere."""
    total = float(values.sum())
    if not total > 0:
        return None
    y, x = (
        (torch.arange(n, dtype=values.dtype) + 0.5) * pixels / n - 0.5
        for n, pixels in zip(values.shape, image_size, strict=True)
    )
    return float((values.sum(1) * y).sum() / total), float((values.sum(0) * x).sum() / total)
