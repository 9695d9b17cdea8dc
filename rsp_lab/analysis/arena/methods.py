"""Every method that says what a decision rests on, brought to one form: a map of the pixels and one of the cells.

Methods at *relation* level speak of cells (level, y, x) of the Q maps, methods at *input* level of pixels. A cell map
is projected to pixels by :data:`~rsp_lab.analysis.ledger.footprint.FOOTPRINT_RULE`, a pixel map to cells by the
transpose.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from rsp_lab.analysis.attribution.attribute import attribute
from rsp_lab.analysis.ledger.footprint import footprint_shares, on_pixels
from rsp_lab.analysis.ledger.frozen import FrozenHead
from rsp_lab.analysis.ledger.head_paths import paths
from rsp_lab.analysis.ledger.ledger import context_ledger
from rsp_lab.analysis.targets.target import Target, cell_weights
from rsp_lab.capture.points import suggest
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.relations.precision import full_precision
from rsp_lab.summary import Summarised

KEPT = 0.5
"""Share of the mass that rollout leaves at a level; the rest goes on to the level above (Abnar, Zuidema: ACL 2020)."""
_NOISE_CELL = 8


@dataclass(frozen=True)
class MethodSettings:
    """What the dearer methods take.

    Attributes:
        steps: of integrated gradients.
        window, stride: of occlusion, in pixels.
        layer: of Grad-CAM.
        reference: what "absent" means in a photograph.
    """

    steps: int = 8
    window: int = 48
    stride: int = 48
    layer: str = "step54.fused"
    reference: str = "blur"


@dataclass(frozen=True, eq=False)
class Question(Summarised):
    """One decision of one model on one image.

    Attributes:
        model: in eval mode.
        image: RGB in [0, 1].
        target: a class or rival that it leaves open is what the model predicts.
        frozen: the model's head on the image, from one captured pass.
        settings: of the methods.
        seed: of what is drawn at random.
    """

    model: Segmenter
    image: Float[Tensor, "1 3 y x"]
    target: Target
    frozen: FrozenHead
    settings: MethodSettings = field(default_factory=MethodSettings)
    seed: int = 0

    @classmethod
    def of(
        cls,
        model: Segmenter,
        image: Float[Tensor, "1 3 y x"],
        target: Target,
        settings: MethodSettings | None = None,
        seed: int = 0,
    ) -> Question:
        """One captured forward pass; raises ValueError as :meth:`FrozenHead.of`."""
        frozen = FrozenHead.of(model, image)
        return cls(model, image, frozen.resolved(target), frozen, settings or MethodSettings(), seed)

    @property
    def shapes(self) -> dict[int, tuple[int, int]]:
        """(v, u) of the Q maps by level, lowest first."""
        return {x: (q.shape[-2], q.shape[-1]) for x, q in self.frozen.q.items()}


@dataclass(frozen=True, eq=False)
class MethodMap(Summarised):
    """What one method says about one decision.

    Attributes:
        method: key in :data:`METHODS`.
        level: ``"relation"`` if the method speaks of cells, ``"input"`` if of pixels; the other map is a projection.
        pixels: (y, x) of the image's size, float64.
        cells: (v, u) by level, lowest first, float64.
    """

    method: str
    level: str
    pixels: Float[Tensor, "y x"]
    cells: dict[int, Tensor]


@dataclass(frozen=True)
class Method:
    """A method and what is known of it before it is tried.

    Attributes:
        title: in words.
        level: what it speaks of.
        signed: whether its map changes sign when class and rival change places.
        rule: what its values are.
        values: of a question: (y, x), or (v, u) by level.
    """

    title: str
    level: str
    signed: bool
    rule: str
    values: Callable[[Question], Tensor | dict[int, Tensor]]


def method_map(name: str, question: Question) -> MethodMap:
    """The map of one method.

    Raises:
        ValueError: for an unknown method, or a head or target that it cannot explain.
    """
    method = METHODS[check_method(name)]
    values, size = method.values(question), question.frozen.image_size
    if isinstance(values, dict):
        cells = {x: found.detach().double().cpu() for x, found in values.items()}
        pixels = torch.stack([on_pixels(found, size) for found in cells.values()]).sum(0)
    else:
        pixels = values.detach().double().cpu()
        cells = {x: on_cells(pixels, shape) for x, shape in question.shapes.items()}
    return MethodMap(name, method.level, pixels, cells)


def check_method(name: str) -> str:
    """The name; raises ValueError if no method has it."""
    if name not in METHODS:
        raise ValueError(f"no method is named {name!r}.{suggest(name, tuple(METHODS), 'methods')}")
    return name


def on_cells(values: Float[Tensor, "y x"], cells: tuple[int, int]) -> Float[Tensor, "v u"]:
    """What lies on each cell of a map: the sum of the pixels' values, split by shared area; float64, the sum stays."""
    rows, columns = (footprint_shares(n, of) for n, of in zip(cells, values.shape, strict=True))
    # Shares of a cell on pixels become shares of a pixel on cells.
    rows, columns = (shares / shares.sum(0, keepdim=True) for shares in (rows, columns))
    return rows @ values.double().cpu() @ columns.T


