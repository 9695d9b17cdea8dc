"""One forward pass of one model on one image, and everything that can be asked of it without another."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from jaxtyping import Float
from torch import Tensor

from rsp_lab.analysis.ledger.frozen import FrozenHead, captured_record
from rsp_lab.analysis.ledger.levels import LevelLedger, level_ledger
from rsp_lab.analysis.relation_weights.gaze import StepGaze, gaze_steps
from rsp_lab.capture.record import Record
from rsp_lab.models.relation import relation_modules
from rsp_lab.models.segmenter import Segmenter
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
            every head and is left out, as in Fig. 5.
    """

    model: Segmenter
    image: Float[Tensor, "1 3 y x"]
    record: Record

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.model.name

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the logits."""
        return self.model.class_names

    @cached_property
    def frozen(self) -> FrozenHead:
        """The head with its relation weights held."""
        return FrozenHead.of(self.model, self.image, self.record)

    @cached_property
    def uniform(self) -> FrozenHead:
        """The same head with equal weights at every relation; :attr:`frozen` itself without relations."""
        frozen = self.frozen
        return frozen.with_weights({x: frozen.uniform_weights(x) for x in frozen.steps}) if frozen.steps else frozen

    @cached_property
    def gaze(self) -> tuple[StepGaze, ...]:
        """Every relation taken apart, highest step first; empty without relations."""
        return gaze_steps(self.model, self.record) if relation_modules(self.model) else ()

    def step_gaze(self, step: str) -> StepGaze | None:
        """The relation of one step taken apart, by name; None for a step without a relation."""
        return next((one for one in self.gaze if one.step == step), None)

    @cached_property
    def level_ledger(self) -> LevelLedger:
        """Each level's contribution to every logit."""
        return level_ledger(self.frozen, self.image)


def capture_pass(model: Segmenter | CapturedPass, image: ImageLike) -> CapturedPass:
    """One captured forward pass in full precision; the model is left as it was found.

    Args:
        model: in eval mode, float32 or float64. A captured pass on this very image is returned as it is.
        image: RGB, uint8 or float in [0, 1]; see :mod:`rsp_lab.rgb`.

    Raises:
        ValueError: for what :meth:`FrozenHead.of` refuses.
    """
    if isinstance(model, CapturedPass):
        model.frozen.check_image(image)
        return model
    return CapturedPass(model, *captured_record(model, image, _wanted))


def _wanted(tap: Tap) -> bool:
    step = tap_step(tap.name)
    return tap.name == "logits" or tap.name.startswith("q") or (step.startswith("step") and step != "step32")
