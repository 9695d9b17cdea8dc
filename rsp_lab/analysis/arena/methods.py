"""Every method that says what a decision rests on, brought to one form: a map of the pixels and one of the cells.

Methods at *relation* level speak of cells (level, y, x) of the Q maps, or of the cut of a network of another make,
methods at *input* level of pixels. A cell map is projected to pixels by
:data:`~rsp_lab.analysis.ledger.footprint.FOOTPRINT_RULE`, a pixel map to cells by the transpose. Methods of input
attribution take part as they are; the others derive from :class:`ArenaMethod`, and say so where they do not apply.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from rsp_lab.analysis.attribution.attribute import attribute
from rsp_lab.analysis.attribution.interface import AttributionMethod, Method, find_method
from rsp_lab.analysis.attribution.level_pixels import level_pixels
from rsp_lab.analysis.attribution.methods import (
    FeatureAblation,
    GradientXInput,
    IntegratedGradients,
    LayerGradCam,
    Occlusion,
)
from rsp_lab.analysis.ledger.footprint import footprint_shares, on_pixels
from rsp_lab.analysis.ledger.freeze import freeze
from rsp_lab.analysis.ledger.frozen_head import FrozenHead
from rsp_lab.analysis.ledger.frozen_pass import FrozenPass
from rsp_lab.analysis.ledger.head_paths import Path, paths
from rsp_lab.analysis.ledger.ledger import context_ledger
from rsp_lab.analysis.targets.target import Target, cell_weights
from rsp_lab.models.heads import TopDownHead
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject
from rsp_lab.relations.precision import full_precision
from rsp_lab.rgb import ImageLike
from rsp_lab.summary import Summarised

_NOISE_CELL = 8


@dataclass(frozen=True, eq=False)
class Question(Summarised):
    """One decision of one model on one image.

    Attributes:
        model: in eval mode.
        image: RGB in [0, 1].
        target: a class or rival that it leaves open is what the model predicts.
        frozen: the model on the image, from one captured pass.
        reference: what "absent" means in a photograph.
        seed: of what is drawn at random.
    """

    model: Segmenter | Subject
    image: Float[Tensor, "1 3 y x"]
    target: Target
    frozen: FrozenPass
    reference: str = "blur"
    seed: int = 0

    @classmethod
    def of(
        cls,
        model: Segmenter | Subject,
        image: ImageLike,
        target: Target,
        *,
        reference: str = "blur",
        seed: int = 0,
    ) -> Question:
        """One captured forward pass; raises as :func:`~rsp_lab.analysis.ledger.freeze.freeze`."""
        frozen = freeze(model, image)
        return cls(model, frozen.image, frozen.resolved(target), frozen, reference, seed)

    @property
    def shapes(self) -> dict[int, tuple[int, int]]:
        """(v, u) of the maps by level, lowest first."""
        return {x: (q.shape[-2], q.shape[-1]) for x, q in self.frozen.q.items()}


class ArenaMethod(Method):
    """A method that answers from the frozen pass of a question; one of input attribution needs no such class."""

    level: ClassVar[str] = "relation"
    by_level: ClassVar[bool] = False

    def refusal(self, question: Question) -> str:
        """Why it has no answer to a question, in words; empty where it has one."""
        return ""

    @abstractmethod
    def values(self, question: Question) -> dict[int, Tensor] | Tensor:
        """(v, u) by level, lowest first, or (y, x) of the image's size where the method speaks of pixels; a row of
        that size for each level where it does both, as :attr:`by_level` says."""


@dataclass(frozen=True, eq=False)
class MethodMap(Summarised):
    """What one method says about one decision.

    Attributes:
        method: its ``level`` says which of the maps is its own; the other one is a projection.
        pixels: (y, x) of the image's size, float64.
        cells: (v, u) by level, lowest first, float64.
    """

    method: Method
    pixels: Float[Tensor, "y x"]
    cells: dict[int, Tensor]


def method_map(method: str | Method, question: Question) -> MethodMap:
    """The map of one method.

    Args:
        method: an object, or the name of one of :data:`METHODS`.
        question: what is to be explained.

    Raises:
        ValueError: for an unknown method, or a head or target that it cannot explain.
    """
    chosen, size = find_method(method, METHODS.values()), question.frozen.image_size
    if isinstance(chosen, ArenaMethod):
        values = chosen.values(question)
    elif isinstance(chosen, AttributionMethod):
        q = question
        values = attribute(q.model, q.image, q.target, chosen, reference=q.reference).values
    else:
        raise ValueError(f"{type(chosen).__name__} gives no map: derive it from ArenaMethod or AttributionMethod.")
    if isinstance(values, dict) and isinstance(chosen, ArenaMethod) and chosen.by_level:
        rows = {x: row.detach().double().cpu() for x, row in values.items()}
        pixels = torch.stack(list(rows.values())).sum(0)
        cells = {x: on_cells(rows[x], shape) for x, shape in question.shapes.items()}
    elif isinstance(values, dict):
        cells = {x: level.detach().double().cpu() for x, level in values.items()}
        pixels = torch.stack([on_pixels(level, size) for level in cells.values()]).sum(0)
    else:
        pixels = values.detach().double().cpu()
        cells = {x: on_cells(pixels, shape) for x, shape in question.shapes.items()}
    return MethodMap(chosen, pixels, cells)


def refusal(method: Method, question: Question) -> str:
    """Why a method has no answer to a question, in words; empty where it has one, as any of input attribution has."""
    return method.refusal(question) if isinstance(method, ArenaMethod) else ""


def on_cells(values: Float[Tensor, "y x"], cells: tuple[int, int]) -> Float[Tensor, "v u"]:
    """What lies on each cell of a map: the sum of the pixels' values, split by shared area; float64, the sum stays."""
    rows, columns = (footprint_shares(n, of) for n, of in zip(cells, values.shape, strict=True))
    # Shares of a cell on pixels become shares of a pixel on cells.
    rows, columns = (shares / shares.sum(0, keepdim=True) for shares in (rows, columns))
    return rows @ values.double().cpu() @ columns.T


