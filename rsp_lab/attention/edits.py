"""Other weights in the attentions of a network, for as long as a block runs: what would it answer then?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor

from rsp_lab.attention.watch import AttentionCall, AttentionWatch, SampledCall
from rsp_lab.frozen.modules import answering
from rsp_lab.models.subject import Subject, check_subject

WeightsEdit = Callable[[Tensor], Tensor]
"""Weights (..., query, key), as the network worked them out, to those of the same shape that it is to take."""


NO_WEIGHT = 1e-20
"""Of a query's largest weight: a key with less is masked. Libraries mask by adding -100, which leaves e^-100 of one."""


def attended(weights: Tensor) -> Tensor:
    """True for the keys of a query that are not masked: those with more than :data:`NO_WEIGHT` of its largest weight.

    Args:
        weights: (..., query, key), not negative.
    """
    return weights > NO_WEIGHT * weights.amax(-1, keepdim=True)


def uniform_attention(weights: Tensor) -> Tensor:
    """The same weight for every key that has any: what a plain average over the same places gives.

    Args:
        weights: (..., query, key), not negative; keys below :data:`NO_WEIGHT` of their query's largest stay at 0.
    """
    there = attended(weights).to(weights.dtype)
    return there / there.sum(-1, keepdim=True).clamp_min(1)


@contextmanager
def edited_attention(subject: Subject, edits: Mapping[str, WeightsEdit]) -> Iterator[None]:
    """In force, the attentions of some layers take other weights. Nothing of the network changes.

    ::

        with rl.edited_attention(subject, {"segformer.stages.0.blocks.0.attention": rl.uniform_attention}):
            logits = subject(image)

    Args:
        subject: any network; what is compiled in it runs as it was written. Blocks may lie in each other. Passes on
            other threads take their own weights.
        edits: by layer, as :func:`~rsp_lab.attention.record.record_attention` names them.

    Raises:
        ValueError: for what is no subject; on leaving the block, if an edit never ran: no pass ran, or the layer is
            not reached; in the pass, if an edit answers another shape.
    """
    check_subject(subject)
    if not edits:
        raise ValueError("no edit is given: name a layer, and what its weights become.")
    watch = _Editor(subject, edits)

    def answer(x: Tensor) -> Tensor:
        with watch.pass_of_network():
            return plain(x)

    with answering(subject, answer, "answer") as plain:
        yield
    unused = [layer for layer in edits if layer not in watch.ran]
    if unused:
        seen = f"attention was seen in {', '.join(watch.names[:6])}" if watch.names else "no attention was seen"
        raise ValueError(
            f"the edit of {unused[0]} never ran, so it changed nothing: {seen}. Name one of these layers, and call the "
            "subject inside the block."
        )


class _Editor(AttentionWatch):
    """Puts other weights in force."""

    def __init__(self, subject: Subject, edits: Mapping[str, WeightsEdit]) -> None:
        super().__init__(subject.network)
        self.edits = edits
        self.ran: set[str] = set()
        self.names: list[str] = []

    def weights_for(self, call: AttentionCall) -> Tensor | None:
        return self._edited(call.layer, call.weights)

    def sampled_weights_for(self, call: SampledCall) -> Tensor | None:
        return self._edited(call.layer, lambda: call.weights)

    def _edited(self, layer: str, weights: Callable[[], Tensor]) -> Tensor | None:
        if layer not in self.names:
            self.names.append(layer)
        if layer not in self.edits:
            return None
        own = weights()
        changed = self.edits[layer](own)
        if not isinstance(changed, Tensor) or changed.shape != own.shape:
            what = f"the shape {tuple(changed.shape)}" if isinstance(changed, Tensor) else type(changed).__name__
            raise ValueError(f"the edit of {layer} answers {what}, and the weights have {tuple(own.shape)}.")
        self.ran.add(layer)
        return changed.to(own)
