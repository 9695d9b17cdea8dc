"""The ledgers of many zones at once, in the space of classes instead of channels.

With frozen weights, every operation between Q_x and the logits acts either on places alone (the relation with given
weights, resizing, averaging) or on channels alone (f_v, the classifier: 1x1 convolutions). So the derivative of
``sum_c d_c sum_p m_p logit_c(p)`` with respect to Q_x is a product of a channel vector ``A_x(d)`` and a map ``M_x(m)``.
Q_x is brought to one channel a target by A_x; the chain then runs on as many channels as there are targets, and one
backward pass of it gives all M_x.

Suffixes name axes: t target, c channel, y x cell of level x, v u cell of the logits.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from rsp_lab.analysis.ledger.frozen_head import FrozenHead
from rsp_lab.analysis.ledger.frozen_pass import FrozenPass
from rsp_lab.analysis.ledger.head_derivative import is_separable
from rsp_lab.models.fusion import TopDownStep
from rsp_lab.models.relation import relation_modules
from rsp_lab.relations.precision import full_precision
from rsp_lab.shapes import step_name
from rsp_lab.summary import Summarised


@dataclass(frozen=True, eq=False)
class ZoneContributions(Summarised):
    """Ledgers of several targets on one image, in logits.

    Attributes:
        maps: signed contribution of each cell, (t, y, x) by level, lowest level first; float64, on the CPU.
        bias: (t), the frozen head's answer to Q = 0.
        total: (t), the model's own value of each target.
        residual: the largest of the targets', by :data:`rsp_lab.analysis.ledger.ledger.RESIDUAL_RULE`.
    """

    maps: dict[int, Tensor]
    bias: Float[Tensor, " t"]
    total: Float[Tensor, " t"]
    residual: float


def zone_contributions(
    frozen: FrozenPass, places: Float[Tensor, "t v u"], directions: Float[Tensor, "t class"]
) -> ZoneContributions:
    """The ledger of every target ``sum over places and classes of places * directions * logit``.

    Args:
        frozen: a model on one image. Of a head of ours, as far as it is made of its own parts, all targets share one
            backward pass; of a subject each has its own.
        places: weight of each cell of the logits (stride 4) in a target's mean; see
            :func:`rsp_lab.analysis.targets.target.cell_weights`.
        directions: weight of each class's logit, e.g. 1 at a class and -1 at its rival.

    Raises:
        ValueError: for places that are not of the logits' size, or directions of another number of classes or targets.
        LedgerError: if a target's contributions do not add up to the model's logit.
    """
    _check(frozen, places, directions)
    dtype, device = frozen.logits.dtype, frozen.logits.device
    places, directions = places.to(device, dtype), directions.to(device, dtype)
    if isinstance(frozen, FrozenHead) and is_separable(frozen.head):
        maps, bias = _of_a_head(frozen, places, directions)
    else:
        maps, bias = _one_by_one(frozen, places, directions)
    by_class = places.double().flatten(1) @ frozen.logits[0].double().flatten(1).T
    total = (by_class * directions.double()).sum(1).cpu()
    error = (bias + sum(values.sum((1, 2)) for values in maps.values()) - total).abs()
    scale = bias.abs() + sum(values.abs().sum((1, 2)) for values in maps.values())
    residual = float((error / scale.clamp_min(1)).max())
    frozen.check_sum(residual, f"{len(places)} zones")
    return ZoneContributions(maps, bias, total, residual)


def _one_by_one(frozen: FrozenPass, places: Tensor, directions: Tensor) -> tuple[dict[int, Tensor], Tensor]:
    """Maps by level and biases: a backward pass for each target."""
    rows = []
    for place, direction in zip(places, directions, strict=True):
        gradients = frozen.pulled_back(direction[None, :, None, None] * place)
        rows.append({x: torch.einsum("bcyx,bcyx->yx", g, frozen.q[x]).double().cpu() for x, g in gradients.items()})
    bias = torch.einsum("tvu,cvu,tc->t", places.double(), frozen.bias_map[0].double(), directions.double()).cpu()
    return {x: torch.stack([row[x] for row in rows]) for x in frozen.levels}, bias


def _of_a_head(frozen: FrozenHead, places: Tensor, directions: Tensor) -> tuple[dict[int, Tensor], Tensor]:
    """The same of a head of ours: one backward pass for all targets."""
    with full_precision(frozen.logits.device):
        vectors, biases = _channel_vectors(frozen, directions)
        leaves = {x: F.conv2d(frozen.q[x], vectors[x][:, :, None, None]).requires_grad_() for x in frozen.levels}
        with torch.enable_grad():
            total = (_chain(frozen, leaves, biases)[0] * places).sum((1, 2))
            found = torch.autograd.grad(total.sum(), list(leaves.values()))
        pairs = zip(leaves.items(), found, strict=True)
        maps = {x: (leaf * gradient)[0].double().cpu() for (x, leaf), gradient in pairs}
        nothing = {x: torch.zeros_like(leaf) for x, leaf in leaves.items()}
        return maps, (_chain(frozen, nothing, biases)[0] * places).sum((1, 2)).double().cpu()


def _channel_vectors(frozen: FrozenHead, directions: Tensor) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
    """A_x by level, (t, c), and by the low level of each relation what f_v's bias comes to, (t); 1 is the classifier's.

    Going up, the classifier and every f_v on the way multiply from the right.
    """
    classifier = frozen.head.classifier
    vector = directions @ classifier.weight[:, :, 0, 0]
    biases = {1: directions @ _bias(classifier)}
    vectors = {frozen.levels[0]: vector}
    relations = relation_modules(frozen.head)
    for low, high in pairwise(frozen.levels):
        if step_name(high) in relations:
            f_v = relations[step_name(high)].f_v
            biases[low] = vector @ _bias(f_v)
            vector = vector @ f_v.weight[:, :, 0, 0]
        vectors[high] = vector
    return vectors, biases


def _bias(convolution: nn.Conv2d) -> Tensor:
    return convolution.weight.new_zeros(convolution.out_channels) if convolution.bias is None else convolution.bias


def _chain(frozen: FrozenHead, maps: dict[int, Tensor], biases: dict[int, Tensor]) -> Float[Tensor, "1 t v u"]:
    """The head's operations on places, on one channel a target."""

    def context(step: TopDownStep, low: Tensor, high: Tensor) -> Tensor:
        bias = biases.get(step.low)
        return frozen.mix(step)(high if bias is None else high + bias[None, :, None, None])

    return frozen.head.aggregate(maps, context) + biases[1][None, :, None, None]


def _check(frozen: FrozenPass, places: Tensor, directions: Tensor) -> None:
    cells = tuple(frozen.logits.shape[-2:])
    if tuple(places.shape[1:]) != cells:
        raise ValueError(
            f"places are {tuple(places.shape[1:])}, the logits {cells}: bring weights of pixels there by cell_weights."
        )
    wanted = (len(places), len(frozen.class_names))
    if tuple(directions.shape) != wanted:
        raise ValueError(f"directions have the shape {tuple(directions.shape)}, expected {wanted}: targets by classes.")