def raw_weights(question: Question) -> dict[int, Tensor]:
    """With which weight the target's cells on each level look at the cells of the level above; one step at a time."""
    found = {question.frozen.levels[0]: _place(question, question.frozen.levels[0])}
    for path in paths(question.frozen):
        found[path.low + 1] = path.raised(path.taken(_place(question, path.low)))
    return found


def weights_times_value(question: Question) -> dict[int, Tensor]:
    """The same, each weight times the norm of the value that it is a weight of (Kobayashi et al.: EMNLP 2020)."""
    lowest = question.frozen.levels[0]
    found = {lowest: _place(question, lowest) * question.frozen.q[lowest][0].norm(dim=0)}
    for path in paths(question.frozen):
        found[path.low + 1] = path.raised(path.taken(_place(question, path.low)) * path.value[0].norm(dim=0))
    return found


def rollout(question: Question) -> dict[int, Tensor]:
    """The product of the weights over the steps: :data:`KEPT` of the mass stays at a level, the rest goes on up."""
    lowest = question.frozen.levels[0]
    mass, found = _place(question, lowest), {}
    for path in paths(question.frozen):
        found[path.low] = KEPT * mass
        mass = path.raised(path.taken((1 - KEPT) * mass))
    found[question.frozen.levels[-1]] = mass
    return found


def gradient_times_q(question: Question) -> dict[int, Tensor]:
    """Gradient times Q of the live head, summed over channels: relation weights take part in the derivative."""
    frozen = question.frozen
    place = cell_weights(question.target, frozen.image_size, _size(frozen.logits), frozen.logits.dtype)
    direction = question.target.direction(frozen.class_names).to(frozen.logits)
    with full_precision(frozen.logits.device, grad=True):
        leaves = {x: q.detach().clone().requires_grad_() for x, q in frozen.q.items()}
        logits = frozen.head.from_q(leaves)
        upstream = direction[None, :, None, None] * place.to(logits)
        gradients = torch.autograd.grad(logits, list(leaves.values()), upstream)
    return {x: (g * frozen.q[x]).sum((0, 1)) for x, g in zip(leaves, gradients, strict=True)}


def ledger(question: Question) -> dict[int, Tensor]:
    """The context ledger: contributions in logits, relation weights held."""
    return context_ledger(question.frozen, question.frozen.image, question.target).maps


def random_map(question: Question) -> Tensor:
    """:func:`noise` drawn with the question's seed."""
    return noise(question.frozen.image_size, question.seed)


def noise(size: tuple[int, int], seed: int) -> Float[Tensor, "y x"]:
    """Independent standard uniform numbers, one for each block of 8 x 8 pixels; nothing of model or image in it."""
    height, width = size
    blocks = -(-height // _NOISE_CELL), -(-width // _NOISE_CELL)
    drawn = torch.rand(blocks, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    spread = drawn.repeat_interleave(_NOISE_CELL, 0).repeat_interleave(_NOISE_CELL, 1)
    return spread[:height, :width].clone()


def by_captum(question: Question, *, method: str) -> Tensor:
    """A map of :func:`~rsp_lab.analysis.attribution.attribute.attribute`."""
    s = question.settings
    found = attribute(
        question.model,
        question.image,
        question.target,
        method,
        reference=s.reference,
        steps=s.steps,
        window=s.window,
        stride=s.stride,
        layer=s.layer,
    )
    return found.values


def _place(question: Question, level: int) -> Tensor:
    """Weight of each cell of a level in the target, by resizing that level's grid to the image; sums to 1."""
    q = question.frozen.q[level]
    return cell_weights(question.target, question.frozen.image_size, _size(q), q.dtype).to(q)


def _size(values: Tensor) -> tuple[int, int]:
    return values.shape[-2], values.shape[-1]


METHODS: Mapping[str, Method] = {
    "raw_weights": Method(
        "raw weights", "relation", False, "relation weight of a step, averaged over the target's cells", raw_weights
    ),
    "weights_x_value": Method(
        "weight x value norm", "relation", False, "relation weight times the norm of its value", weights_times_value
    ),
    "rollout": Method("rollout", "relation", False, "product of the weights over the steps, half kept each", rollout),
    "gradient_x_q": Method(
        "gradient x Q", "relation", True, "gradient of the live head times Q, summed over channels", gradient_times_q
    ),
    "ledger": Method("context ledger", "relation", True, "contribution in logits, relation weights held", ledger),
    "gradient_x_input": Method(
        "gradient x input", "input", True, "colour times gradient", partial(by_captum, method="gradient_x_input")
    ),
    "integrated_gradients": Method(
        "integrated gradients",
        "input",
        True,
        "difference from the reference times the mean gradient on the way",
        partial(by_captum, method="integrated_gradients"),
    ),
    "layer_gradcam": Method(
        "layer Grad-CAM",
        "input",
        True,
        "activations of a layer times their channel's mean gradient, signed",
        partial(by_captum, method="layer_gradcam"),
    ),
    "occlusion": Method(
        "occlusion",
        "input",
        True,
        "fall of the target when a window is replaced",
        partial(by_captum, method="occlusion"),
    ),
    "feature_ablation": Method(
        "feature ablation",
        "input",
        True,
        "fall of the target when a predicted class is replaced, spread over its pixels",
        partial(by_captum, method="feature_ablation"),
    ),
    "random": Method("random", "input", False, "independent uniform numbers", random_map),
}
"""By name, in the order of the tables."""
