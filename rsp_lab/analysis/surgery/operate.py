"""Context surgery: weights of relations or of attention edited in the running model, and what becomes of its answer.

Nothing is retrained: an edited model is the trained one, answering on context that it was never trained to get.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Int64
from torch import Tensor

from rsp_lab.analysis.ledger.freeze import freeze
from rsp_lab.analysis.ledger.frozen_head import FrozenHead
from rsp_lab.analysis.ledger.frozen_pass import FrozenPass
from rsp_lab.analysis.ledger.frozen_subject import FrozenSubject
from rsp_lab.analysis.metrics import class_iou, confusion_matrix, mean_iou
from rsp_lab.analysis.surgery.attention import attentions, held_weights, run_live, share_moved
from rsp_lab.analysis.surgery.operation import Operation
from rsp_lab.analysis.targets.target import Target, target_value
from rsp_lab.capture.hooks import Edit, hooks
from rsp_lab.data.labels import checked_labels
from rsp_lab.models.segmenter import Segmenter, labels_from_logits
from rsp_lab.models.subject import Subject
from rsp_lab.relations.precision import full_precision
from rsp_lab.rgb import ImageLike
from rsp_lab.summary import Rows, Summarised
from rsp_lab.text import in_short, rounded


@dataclass(frozen=True)
class WeightChange(Summarised):
    """What became of the weights of one relation step, or layer of attention.

    Attributes:
        edited: whether an operation acted on it; other steps change because their keys do.
        cells: how many cells the map has, or tokens that ask.
        changed: how many of them have another weight than before, in any bit.
        moved: mean over the changed cells of half the sum of absolute differences: under softmax, the share of a
            cell's weight that went elsewhere; of attention, mean over the heads. 0 where none changed.
    """

    edited: bool
    cells: int
    changed: int
    moved: float


@dataclass(frozen=True, eq=False)
class Outcome(Summarised):
    """One answer of a model.

    Attributes:
        logits: (1, class, v, u) at stride 4, of a network of another make at its own resolution.
        labels: (y, x) at image size.
        target_value: the target's value in logits; None without a target.
        confusion: pixels by true class (row) and predicted class (column), ignored pixels left out; of several images
            they may be added. None without a label map.
    """

    logits: Float[Tensor, "1 class v u"]
    labels: Int[Tensor, "y x"]
    target_value: float | None
    confusion: Int64[Tensor, "truth prediction"] | None

    @property
    def iou(self) -> tuple[float | None, ...] | None:
        """Intersection over union by class; None for a class that neither occurs nor is predicted."""
        return None if self.confusion is None else class_iou(self.confusion)


@dataclass(frozen=True, eq=False)
class SurgeryResult(Summarised):
    """A model's answer before and after its relation or attention weights were edited, without retraining.

    Attributes:
        operations: in the order in which they were applied.
        frozen_keys: see :func:`operate`.
        class_names: in the order of the logits.
        target: whose value is given; None if none was asked for.
        before, after: the two answers.
        weights: what became of the weights, by relation step, highest first; of a network of another make, of the
            layers that were edited.
        where: (y, x), pixels that any operation was aimed at.
    """

    operations: tuple[Operation, ...]
    frozen_keys: bool
    class_names: tuple[str, ...]
    target: Target | None
    before: Outcome
    after: Outcome
    weights: dict[str, WeightChange]
    where: Bool[Tensor, "y x"]

    @property
    def changed(self) -> Bool[Tensor, "y x"]:
        """Pixels whose label changed."""
        return self.before.labels != self.after.labels

    @property
    def changed_inside(self) -> float | None:
        """Share of the pixels in ``where`` whose label changed; None if there is no such pixel."""
        return _share(self.changed, self.where)

    @property
    def changed_outside(self) -> float | None:
        """The same of the other pixels."""
        return _share(self.changed, ~self.where)

    def label_shares(self) -> dict[str, tuple[float, float]]:
        """Share of the image of each class that occurs, before and after; in the order of the classes."""
        count = len(self.class_names)
        before, after = (
            (torch.bincount(one.labels.flatten().long(), minlength=count).double() / one.labels.numel()).tolist()
            for one in (self.before, self.after)
        )
        shares = zip(self.class_names, before, after, strict=True)
        return {name: (first, second) for name, first, second in shares if first or second}

    def describe(self) -> str:
        """The operations in words, e.g. ``"equal weights at step54, whole map; nothing retrained"``."""
        keys = ", all other weights held" if self.frozen_keys else ""
        return "; ".join(op.describe() for op in self.operations) + keys + "; nothing retrained"

    def _summary(self) -> tuple[str, Rows]:
        share = _share(self.changed, torch.ones_like(self.where))
        values = [] if self.target is None else [(f"{self.target.describe()}, before", self.before.target_value)]
        values += [] if self.target is None else [(f"{self.target.describe()}, after", self.after.target_value)]
        moved = [(step, f"{one.changed} of {one.cells} cells changed") for step, one in self.weights.items()]
        return f"SurgeryResult of {self.describe()}", [("labels changed", f"{share or 0:.2%}"), *values, *moved]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; without logits and labels."""

        def answer(outcome: Outcome) -> dict[str, Any]:
            iou = outcome.iou
            return {
                "target_value": rounded(outcome.target_value),
                "iou": None if iou is None else rounded(dict(zip(self.class_names, iou, strict=True))),
                "miou": None if iou is None else rounded(mean_iou(iou)),
            }

        return {
            "operations": [op.describe() for op in self.operations],
            "retrained": False,
            "frozen_keys": self.frozen_keys,
            "target": None if self.target is None else self.target.describe(),
            "unit": "logits",
            "before": answer(self.before),
            "after": answer(self.after),
            "labels_changed": rounded(_share(self.changed, torch.ones_like(self.where))),
            "labels_changed_inside": rounded(self.changed_inside),
            "labels_changed_outside": rounded(self.changed_outside),
            "weights": {step: asdict(change) for step, change in self.weights.items()},
        }