class AlongPaths(ArenaMethod):
    """A method that follows the weights of a head's top-down path."""

    signed = False

    def refusal(self, question: Question) -> str:
        frozen = question.frozen
        if isinstance(frozen, FrozenHead) and isinstance(frozen.head, TopDownHead):
            return ""
        return f"{frozen.name} has no top-down steps of a head of rsp_lab, so no weights to follow"

    def paths(self, question: Question) -> tuple[Path, ...]:
        """The steps of the head, the lowest first; raises ValueError by :meth:`refusal`."""
        if why := self.refusal(question):
            raise ValueError(f"{self.title} does not apply: {why}.")
        assert isinstance(question.frozen, FrozenHead)
        return paths(question.frozen)


class OfLedgers(ArenaMethod):
    """A method that rests on the pass being affine with all gates held."""

    def refusal(self, question: Question) -> str:
        return question.frozen.refused


@dataclass(frozen=True)
class RawWeights(AlongPaths):
    """With which weight the target's cells on each level look at the cells of the level above; one step at a time."""

    name = "raw_weights"
    title = "raw weights"
    unit = "share of the weight"
    rule = "relation weight of a step, averaged over the target's cells"

    def values(self, question: Question) -> dict[int, Tensor]:
        lowest = question.frozen.levels[0]
        maps = {lowest: _place(question, lowest)}
        for path in self.paths(question):
            maps[path.low + 1] = path.raised(path.taken(_place(question, path.low)))
        return maps


@dataclass(frozen=True)
class WeightsTimesValue(AlongPaths):
    """Each raw weight times the norm of the value that it is a weight of (Kobayashi et al.: EMNLP 2020)."""

    name = "weights_x_value"
    title = "weight x value norm"
    unit = "norm of a value"
    rule = "relation weight times the norm of its value"

    def values(self, question: Question) -> dict[int, Tensor]:
        lowest = question.frozen.levels[0]
        maps = {lowest: _place(question, lowest) * question.frozen.q[lowest][0].norm(dim=0)}
        for path in self.paths(question):
            maps[path.low + 1] = path.raised(path.taken(_place(question, path.low)) * path.value[0].norm(dim=0))
        return maps


