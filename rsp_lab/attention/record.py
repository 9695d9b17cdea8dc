"""Recording the attentions of a pass, each proven by the context that it works out again."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from rsp_lab.attention.layers import AttentionLayer, AttentionRecord, DenseAttention, SampledAttention
from rsp_lab.attention.layout import Layout
from rsp_lab.attention.places import NOWHERE, PlaceTracer
from rsp_lab.attention.watch import AttentionCall, AttentionWatch, SampledCall, ordered
from rsp_lab.models.subject import Subject, check_subject
from rsp_lab.rgb import ImageLike, one_image


def record_attention(subject: Subject, image: ImageLike, layers: Sequence[str] | None = None) -> AttentionRecord:
    """Where every attention of a network looks on an image. Nothing of the network changes.

    Fused attention (``scaled_dot_product_attention``) is seen as well as attention written out, whichever way the
    library is set. What a kernel of its own works out is not seen.

    Args:
        subject: any network, as :func:`rsp_lab.adapt` gives it, in evaluation mode.
        image: one, as for a model.
        layers: paths of modules, to keep these alone; by default all are kept, which takes memory for all weights.

    Raises:
        ValueError: for what is no subject; if the network has no attention that can be seen, or none of a name
            in ``layers``.
    """
    check_subject(subject)
    x = one_image(image, dtype=subject.mean.dtype, device=subject.mean.device)
    size = (x.shape[-2], x.shape[-1])
    tracer = PlaceTracer(size, subject.padded_size(size))
    watch = _Recorder(subject, tracer, None if layers is None else frozenset(layers))
    with torch.no_grad(), tracer:
        tracer.start(x)
        with watch.pass_of_network():
            subject.answer(x)
    missing = sorted(frozenset(layers or ()) - watch.found.keys())
    if missing or not watch.found:
        seen = ordered([*watch.names], subject.network)
        said = f"It has {', '.join(seen[:6])}{', ...' if len(seen) > 6 else ''}." if seen else "None of it can be seen."
        what = f"attention {missing[0]!r}" if missing else "attention"
        raise ValueError(f"{subject.name} has no {what} on this image. {said}")
    return AttentionRecord({layer: watch.found[layer] for layer in ordered([*watch.found], subject.network)})


class _Recorder(AttentionWatch):
    """Keeps what is seen."""

    def __init__(self, subject: Subject, tracer: PlaceTracer, layers: frozenset[str] | None) -> None:
        super().__init__(subject.network)
        self.tracer, self.layers = tracer, layers
        self.found: dict[str, AttentionLayer] = {}
        self.names: list[str] = []

    def seen(self, call: AttentionCall, context: Tensor) -> None:
        if not self._wanted(call.layer):
            return
        layout = Layout.of(call.query.shape[:-2], _first_channel(self.tracer.of(call.query)))

        def four(x: Tensor) -> Tensor:
            return layout.arranged(x.detach())

        query, key, value, scores, out = map(four, (call.query, call.key, call.value, call.scores(), context))
        value = value.repeat_interleave(scores.shape[1] // value.shape[1], 1)
        again = scores.softmax(-1) @ value
        self.found[call.layer] = DenseAttention(
            call.layer,
            self.tracer.size,
            _token_places(call.query, layout, self.tracer),
            _residual(again, out),
            layout,
            query,
            key.repeat_interleave(query.shape[1] // key.shape[1], 1),
            value,
            out,
            scores,
            call.scale,
            _token_places(call.key, layout, self.tracer),
        )

    def seen_sampled(self, call: SampledCall, context: Tensor) -> None:
        if not self._wanted(call.layer):
            return
        height, width = self.tracer.padded
        weights = call.weights.detach()
        points = torch.cat(
            [
                torch.complex((grid[..., 1] + 1) / 2 * height - 0.5, (grid[..., 0] + 1) / 2 * width - 0.5)
                for grid in call.grids
            ],
            -1,
        )
        known = self.tracer.of(call.weights)
        places = torch.full(weights.shape, NOWHERE) if known is None else known
        places = places.reshape(weights.shape[0], *weights.shape[-2:])[:1, :, 0]
        sampled = [F.grid_sample(x, grid, align_corners=False) for x, grid in zip(call.maps, call.grids, strict=True)]
        again = (torch.cat(sampled, -1) * weights).sum(-1)
        self.found[call.layer] = SampledAttention(
            call.layer,
            self.tracer.size,
            places,
            _residual(again, context),
            Layout(tuple(weights.shape[:-2])),
            weights.reshape(weights.shape[0], *weights.shape[-2:]),
            points,
        )

    def _wanted(self, layer: str) -> bool:
        self.names.append(layer)
        return self.layers is None or layer in self.layers


def _first_channel(places: Tensor | None) -> Tensor | None:
    return None if places is None else places[..., 0]


def _token_places(x: Tensor, layout: Layout, tracer: PlaceTracer) -> Tensor:
    known = tracer.of(x)
    if known is None:
        return torch.full((layout.count, x.shape[-2]), NOWHERE)
    return layout.arranged(known[..., :1])[:, 0, :, 0].clone()


def _residual(again: Tensor, context: Tensor) -> float:
    gap = float((again - context.reshape(again.shape)).abs().max())
    return gap / max(1.0, float(context.abs().max()))