def operate(
    model: Segmenter | Subject | FrozenPass,
    image: ImageLike,
    operations: Operation | Sequence[Operation],
    *,
    target: Target | None = None,
    label: Tensor | np.ndarray | None = None,
    frozen_keys: bool = False,
) -> SurgeryResult:
    """Run a model with its relation weights edited, or its attention weights, and compare with its own answer.

    In a head of ours edits act above the Q maps, so one forward pass of the model gives those, and the head answers
    again on them. A network of another make runs as a whole.

    Without ``frozen_keys`` the network reacts: a step below an edited one computes its weights from its own query and
    from keys of the edited map, and its operations start from those. With ``frozen_keys`` every step's operations
    start from the weights of the unedited pass and all other steps keep theirs; of a network of another make, all gates
    behind its cut are held.

    Args:
        model: in eval mode, float32 or float64, with relations or attention; it is left as it was found. A frozen pass
            of it on this image saves the forward pass.
        image: RGB, uint8 or float in [0, 1]; see :mod:`rsp_lab.rgb`.
        operations: where several act on one step or layer, each takes the weights that the one before it left.
        target: a class or rival that it leaves open is what the unedited model predicts.
        label: (y, x) of the image's size, train ids and 255 for pixels that do not count.
        frozen_keys: hold the weights that are not edited.

    Raises:
        ValueError: for a model without relations or attention, a step or layer that it lacks or that cannot be held, an
            operation, target or label map that does not fit, or a model or image that
            :func:`~rsp_lab.analysis.ledger.freeze.freeze` refuses.
        FrozenError: for a network that cannot be held, where it is to be.
    """
    listed = _listed(operations)
    frozen = freeze(model, image)
    size = frozen.image_size
    where = torch.stack([op.pixels(size) for op in listed]).any(0)
    truth = None if label is None else checked_labels(label, frozen.class_names, size)
    target = None if target is None else frozen.resolved(target)
    if isinstance(frozen, FrozenSubject):
        logits, changes = _operated_attention(frozen, listed, frozen_keys)
    else:
        logits, changes = _operated_relations(_head_of(frozen), listed, frozen_keys)

    def outcome(found: Tensor) -> Outcome:
        labels = labels_from_logits(found, size).cpu()
        value = None if target is None else target_value(found[0], target, size, frozen.class_names)
        counts = None if truth is None else confusion_matrix(labels, truth, len(frozen.class_names))
        return Outcome(found, labels, value, counts)

    return SurgeryResult(
        listed, frozen_keys, frozen.class_names, target, outcome(frozen.logits), outcome(logits), changes, where
    )


def edited_weights(frozen: FrozenPass, operations: Operation | Sequence[Operation]) -> dict[str, Tensor]:
    """Captured weights after the operations, by the steps that they act on, each (1, wy, wx, y, x); of a network of
    another make by layer, each (window, head, query, key). Raises as :func:`operate` with ``frozen_keys``."""
    listed = _listed(operations)
    if isinstance(frozen, FrozenSubject):
        return held_weights(attentions(frozen), listed)
    head = _head_of(frozen)
    found = {step: head.weights[step] for step in head.steps if any(step in op.acts_at(head) for op in listed)}
    for op in listed:
        found = {step: op.apply(head, step, weights) for step, weights in found.items()}
    return found


def reweighted(frozen: FrozenPass, weights: Mapping[str, Tensor]) -> FrozenPass:
    """The same pass with the weights of some steps or layers replaced, and everything else held.

    Raises:
        ValueError: for a step without weights, a layer that is not held by itself, or weights of another shape.
    """
    if isinstance(frozen, FrozenSubject):
        return attentions(frozen).replaced(weights)
    return _head_of(frozen).with_weights(weights)


