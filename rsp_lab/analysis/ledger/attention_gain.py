"""What each attention's selection adds to a decision: its weights against equal ones over the same places.

All other gates are held, as in a ledger, so that what follows does not react: the same question as
:func:`~rsp_lab.analysis.ledger.selection.selection_gain` asks of a relation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from rsp_lab.analysis.ledger.frozen_subject import FrozenSubject
from rsp_lab.analysis.targets.target import Target, target_value
from rsp_lab.attention.edits import uniform_attention
from rsp_lab.attention.record import AttentionRecord, DenseAttention, record_attention
from rsp_lab.models.subject import Subject, check_subject
from rsp_lab.rgb import ImageLike
from rsp_lab.summary import Rows, Summarised
from rsp_lab.text import rounded

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
            ("value", f"{self.value:+.4f}"),
            ("all layers", f"{self.together:+.4f}"),
            *((layer, f"{gain:+.4f}") for layer, gain in self.gains.items()),
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
    record = record_attention(subject, frozen.image)
    answers: dict[str, Tensor] = {}
    changed: dict[int, Tensor] = {}
    for layer, place in _places(frozen, record).items():
        own = frozen.network.tape.gates[place][1][0]
        equal = uniform_attention(own)
        answer = _answer(frozen, {place: equal})
        # What lies before the cut runs again, and nobody reads it.
        if torch.equal(own, equal) or not torch.equal(answer, frozen.network.recomputed):
            answers[layer], changed[place] = answer, equal
    if not answers:
        raise ValueError(
            f"all attention of {subject.name} lies inside the modules of its cut or before them: take a cut before it."
        )
    value = _value(frozen, frozen.network.recomputed, target)
    return AttentionGain(
        name=subject.name,
        target=target,
        value=value,
        gains={layer: value - _value(frozen, answer, target) for layer, answer in answers.items()},
        together=value - _value(frozen, _answer(frozen, changed), target),
        left_out=tuple(layer for layer in record if layer not in answers),
        residual=frozen.network.residual,
    )


def _places(frozen: FrozenSubject, record: AttentionRecord) -> dict[str, int]:
    """The gate of each attention that runs again, found by its weights, in the order of the network."""
    inside = [range(*span) for span in frozen.network.spans.values()]
    inside += [range(*span) for one in frozen.network.held.values() for span in one.spans]
    gates = [
        (place, kept[0])
        for place, (rule, kept) in enumerate(frozen.network.tape.gates)
        if rule.kind in ("attention weights", "softmax") and not any(place in span for span in inside)
    ]
    found: dict[str, int] = {}
    for layer, one in record.layers.items():
        if not isinstance(one, DenseAttention):
            continue
        weights = one.weights.flatten()
        for place, gate in gates:
            same = gate.numel() == weights.numel() and place not in found.values()
            if same and torch.allclose(gate.flatten().to(weights), weights, rtol=1e-4, atol=1e-6):
                found[layer] = place
                break
    return found


def _answer(frozen: FrozenSubject, gates: dict[int, Tensor]) -> Tensor:
    """The network's answer with some gates' weights replaced."""
    tape = frozen.network.tape
    kept = [(rule, (gates[place],) if place in gates else held) for place, (rule, held) in enumerate(tape.gates)]
    with torch.no_grad():
        return replace(frozen.network, tape=replace(tape, gates=kept)).forward(frozen.network.cut)


def _value(frozen: FrozenSubject, logits: Tensor, target: Target) -> float:
    return target_value(logits[0], target, frozen.image_size, frozen.class_names)
