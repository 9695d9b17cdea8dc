"""What each attention's selection adds to a decision: its weights against equal ones over the same places.

All other gates are held, as in a ledger, so that what follows does not react: the same question as
:func:`~rsp_lab.analysis.ledger.selection.selection_gain` asks of a relation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from rsp_lab.analysis.ledger.frozen_subject import FrozenSubject
from rsp_lab.analysis.ledger.held_attention import HeldAttention
from rsp_lab.analysis.targets.target import Target, target_value
from rsp_lab.attention.edits import uniform_attention
from rsp_lab.models.subject import Subject, check_subject
from rsp_lab.rgb import ImageLike
from rsp_lab.summary import Rows, Summarised
from rsp_lab.text import rounded, signed_fixed

GAIN_RULE = (
    "value of the target with the layer's weights as they are, minus that with equal weights on all keys that are not "
    "masked; all other gates held"
)


@dataclass(frozen=True, eq=False, repr=False)
class AttentionGain(Summarised):
    """What selection adds to a decision, in logits.

    Attributes:
        name: of the network.
        target: whose value it is.
        value: of the target as the network answers.
        gains: by layer, by :data:`GAIN_RULE`; they do not add up, since each is asked with the others as they are.
        together: the same for all layers at once.
        left_out: layers that cannot be asked: sampled attention, and what lies inside the cut's modules or before them.
        residual: of the frozen pass, by :data:`rsp_lab.frozen.network.RESIDUAL_RULE`.
    """

    name: str
    target: Target
    value: float
    gains: dict[str, float]
    together: float
    left_out: tuple[str, ...]
    residual: float

    def _summary(self) -> tuple[str, Rows]:
        return f"AttentionGain of {self.name}: {self.target.describe()}", [
            ("value", signed_fixed(self.value, 4)),
            ("all layers", signed_fixed(self.together, 4)),
            *((layer, signed_fixed(gain, 4)) for layer, gain in self.gains.items()),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {
            "model": self.name,
            "target": self.target.describe(),
            "unit": "logits",
            "rule": GAIN_RULE,
            "value": rounded(self.value),
            "gains": rounded(self.gains),
            "together": rounded(self.together),
            "left_out": list(self.left_out),
            "residual": self.residual,
        }


def attention_gain(subject: Subject, image: ImageLike, target: Target) -> AttentionGain:
    """What the selection of each attention adds to a decision; a replay of the network a layer.

    Only attention behind the cut is held by itself: take a cut in front of the layers, e.g. the first one's input.

    Args:
        subject: any network with attention, in eval mode.
        image: one, as for a model.
        target: what it leaves open is what the network predicts.

    Raises:
        ValueError: for a network without attention that can be seen, a target that does not fit, or where all attention
            lies inside the modules of the cut.
        FrozenError: for a network that cannot be held.
    """
    check_subject(subject)
    frozen = FrozenSubject.of(subject, image)
    frozen.prove()
    target = frozen.resolved(target)
    held = HeldAttention.of(frozen)
    equal = {layer: uniform_attention(held.weights(layer)) for layer in held.gates}
    if not equal:
        raise ValueError(
            f"all attention of {subject.name} lies inside the modules of its cut or before them: take a cut before it."
        )
    value = _value(frozen, frozen.network.recomputed, target)
    return AttentionGain(
        name=subject.name,
        target=target,
        value=value,
        gains={
            layer: value - _value(frozen, held.replaced({layer: one}).logits, target) for layer, one in equal.items()
        },
        together=value - _value(frozen, held.replaced(equal).logits, target),
        left_out=held.left_out,
        residual=frozen.network.residual,
    )


def _value(frozen: FrozenSubject, logits: Tensor, target: Target) -> float:
    return target_value(logits[0], target, frozen.image_size, frozen.class_names)
