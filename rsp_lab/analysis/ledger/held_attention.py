"""The attentions of a frozen pass: which of what is held are attention weights, and the pass with others in place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from rsp_lab.analysis.ledger.frozen_subject import FrozenSubject
from rsp_lab.attention.layers import AttentionRecord, DenseAttention
from rsp_lab.attention.record import record_attention


class NotHeldError(ValueError):
    """Weights that are not held by themselves in a frozen pass: the message says why, and the remedy."""


@dataclass(frozen=True, eq=False)
class HeldAttention:
    """Attentions behind the cut of a frozen pass, whose weights can be held otherwise.

    Attributes:
        frozen: the pass.
        record: every attention of the network on the same image, whether it is held by itself or not.
        gates: place of each one's weights on the tape, by layer, in the order of the network. Left out are sampled
            attention, and what lies inside the modules of the cut, before them, or in a module that is held as a whole.
    """

    frozen: FrozenSubject
    record: AttentionRecord
    gates: dict[str, int]

    @classmethod
    def of(cls, frozen: FrozenSubject) -> HeldAttention:
        """One pass that records the attentions, and a replay that finds those on which the answer depends.

        Raises:
            ValueError: for a network without attention that can be seen.
        """
        record = record_attention(frozen.subject, frozen.image)
        places = _places(frozen, record)
        read = frozen.network.gates_behind(places.values())
        return cls(frozen, record, {layer: place for layer, place in places.items() if place in read})

    @property
    def left_out(self) -> tuple[str, ...]:
        """Layers that are not held by themselves."""
        return tuple(layer for layer in self.record if layer not in self.gates)

    def weights(self, layer: str) -> Float[Tensor, "window head query key"]:
        """What is held of a layer.

        Raises:
            NotHeldError: for one that is not held by itself.
        """
        if layer not in self.gates:
            known = ", ".join(self.gates) or "none"
            raise NotHeldError(
                f"the weights of {layer!r} are not held by themselves in this pass of {self.frozen.name}: the layer "
                "lies inside the modules of the cut or before them, or samples between cells. Take a cut in front of "
                f"it. Held are: {known}."
            )
        return self.record[layer].layout.arranged(self.frozen.network.tape.gates[self.gates[layer]][1][0])

    def replaced(self, weights: Mapping[str, Float[Tensor, "window head query key"]]) -> FrozenSubject:
        """The same pass with the weights of some layers replaced, and everything else, the maps too, held as it is.

        Raises:
            NotHeldError: for a layer that is not held by itself.
            ValueError: for weights of another shape.
        """
        gates = {}
        for layer, value in weights.items():
            held = self.weights(layer)
            if value.shape != held.shape:
                raise ValueError(
                    f"weights of {layer} have the shape {tuple(value.shape)}, expected {tuple(held.shape)}: window, "
                    "head, query and key."
                )
            kept = self.frozen.network.tape.gates[self.gates[layer]][1][0]
            gates[self.gates[layer]] = self.record[layer].layout.restored(value.to(kept), kept.shape)
        return self.frozen.with_gates(gates)


def _places(frozen: FrozenSubject, record: AttentionRecord) -> dict[str, int]:
    """The gate of each attention outside of what does not run again, found by its weights."""
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
        weights = one.layout.restored(one.weights, (-1,))
        for place, gate in gates:
            same = gate.numel() == weights.numel() and place not in found.values()
            if same and torch.allclose(gate.flatten().to(weights), weights, rtol=1e-4, atol=1e-6):
                found[layer] = place
                break
    return found