@dataclass(frozen=True)
class Rollout(AlongPaths):
    """The product of the weights over the steps (Abnar, Zuidema: ACL 2020).

    Attributes:
        kept: share of the mass that stays at a level; the rest goes on to the level above.
    """

    kept: float = 0.5

    name = "rollout"
    title = "rollout"
    unit = "share of the weight"
    rule = "product of the weights over the steps, a set share of the mass kept at each"

    def values(self, question: Question) -> dict[int, Tensor]:
        lowest = question.frozen.levels[0]
        mass, maps = _place(question, lowest), {}
        for path in self.paths(question):
            maps[path.low] = self.kept * mass
            mass = path.raised(path.taken((1 - self.kept) * mass))
        maps[question.frozen.levels[-1]] = mass
        return maps


@dataclass(frozen=True)
class GradientXQ(ArenaMethod):
    """Gradient times Q of the live head, summed over channels: relation weights, or all gates, take part in the
    derivative."""

    name = "gradient_x_q"
    title = "gradient x Q"
    unit = "logits to first order"
    rule = "gradient of the live head times Q, summed over channels"

    def values(self, question: Question) -> dict[int, Tensor]:
        frozen = question.frozen
        place = cell_weights(question.target, frozen.image_size, _size(frozen.logits), frozen.logits.dtype)
        direction = question.target.direction(frozen.class_names).to(frozen.logits)
        with full_precision(frozen.logits.device, grad=True):
            leaves = {x: q.detach().clone().requires_grad_() for x, q in frozen.q.items()}
            logits = frozen.live(leaves)
            upstream = direction[None, :, None, None] * place.to(logits)
            gradients = torch.autograd.grad(logits, list(leaves.values()), upstream)
        return {x: (g * frozen.q[x]).sum((0, 1)) for x, g in zip(leaves, gradients, strict=True)}


@dataclass(frozen=True)
class Ledger(OfLedgers):
    """The context ledger."""

    name = "ledger"
    title = "context ledger"
    unit = "logits"
    rule = "contribution in logits, relation weights (or all gates) held"

    def values(self, question: Question) -> dict[int, Tensor]:
        return context_ledger(question.frozen, question.frozen.image, question.target).maps


@dataclass(frozen=True)
class LevelPixelMatrix(OfLedgers):
    """The level x pixel matrix; its rows lie on the cells of their own level.

    Attributes:
        steps: places on the way from the reference to the image.
    """

    steps: int = 8

    name = "level_pixels"
    title = "level x pixel matrix"
    unit = "logits"
    rule = "integrated gradients of each level's contribution through the encoder, relation weights (or all gates) held"
    level = "input"
    by_level = True

    def values(self, question: Question) -> dict[int, Tensor]:
        found = level_pixels(
            question.model, question.frozen, question.target, reference=question.reference, steps=self.steps
        )
        return found.rows


@dataclass(frozen=True)
class RandomMap(ArenaMethod):
    """:func:`noise` drawn with the question's seed: the control."""

    name = "random"
    title = "random"
    unit = "arbitrary units"
    rule = "independent uniform numbers"
    level = "input"
    signed = False

    def values(self, question: Question) -> Tensor:
        return noise(question.frozen.image_size, question.seed)


def noise(size: tuple[int, int], seed: int) -> Float[Tensor, "y x"]:
    """Independent standard uniform numbers, one for each block of 8 x 8 pixels; nothing of model or image in it."""
    height, width = size
    blocks = -(-height // _NOISE_CELL), -(-width // _NOISE_CELL)
    drawn = torch.rand(blocks, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    spread = drawn.repeat_interleave(_NOISE_CELL, 0).repeat_interleave(_NOISE_CELL, 1)
    return spread[:height, :width].clone()


def _place(question: Question, level: int) -> Tensor:
    """Weight of each cell of a level in the target, by resizing that level's grid to the image; sums to 1."""
    q = question.frozen.q[level]
    return cell_weights(question.target, question.frozen.image_size, _size(q), q.dtype).to(q)


def _size(values: Tensor) -> tuple[int, int]:
    return values.shape[-2], values.shape[-1]


RANDOM = RandomMap()
METHODS: Mapping[str, Method] = {
    method.name: method
    for method in (
        RawWeights(),
        WeightsTimesValue(),
        Rollout(),
        GradientXQ(),
        Ledger(),
        LevelPixelMatrix(),
        GradientXInput(),
        # Fewer steps and larger windows than by default: an arena asks each method about hundreds of decisions.
        IntegratedGradients(steps=8),
        LayerGradCam(),
        Occlusion(window=48, stride=48),
        FeatureAblation(),
        RANDOM,
    )
}
"""By name, in the order of the tables."""
