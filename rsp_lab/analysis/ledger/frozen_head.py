"""The head of one model on one image with its relation weights held fixed: an affine map of the Q maps.

Given the weights, ``T_x = Q_x + sum_j w_ij f_v(Z_j)``, the resizing and the classifier are all affine. So every logit
is the head's answer to Q = 0 plus one contribution of each Q cell, exactly; a head that only sums is the special case
without weights. What is held fixed is not explained: why the weights, and the Q maps, are as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from rsp_lab.analysis.ledger.explainable import check_affine, check_finite_logits, explainable_input
from rsp_lab.analysis.ledger.frozen_pass import FrozenPass
from rsp_lab.analysis.ledger.head_derivative import HeadDerivative, head_derivative, is_separable
from rsp_lab.analysis.targets.target import Target
from rsp_lab.capture.capture import run_with_capture
from rsp_lab.capture.record import Record
from rsp_lab.models.fusion import TopDownStep
from rsp_lab.models.heads import Head
from rsp_lab.models.relation import RelationalSemanticsExtractor, relation_modules
from rsp_lab.models.segmenter import CoarseSegmenter, Segmenter
from rsp_lab.relations.precision import full_precision
from rsp_lab.relations.relate import propagate
from rsp_lab.relations.window import window_mask
from rsp_lab.rgb import ImageLike
from rsp_lab.shapes import Tap
from rsp_lab.summary import Rows, Summarised


@dataclass(frozen=True, eq=False)
class StepValues(Summarised):
    """What one relation step has to choose from and what it takes; (1, c, y, x) at the low level's size.

    Attributes:
        value: f_v(Z).
        context: ``sum_j w_ij f_v(Z_j)``.
    """

    value: Float[Tensor, "1 c y x"]
    context: Float[Tensor, "1 c y x"]


@dataclass(frozen=True, eq=False)
class FrozenHead(FrozenPass):
    """A head on one image, its relation weights held fixed. One serves any number of targets.

    It refers to the model's own parameters: it is good until they change.

    Attributes:
        head: the model's.
        class_names: in the order of the logits.
        image: RGB in [0, 1], in the model's dtype.
        q: Q maps by level, (1, c, y, x), of a normal forward pass.
        weights: relation weights by step, (1, wy, wx, y, x), highest step first; empty for heads without relations.
        logits: (1, class, v, u) at stride 4, of the same forward pass; the frozen head's own where weights were
            replaced.
        name: of the model.
    """

    head: Head
    class_names: tuple[str, ...]
    image: Float[Tensor, "1 3 y x"]
    q: dict[int, Tensor]
    weights: dict[str, Tensor]
    logits: Float[Tensor, "1 class v u"]
    name: str = "model"

    @classmethod
    def of(cls, model: Segmenter | FrozenHead, image: ImageLike, record: Record | None = None) -> FrozenHead:
        """The frozen head of a model on an image: one captured forward pass in full precision.

        Args:
            model: in eval mode, float32 or float64; it is left as it was found. A frozen head of this very image is
                returned as it is.
            image: see :mod:`rsp_lab.rgb`.
            record: of a pass of the model on ``image`` alone that was captured already, with the Q maps, the weights of
                every relation, and the logits at stride 4.

        Raises:
            ValueError: for a model in training mode or of another dtype, an image that the model refuses, or a frozen
                head of another image.
            NotCapturedError: if the record lacks one of these taps.
        """
        if isinstance(model, FrozenHead):
            model.check_image(image)
            return model
        if record is None:
            given, record = captured_record(model, image, _wanted)
        else:
            given = explainable_input(model, image)
        head: Head = model.head
        return cls(
            head=head,
            class_names=model.class_names,
            image=given,
            q={x: record[f"q{x}"] for x in head.config.levels},
            weights={name: record[f"{name}.weights"] for name in relation_modules(head)},
            logits=record["logits"],
            name=model.name,
        )

    def _summary(self) -> tuple[str, Rows]:
        height, width = self.image_size
        return f"FrozenHead of {self.name} on an image of {height} x {width} pixels", [
            ("head", self.head),
            ("classes", self.class_names),
            ("levels", self.levels),
            ("steps held", ", ".join(self.steps) or "none: this head selects nothing"),
            ("logits", self.logits),
        ]

    @property
    def levels(self) -> tuple[int, ...]:
        """Lowest first."""
        return self.head.config.levels

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps whose weights are held, highest first."""
        return tuple(self.weights)

    @property
    def source(self) -> nn.Module:
        return self.head

    @property
    def players(self) -> tuple[str, ...]:
        """The steps."""
        return self.steps

    def moved(self, other: FrozenHead, players: Collection[str]) -> FrozenHead:
        return replace(self, weights={step: (other if step in players else self).weights[step] for step in self.steps})

    def forward(
        self, q: Mapping[int, Float[Tensor, "1 c _ _"]], *, classes: Sequence[int] | None = None
    ) -> Float[Tensor, "1 class v u"]:
        self._check_maps(q)
        with full_precision(self.logits.device, grad=torch.is_grad_enabled()):
            top = self.head.aggregate(q, self._context)
            if classes is None:
                return self.head.classifier(top)
            weight, bias = self.head.classifier.weight, self.head.classifier.bias
            chosen = list(classes)
            return F.conv2d(top, weight[chosen], None if bias is None else bias[chosen])

    def live(self, q: Mapping[int, Float[Tensor, "b c _ _"]]) -> Float[Tensor, "b class v u"]:
        with full_precision(self.logits.device, grad=torch.is_grad_enabled()):
            return self.head.from_q(q)

    def gradients(self, target: Target) -> dict[int, Tensor]:
        derivative = self._derivative(target)
        return super().gradients(target) if derivative is None else derivative.whole()

    def contributions(self, target: Target) -> dict[int, Tensor]:
        derivative = self._derivative(target)
        if derivative is None:
            return super().contributions(target)
        with full_precision(self.logits.device):
            return {x: values.double().cpu() for x, values in derivative.times(self.q).items()}

    def _derivative(self, target: Target) -> HeadDerivative | None:
        """The target's derivative without its channels; None for a head in which they do not come apart."""
        if not is_separable(self.head):
            return None
        sizes = {x: (q.shape[-2], q.shape[-1]) for x, q in self.q.items()}
        with full_precision(self.logits.device):
            return head_derivative(self.head, self.weights, sizes, *self._direction_and_place(target))

    def value(self, step: TopDownStep, high: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y x"]:
        """What a step chooses from: f_v of the resized map above where there is a relation, else that map itself."""
        return step.fusion.f_v(high) if isinstance(step.fusion, RelationalSemanticsExtractor) else high

    def mix(self, step: TopDownStep) -> Callable[[Tensor], Tensor]:
        """What each cell takes of maps (b, c, y, x) on its own grid, a linear function of each map."""
        if isinstance(step.fusion, RelationalSemanticsExtractor):
            weights, window = self.weights[step.name], step.fusion.config.window
            return lambda values: propagate(weights.expand(len(values), -1, -1, -1, -1), values, window=window)
        # The sum and the average do not look at the low level: any map of the same axes will do for it.
        return lambda values: step.fusion(values, values)

    def step_values(self) -> dict[str, StepValues]:
        """Value and context of every relation step on the image's Q maps."""
        seen: dict[str, StepValues] = {}

        def context(step: TopDownStep, low: Tensor, high: Tensor) -> Tensor:
            value = self.value(step, high)
            taken = self.mix(step)(value)
            if step.name in self.weights:
                seen[step.name] = StepValues(value, taken)
            return taken

        with full_precision(self.logits.device):
            self.head.aggregate(self.q, context)
        return seen

    def context(self, step: TopDownStep, high: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y x"]:
        """What a step takes of the resized map above."""
        return self.mix(step)(self.value(step, high))

    def _context(self, step: TopDownStep, low: Tensor, high: Tensor) -> Tensor:
        return self.context(step, high)

    def with_weights(self, weights: Mapping[str, Float[Tensor, "1 wy wx y x"]]) -> FrozenHead:
        """The same head with the weights of some steps replaced, and everything else, Q maps too, held fixed.

        Raises:
            ValueError: for a step without weights, or weights of another shape.
        """
        for name, value in weights.items():
            held = self.relation_weights(name)
            if value.shape != held.shape:
                raise ValueError(
                    f"weights of {name} have the shape {tuple(value.shape)}, expected {tuple(held.shape)}: "
                    "one for each window position and cell."
                )
        changed = replace(self, weights={**self.weights, **{k: v.to(self.logits) for k, v in weights.items()}})
        with torch.no_grad():
            return replace(changed, logits=changed.forward(self.q))

    def relation_weights(self, name: str) -> Float[Tensor, "1 wy wx y x"]:
        """Weights of one step.

        Raises:
            ValueError: if the step has none.
        """
        if name not in self.weights:
            known = ", ".join(self.weights) or "none: this head selects nothing"
            raise ValueError(f"{name!r} is no relation step of this head; it has {known}.")
        return self.weights[name]

    def uniform_weights(self, name: str) -> Float[Tensor, "1 wy wx y x"]:
        """Equal weights on the window positions that lie on the map; they sum to 1."""
        height, width = self.relation_weights(name).shape[-2:]
        inside = window_mask(height, width, relation_modules(self.head)[name].config.window)
        return (inside / inside.sum((0, 1), dtype=torch.float64))[None].to(self.logits)

    def centre_weights(self, name: str) -> Float[Tensor, "1 wy wx y x"]:
        """Weight 1 on each cell's own position: nothing is selected, all is passed down through f_v."""
        weights = torch.zeros_like(self.relation_weights(name))
        half = weights.shape[1] // 2
        weights[:, half, half] = 1
        return weights


def _wanted(tap: Tap) -> bool:
    return tap.name == "logits" or tap.name.startswith("q") or tap.name.endswith(".weights")


def captured_record(
    model: Segmenter, image: ImageLike, wanted: Callable[[Tap], bool]
) -> tuple[Float[Tensor, "1 3 y x"], Record]:
    """The image in the model's dtype, and the wanted taps of one forward pass in full precision.

    Raises:
        ValueError: for a model without a head that is affine in its Q maps, in training mode, of a dtype that is too
            coarse or whose logits are not finite, or an image that is none.
    """
    check_affine(model)
    given = explainable_input(model, image)
    with full_precision(given.device):
        _, record = run_with_capture(CoarseSegmenter(model), given, taps=wanted)
    check_finite_logits(record["logits"], model.name)
    return given, record
