"""The level x pixel matrix: which pixels each level's contribution comes from, back through the encoder.

The context ledger ends at the Q maps (of a network of another make, at its cut): with the relation weights, or all
gates, held, a level contributes the product of its map with a fixed gradient, and what the encoder carried to a cell
from elsewhere is booked at that cell. Integrated gradients (Sundararajan, Taly, Yan: ICML 2017) of each level's
contribution take it back to the pixels: a row for each level, whose sum is what that level contributes beyond what it
does on the reference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rsp_lab.analysis.attribution.references import check_reference, reference_image
from rsp_lab.analysis.ledger.freeze import check_runnable, frozen_for, frozen_source
from rsp_lab.analysis.ledger.frozen_pass import FrozenPass
from rsp_lab.analysis.ledger.frozen_subject import FrozenSubject
from rsp_lab.analysis.targets.target import Target
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject
from rsp_lab.relations.precision import full_precision
from rsp_lab.rgb import ImageLike
from rsp_lab.shapes import checked_count
from rsp_lab.summary import Rows, Summarised
from rsp_lab.text import MINUS, rounded, signed_fixed

LEVEL_PIXELS_RULE = (
    "|sum of a level's row - (its contribution on the image - on the reference)|, the largest over levels, / max(1, "
    "sum of |contribution on the image - on the reference|)"
)


@dataclass(frozen=True, eq=False)
class LevelPixels(Summarised):
    """Which pixels the contribution of each level comes from, in logits.

    Attributes:
        target: what is explained.
        rows: (y, x) by level, lowest first; float64. An approximation: the integral is taken at ``steps`` places.
        contributions: of each level on the image, as in the context ledger, whose bias comes on top.
        on_reference: of each level on the reference, with all that is held as on the image.
        reference: what "absent" means.
        steps: places on the way from the reference to the image.
        residual: by :data:`LEVEL_PIXELS_RULE`.
    """

    target: Target
    rows: dict[int, Tensor]
    contributions: dict[int, float]
    on_reference: dict[int, float]
    reference: str
    steps: int
    residual: float

    @property
    def values(self) -> Float[Tensor, "y x"]:
        """All levels together, (y, x) of the image's size."""
        return torch.stack(list(self.rows.values())).sum(0)

    @property
    def sums(self) -> dict[int, float]:
        """Of each row, by level, lowest first."""
        return {level: float(row.sum()) for level, row in self.rows.items()}

    def _summary(self) -> tuple[str, Rows]:
        return f"LevelPixels: {self.target.describe()}", [
            *(
                (
                    f"level {x}",
                    f"{signed_fixed(row, 4)} of {signed_fixed(self.contributions[x], 4)} "
                    f"{MINUS} ({signed_fixed(self.on_reference[x], 4)})",
                )
                for x, row in reversed(self.sums.items())
            ),
            ("reference", f"{self.reference}, {self.steps} steps"),
            ("residual", self.residual),
        ]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; rows as their sums."""

        def by_level(values: dict[int, float]) -> Any:
            return rounded({str(level): value for level, value in values.items()})

        return {
            "target": self.target.describe(),
            "unit": "logits",
            "sums": by_level(self.sums),
            "contributions": by_level(self.contributions),
            "on_reference": by_level(self.on_reference),
            "reference": self.reference,
            "steps": self.steps,
            "residual": self.residual,
            "residual_rule": LEVEL_PIXELS_RULE,
        }


def level_pixels(
    model: Segmenter | Subject,
    image: ImageLike | FrozenPass,
    target: Target,
    *,
    reference: str = "blur",
    steps: int = 16,
    report: Callable[[float], None] = lambda _: None,
) -> LevelPixels:
    """Integrated gradients of each level's contribution, from the reference to the image; the model is left as found.

    Args:
        model: in eval mode, float32 or float64.
        image: RGB; see :mod:`rsp_lab.rgb`. A frozen pass of the model on it saves a forward pass.
        target: a class or rival that it leaves open is what the model predicts.
        reference: see :func:`~rsp_lab.analysis.attribution.references.reference_image`.
        steps: forward passes, each with a backward pass for every level.
        report: called after each step with the share that is done; what it raises ends the call.

    Raises:
        ValueError: for a target that does not fit, fewer than one step, an unknown reference, or what
            :func:`~rsp_lab.analysis.ledger.freeze.freeze` refuses.
        FrozenError: for a network whose ledgers do not add up.
    """
    check_runnable(model)
    check_reference(reference)
    steps = checked_count("steps", steps, 1, "16 is the default")
    if isinstance(image, FrozenPass):
        if image.source is not frozen_source(model):
            raise ValueError("the frozen pass is of another model: make it of this one.")
        frozen, target = image, image.resolved(target)
    else:
        frozen, target = frozen_for(model, image, target)
    frozen.prove()
    directions, photograph = frozen.gradients(target), frozen.image
    with full_precision(photograph.device, grad=True):
        blank = reference_image(photograph, reference)
        way = photograph - blank
        rows = {x: torch.zeros(photograph.shape[-2:], dtype=torch.float64) for x in frozen.levels}
        places, shares = np.polynomial.legendre.leggauss(steps)
        for number, (place, share) in enumerate(zip(places.tolist(), shares.tolist(), strict=True), 1):
            at = (blank + (place + 1) / 2 * way).detach().requires_grad_()
            parts = _contributions(model, frozen, at, directions)
            for x, part in parts.items():
                (gradient,) = torch.autograd.grad(part, at, retain_graph=x != frozen.levels[-1])
                rows[x] += share / 2 * (gradient * way).detach().double().sum((0, 1)).cpu()
            report(number / steps)
    with full_precision(photograph.device):
        here, there = (_contributions(model, frozen, one, directions) for one in (photograph, blank))
    changes = {x: float(here[x]) - float(there[x]) for x in rows}
    worst = max(abs(float(row.sum()) - changes[x]) for x, row in rows.items())
    return LevelPixels(
        target=target,
        rows=rows,
        contributions={x: float(value) for x, value in here.items()},
        on_reference={x: float(value) for x, value in there.items()},
        reference=reference,
        steps=steps,
        residual=worst / max(1.0, sum(map(abs, changes.values()))),
    )


def _contributions(
    model: Segmenter | Subject, frozen: FrozenPass, image: Tensor, directions: dict[int, Tensor]
) -> dict[int, Tensor]:
    """What each level contributes on an image while all that is held is as the directions have it; by level."""
    if isinstance(frozen, FrozenSubject):
        q = frozen.maps_of(image)
    else:
        assert isinstance(model, Segmenter)
        q = model.q_maps(image, check_range=False)
    return {x: (q[x] * direction).double().sum() for x, direction in directions.items()}