def predicted_change(frozen: FrozenPass, weights: Mapping[str, Tensor], target: Target) -> float:
    """Target after minus before, in logits, if the weights of some steps or layers are replaced and all else held.

    Queries come from Q maps below the edited step and do not change. Keys come from the map above, so an edit changes
    the keys, and with them the weights, of every lower step. Hence the prediction is exact for the live model
    (:func:`operate`) where no relation step below the highest edited one is left to react: each is held
    (``frozen_keys``), edited to weights that do not depend on its own (Uniform, Centre, Transplant, on the whole map),
    or absent, as below the lowest relation step. Otherwise it is the part of the change that goes through the values,
    and live minus predicted is the reaction of the lower steps' weights; of a network of another make, of all gates
    behind the edited layers.

    The change is linear in the weights of one step, and not the sum of the steps' own changes for several.

    Args:
        frozen: the model on the image.
        weights: by step or layer, e.g. of :func:`edited_weights`.
        target: a class or rival that it leaves open is what the unedited model predicts.

    Raises:
        ValueError: as :func:`reweighted`, or for a target that does not fit.
    """
    target = frozen.resolved(target)
    after, before = (
        target_value(one.logits[0], target, one.image_size, one.class_names)
        for one in (reweighted(frozen, weights), frozen)
    )
    return after - before


def _listed(operations: Operation | Sequence[Operation]) -> tuple[Operation, ...]:
    given = operations if isinstance(operations, tuple | list) else (operations,)
    listed = tuple(one for one in given if isinstance(one, Operation))
    if len(listed) < len(given):
        wrong = next(one for one in given if not isinstance(one, Operation))
        raise ValueError(
            f"got {in_short(wrong)} as an operation: give one of rl.surgery or several in a tuple, e.g. "
            "rl.surgery.Uniform()."
        )
    if not listed:
        raise ValueError("operations is empty: give one or more, e.g. rl.surgery.Uniform().")
    return listed


def _head_of(frozen: FrozenPass) -> FrozenHead:
    assert isinstance(frozen, FrozenHead)
    return frozen


def _operated_relations(
    frozen: FrozenHead, operations: Sequence[Operation], hold: bool
) -> tuple[Tensor, dict[str, WeightChange]]:
    edited = {step for op in operations for step in op.acts_at(frozen)}
    pinned = {**frozen.weights, **edited_weights(frozen, operations)} if hold else None
    logits, weights = _run_edited(frozen, operations, pinned)
    changes = {step: _weight_change(step in edited, frozen.weights[step], weights[step]) for step in frozen.steps}
    return logits, changes


def _operated_attention(
    frozen: FrozenSubject, operations: Sequence[Operation], hold: bool
) -> tuple[Tensor, dict[str, WeightChange]]:
    held = attentions(frozen)
    if hold:
        frozen.prove()
        after = held_weights(held, operations)
        before = {layer: held.weights(layer) for layer in after}
        logits = held.replaced(after).logits
    else:
        logits, before, after = run_live(held, operations)
    changes = {}
    for layer, weights in after.items():
        changed, moved = share_moved(before[layer], weights)
        changes[layer] = _change_of(True, changed, moved)
    return logits, changes


def _run_edited(
    frozen: FrozenHead, operations: Sequence[Operation], pinned: Mapping[str, Tensor] | None
) -> tuple[Tensor, dict[str, Tensor]]:
    """Logits at stride 4 and weights by step of the edited head; ``pinned`` weights replace whatever comes in."""
    seen: dict[str, Tensor] = {}

    def edit_of(step: str) -> Edit:
        def edit(weights: Tensor, tap: object) -> Tensor:
            if pinned is None:
                for op in operations:
                    weights = op.apply(frozen, step, weights)
            else:
                weights = pinned[step]
            seen[step] = weights
            return weights

        return edit

    edits = {f"{step}.weights": edit_of(step) for step in frozen.steps}
    with full_precision(frozen.logits.device), hooks(frozen.head, edits):
        logits = frozen.head.from_q(frozen.q)
    return logits, seen


def _weight_change(edited: bool, before: Tensor, after: Tensor) -> WeightChange:
    moved = (after - before).abs().sum((0, 1, 2), dtype=torch.float64) / 2
    return _change_of(edited, (after != before).flatten(0, 2).any(0), moved)


def _change_of(edited: bool, changed: Tensor, moved: Tensor) -> WeightChange:
    return WeightChange(
        edited, changed.numel(), int(changed.sum()), float(moved[changed].mean()) if changed.any() else 0.0
    )


def _share(changed: Tensor, where: Tensor) -> float | None:
    return float(changed[where].double().mean()) if where.any() else None
