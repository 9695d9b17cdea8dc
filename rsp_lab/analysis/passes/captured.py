"""One forward pass of one model on one image, and everything that can be asked of it without another."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from functools import cached_property, partial

from jaxtyping import Float
from torch import Tensor

from rsp_lab.analysis.ledger.explainable import check_affine
from rsp_lab.analysis.ledger.frozen_head import FrozenHead, captured_record
from rsp_lab.analysis.ledger.frozen_pass import FrozenPass
from rsp_lab.analysis.ledger.frozen_subject import FrozenSubject, likely_stride
from rsp_lab.analysis.ledger.levels import LevelLedger, level_ledger
from rsp_lab.analysis.relation_weights.gaze import StepGaze, gaze_steps
from rsp_lab.capture.record import Entry, Record
from rsp_lab.models.relation import relation_modules
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.stepless import stepless_as_subject
from rsp_lab.models.subject import Subject
from rsp_lab.rgb import ImageLike
from rsp_lab.shapes import Tap, tap_step
from rsp_lab.summary import Summarised


@dataclass(frozen=True, eq=False)
class CapturedPass(Summarised):
    """A captured pass; what is derived from it is worked out when first asked for, and kept.

    It refers to the model's own parameters: it is good until they change.

    Attributes:
        model: in eval mode.
        image: RGB in [0, 1], in the model's dtype.
        record: Q maps, logits at stride 4, and every tap of the steps above level 3; the step 32 is the same sum in
            every head of the paper and is left out, as in Fig. 5, unless it is a relation. Of a subject its logits and
            the maps of its cut.
        held: a subject's pass with its gates held; None for a model of ours.
    """

    model: Segmenter | Subject
    image: Float[Tensor, "1 3 y x"]
    record: Record
    held: FrozenSubject | None = None

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.model.name

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the logits."""
        return self.model.class_names

    @property
    def frozen(self) -> FrozenPass:
        """The model with everything held that is not affine.

        Raises:
            FrozenError: for a subject that is not affine with all gates held.
        """
        if self.held is not None:
            self.held.prove()
        return self._parts

    @property
    def _parts(self) -> FrozenPass:
        return self.head if self.held is None else self.held

    @property
    def levels(self) -> tuple[int, ...]:
        """As in :attr:`frozen`; what a network is made of is known also where its parts do not add up."""
        return self._parts.levels

    @property
    def steps(self) -> tuple[str, ...]:
        """As in :attr:`frozen`, see :attr:`levels`."""
        return self._parts.steps

    @property
    def strides(self) -> dict[int, int]:
        """As in :attr:`frozen`, see :attr:`levels`."""
        return self._parts.strides

    @cached_property
    def head(self) -> FrozenHead:
        """The head with its relation weights held.

        Raises:
            ValueError: for a subject.
        """
        return FrozenHead.of(self.segmenter, self.image, self.record)

    @property
    def segmenter(self) -> Segmenter:
        """The model, where it is one of ours.

        Raises:
            ValueError: for a subject.
        """
        if not isinstance(self.model, Segmenter):
            raise ValueError(f"this needs a model of rsp_lab with relations or sums by level, and {self.name} is none.")
        return self.model

    @cached_property
    def uniform(self) -> FrozenHead:
        """The same head with equal weights at every relation; :attr:`head` itself without relations."""
        frozen = self.head
        return frozen.with_weights({x: frozen.uniform_weights(x) for x in frozen.steps}) if frozen.steps else frozen

    @cached_property
    def gaze(self) -> tuple[StepGaze, ...]:
        """Every relation taken apart, highest step first; empty without relations."""
        return gaze_steps(self.segmenter, self.record) if relation_modules(self.model) else ()

    def step_gaze(self, step: str) -> StepGaze | None:
        """The relation of one step taken apart, by name; None for a step without a relation."""
        return next((one for one in self.gaze if one.step == step), None)

    @cached_property
    def level_ledger(self) -> LevelLedger:
        """Each level's contribution to every logit."""
        return level_ledger(self.frozen, self.image)


def capture_pass(model: Segmenter | Subject | CapturedPass, image: ImageLike) -> CapturedPass:
    """One captured forward pass in full precision; the model is left as it was found.

    Args:
        model: one of ours or a subject, in eval mode, float32 or float64. A captured pass on this very image is
            returned as it is.
        image: RGB, uint8 or float in [0, 1]; see :mod:`rsp_lab.rgb`.

    Raises:
        ValueError: for what :func:`~rsp_lab.analysis.ledger.freeze.freeze` refuses.
        FrozenError: for a subject that cannot be held.
    """
    if isinstance(model, CapturedPass):
        model._parts.check_image(image)
        return model
    model = stepless_as_subject(model)
    if isinstance(model, Subject):
        held = FrozenSubject.of(model, image)
        return CapturedPass(model, held.image, _record_of(held), held)
    check_affine(model)
    return CapturedPass(model, *captured_record(model, image, partial(_wanted, relations=relation_modules(model))))


def _record_of(held: FrozenSubject) -> Record:
    axes, cells = ("b", "c", "y", "x"), (held.logits.shape[-2], held.logits.shape[-1])
    maps = {f"q{x}": Entry(q, axes, held.strides[x]) for x, q in held.q.items()}
    logits = Entry(held.logits, ("b", "class", "y", "x"), likely_stride(held.image_size, cells))
    return Record({**maps, "logits": logits}, held.image_size, {"model": held.name})


def _wanted(tap: Tap, relations: Container[str]) -> bool:
    step = tap_step(tap.name)
    shown = step.startswith("step") and (step != "step32" or step in relations)
    return tap.name == "logits" or tap.name.startswith("q") or shown
