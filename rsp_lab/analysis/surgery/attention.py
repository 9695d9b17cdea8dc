"""Attention weights of a network edited as it runs, and with everything held that the edit does not set."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from rsp_lab.analysis.ledger.frozen_subject import FrozenSubject
from rsp_lab.analysis.ledger.held_attention import HeldAttention
from rsp_lab.analysis.surgery.operation import Operation
from rsp_lab.attention.edits import edited_attention
from rsp_lab.attention.layers import AttentionLayer
from rsp_lab.relations.precision import full_precision

LayerWeights = dict[str, Float[Tensor, "window head query key"]]


def attentions(frozen: FrozenSubject) -> HeldAttention:
    """Raises ValueError for a network that has no weights to edit."""
    try:
        return HeldAttention.of(frozen)
    except ValueError as error:
        raise ValueError(f"this edits weights of relations or of attention: {error}") from error


def edited_layers(held: HeldAttention, operations: Sequence[Operation]) -> tuple[str, ...]:
    """Layers that any operation acts on, in the order of the network; raises as :meth:`Operation.layers_in`."""
    named = {layer for one in operations for layer in one.layers_in(held.record)}
    return tuple(layer for layer in held.record if layer in named)


def held_weights(held: HeldAttention, operations: Sequence[Operation]) -> LayerWeights:
    """The weights of the edited layers after the operations, from those that are held; raises where one is not."""
    return {
        layer: _changed(operations, held, held.record[layer], held.weights(layer))
        for layer in edited_layers(held, operations)
    }


def run_live(held: HeldAttention, operations: Sequence[Operation]) -> tuple[Tensor, LayerWeights, LayerWeights]:
    """The edited network, which reacts: its logits, and the weights of the edited layers before and after."""
    layers = edited_layers(held, operations)
    before = _run(held, {layer: lambda weights, _: weights for layer in layers})[1]

    def edit(weights: Tensor, layer: AttentionLayer) -> Tensor:
        return _changed(operations, held, layer, weights)

    logits, after = _run(held, dict.fromkeys(layers, edit))
    return logits, before, after


def _run(
    held: HeldAttention, edits: dict[str, Callable[[Tensor, AttentionLayer], Tensor]]
) -> tuple[Tensor, LayerWeights]:
    seen: LayerWeights = {}

    def edit_of(name: str) -> Callable[[Tensor], Tensor]:
        layer = held.record[name]

        def edit(weights: Tensor) -> Tensor:
            seen[name] = edits[name](layer.layout.arranged(weights), layer)
            return layer.layout.restored(seen[name], weights.shape)

        return edit

    subject, image = held.frozen.subject, held.frozen.image
    with full_precision(image.device), edited_attention(subject, {name: edit_of(name) for name in edits}):
        logits = subject.answer(image)
    return logits, seen


def _changed(operations: Sequence[Operation], held: HeldAttention, layer: AttentionLayer, weights: Tensor) -> Tensor:
    for one in operations:
        if layer.layer in one.layers_in(held.record):
            weights = one.apply_to_attention(layer, weights)
    return weights


def share_moved(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """For each token that asks, (window, query): whether any head's weights differ, and half the sum of absolute
    differences, mean over the heads."""
    changed = (after != before).flatten(3).any(-1).any(1)
    moved = (after - before).abs().sum(-1, dtype=torch.float64).mean(1) / 2
    return changed, moved
