"""What an edit of relation or attention weights does to a decision: the live change, the ledger's, and the reaction.

The ledger of the pass with the edited weights, minus that with its own, is what the edit does with everything else
held. In the running network the steps below an edited one answer to other keys: what their weights add is the reaction.
Of a network of another make it is what all gates behind the edited layers add.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from torch import Tensor

from rsp_lab.analysis.ledger.difference import LedgerDifference, ledger_difference
from rsp_lab.analysis.ledger.freeze import freeze
from rsp_lab.analysis.ledger.frozen_pass import FrozenPass
from rsp_lab.analysis.ledger.ledger import context_ledger
from rsp_lab.analysis.surgery.operate import SurgeryResult, edited_weights, operate, reweighted
from rsp_lab.analysis.surgery.operation import Operation
from rsp_lab.analysis.targets.target import Target, target_value
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject
from rsp_lab.rgb import ImageLike
from rsp_lab.summary import Rows, Summarised
from rsp_lab.text import rounded, signed_fixed


@dataclass(frozen=True, eq=False)
class SurgeryAccount(Summarised):
    """A target's value under an edit, in logits: ``after - before = predicted.total + reaction``.

    Attributes:
        target: whose value is given.
        before, after: in the model as it is and in the live edited one.
        held: in the edited model with all else held, from a run of its own.
        predicted: the ledger's account of the change with everything else held; its ``total`` is ``held - before`` up
            to rounding.
        class_values: of the class and the rival, each alone, before and after.
    """

    target: Target
    before: float
    after: float
    held: float
    predicted: LedgerDifference
    class_values: dict[str, tuple[float, float]]

    @property
    def change(self) -> float:
        """In the live model."""
        return self.after - self.before

    @property
    def reaction(self) -> float:
        """What the weights of the steps below an edited one, or all gates behind it, add by reacting to it."""
        return self.change - self.predicted.total

    @property
    def deviation(self) -> float:
        """How far the prediction is from the run with all other weights held."""
        return abs(self.held - self.before - self.predicted.total)

    def _summary(self) -> tuple[str, Rows]:
        return f"SurgeryAccount: {self.target.describe()}", [
            ("before", signed_fixed(self.before, 4)),
            ("after", signed_fixed(self.after, 4)),
            ("change", signed_fixed(self.change, 4)),
            ("predicted", signed_fixed(self.predicted.total, 4)),
            ("reaction", signed_fixed(self.reaction, 4)),
            ("deviation", self.deviation),
        ]

    def to_dict(self) -> dict[str, Any]:
        return {
            "target": self.target.describe(),
            "unit": "logits",
            "before": rounded(self.before),
            "after": rounded(self.after),
            "held": rounded(self.held),
            "change": rounded(self.change),
            "reaction": rounded(self.reaction),
            "deviation": self.deviation,
            "predicted": self.predicted.to_dict(),
            "class_values": {name: rounded(values) for name, values in self.class_values.items()},
        }


@dataclass(frozen=True, eq=False)
class SurgeryRuns(Summarised):
    """An edit run twice on one image: live, and with the weights of all other steps held.

    Attributes:
        frozen: the model before the edit.
        live: of the edited network, whose lower steps react.
        held: of the same with every weight held that the edit does not set.
    """

    frozen: FrozenPass
    live: SurgeryResult
    held: SurgeryResult

    @cached_property
    def weights(self) -> dict[str, Tensor]:
        """What the captured weights of the edited steps or layers become, as of
        :func:`~rsp_lab.analysis.surgery.operate.edited_weights`."""
        return edited_weights(self.frozen, self.live.operations)

    @cached_property
    def _edited(self) -> FrozenPass:
        return reweighted(self.frozen, self.weights)

    def account(self, target: Target) -> SurgeryAccount:
        """What the edit does to a target; no network runs.

        Args:
            target: a class or rival that it leaves open is what the unedited model predicts.

        Raises:
            ValueError: for a target that does not fit.
            LedgerError: if a ledger does not add up.
        """
        frozen, target = self.frozen, self.frozen.resolved(target)
        outcomes = self.live.before, self.live.after, self.held.after

        def values(asked: Target) -> list[float]:
            return [target_value(one.logits[0], asked, frozen.image_size, frozen.class_names) for one in outcomes]

        before, after, held = values(target)
        # A copy: what a ledger builds for its gradients is not kept with the result.
        edited = copy(self._edited)
        predicted = ledger_difference(
            context_ledger(edited, edited.image, target), context_ledger(frozen, frozen.image, target)
        )
        alone = {}
        for name in filter(None, (target.class_name, target.rival)):
            first, second, _ = values(replace(target, class_name=name, rival=None, plain_logit=True))
            alone[name] = (first, second)
        return SurgeryAccount(target, before, after, held, predicted, alone)

    def _summary(self) -> tuple[str, Rows]:
        title, rows = self.live._summary()
        return title.replace("SurgeryResult", "SurgeryRuns", 1), rows

    def to_dict(self) -> dict[str, Any]:
        return {"live": self.live.to_dict(), "held": self.held.to_dict()}


def run_surgery(
    model: Segmenter | Subject | FrozenPass,
    image: ImageLike,
    operations: Operation | Sequence[Operation],
    *,
    label: Tensor | np.ndarray | None = None,
) -> SurgeryRuns:
    """An edit run live and with all other weights held, to be asked about any number of targets.

    Args:
        model: as for :func:`~rsp_lab.analysis.surgery.operate.operate`.
        image: RGB, uint8 or float in [0, 1]; see :mod:`rsp_lab.rgb`.
        operations: where several act on one step, each takes the weights that the one before it left.
        label: (y, x) of the image's size, train ids and 255 for pixels that do not count.

    Raises:
        ValueError: as :func:`~rsp_lab.analysis.surgery.operate.operate`.
    """
    frozen = freeze(model, image)
    live, held = (
        operate(frozen, frozen.image, operations, label=label, frozen_keys=frozen_keys) for frozen_keys in (False, True)
    )
    return SurgeryRuns(frozen, live, held)
