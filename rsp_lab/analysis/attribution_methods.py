"""captum's methods on one target: each takes the target as a function of the image and gives a map at image size.

Nothing here holds more than one forward and backward pass of one image, or a forward pass of
:data:`PIXELS_AT_ONCE` pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from captum.attr import (
    FeatureAblation,
    InputXGradient,
    IntegratedGradients,
    LayerAttribution,
    LayerGradCam,
    Occlusion,
)
from jaxtyping import Float, Int
from torch import Tensor, nn

from rsp_lab.analysis.targets import Target, cell_weights
from rsp_lab.capture.hooks import hooks
from rsp_lab.capture.points import find_points
from rsp_lab.models.segmenter import CoarseSegmenter, Segmenter

PIXELS_AT_ONCE = 1 << 20
"""Perturbed images go through the network together up to this many pixels, and at least one at a time."""


@dataclass(frozen=True)
class RegionEffect:
    """What one region does for the target.

    Attributes:
        number: of the region in the label map.
        name: of the region.
        pixels: its area.
        effect: the target on the image minus the target with this region alone replaced by the reference, in logits.
    """

    number: int
    name: str
    pixels: int
    effect: float

    def to_dict(self) -> dict[str, Any]:
        return {"number": self.number, "name": self.name, "pixels": self.pixels, "effect": round(self.effect, 6)}


class TargetFunction:
    """The target's value on each image of a batch, (b, 3, y, x) to (b,) in float64; differentiable.

    It is :func:`~rsp_lab.analysis.targets.target_value` with the resizing moved to the weights, so that logits at
    image size are never made.

    Args:
        model: a segmenter, or any network that answers logits (b, class, v, u) at any resolution, or a mapping that
            has them under ``"out"``.
        target: with its class named.
        size: (y, x) of the images.
        class_names: in the order of the logits.
        report: called after each forward pass with the share of :attr:`expected` that is done.

    Raises:
        ValueError: for a target that does not fit the size or the classes.
    """

    def __init__(
        self,
        model: nn.Module,
        target: Target,
        size: tuple[int, int],
        class_names: Sequence[str],
        report: Callable[[float], None] | None = None,
    ) -> None:
        self.model, self.target, self.size = model, target, size
        self.class_names = tuple(class_names)
        self.passes = 0
        """Images that went through the network so far."""
        self.expected = 1
        """Images that will have gone through it in the end."""
        self._network = CoarseSegmenter(model) if isinstance(model, Segmenter) else model
        self._report = report
        target.check(size)
        direction = target.direction(class_names)
        self._used = direction.nonzero()[:, 0]
        self._signs = direction[self._used]
        self._place = torch.zeros(0, 0)

    def logits(self, images: Float[Tensor, "b 3 y x"]) -> Float[Tensor, "b class v u"]:
        """What the network answers, a segmenter at stride 4.

        Raises:
            ValueError: if that is not one map of logits for each class.
        """
        found = self._network(images)
        if isinstance(found, Mapping):
            found = found.get("out")
        if not isinstance(found, Tensor) or found.ndim != 4:
            what = f"shape {tuple(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
            raise ValueError(
                f"the model must answer logits with the axes b class y x, got {what}: wrap it in a module that does."
            )
        if found.shape[1] != len(self.class_names):
            raise ValueError(
                f"the model answers {found.shape[1]} classes, class_names has {len(self.class_names)}: name each of "
                "them, in the order of the logits."
            )
        self.passes += len(images)
        if self._report is not None:
            self._report(min(1.0, self.passes / self.expected))
        return found

    def value(self, logits: Float[Tensor, "b class v u"]) -> Float[Tensor, " b"]:
        """The target's value, of logits at any resolution."""
        cells = (logits.shape[-2], logits.shape[-1])
        if self._place.shape != cells:
            self._place = cell_weights(self.target, self.size, cells, logits.dtype).double()
        used, signs, place = (x.to(logits.device) for x in (self._used, self._signs, self._place))
        return torch.einsum("bcvu,c,vu->b", logits[:, used].double(), signs, place)

    def __call__(self, images: Float[Tensor, "b 3 y x"]) -> Float[Tensor, " b"]:
        return self.value(self.logits(images))


def gradient_x_input(function: TargetFunction, image: Float[Tensor, "1 3 y x"]) -> Float[Tensor, "y x"]:
    """Colour times gradient, summed over the channels."""
    found = InputXGradient(function).attribute(image.clone().requires_grad_())
    return found.detach().double().sum((0, 1)).cpu()


def integrated_gradients(
    function: TargetFunction, image: Float[Tensor, "1 3 y x"], reference: Float[Tensor, "1 3 y x"], steps: int
) -> Float[Tensor, "y x"]:
    """Difference from the reference times the mean gradient on the straight way from it, summed over the channels.

    Gauss-Legendre, one step at a time. captum holds the steps' shares in float32, so that the sum is exact to about
    1e-7 even for a model in float64.
    """
    method = IntegratedGradients(function)
    found = method.attribute(image, baselines=reference, n_steps=steps, internal_batch_size=1)
    return found.detach().double().sum((0, 1)).cpu()


def layer_gradcam(
    function: TargetFunction, image: Float[Tensor, "1 3 y x"], layer: str
) -> tuple[Float[Tensor, "y x"], tuple[int, int]]:
    """Activations times the mean gradient of their channel, summed over the channels, resized bilinearly; signed.

    captum hooks a module of ours through which the point's tensor is led, so that any capture point will do, one
    tensor of a module's output too, and only this thread's forward pass is seen.

    Returns:
        The map at image size, and the layer's own size (y, x).

    Raises:
        ValueError: if the name means no point or several, or its tensor is passed not exactly once or is no map.
    """
    points = find_points(function.model, layer)
    if len(points) != 1:
        names = ", ".join(point.name for point in points[:4])
        raise ValueError(f"{layer!r} means {len(points)} points ({names}, ...), expected one: name one of them.")
    probe = nn.Identity()
    seen: list[tuple[int, ...]] = []

    def lead(tensor: Tensor, point: Any) -> Tensor:
        seen.append(tuple(tensor.shape))
        if tensor.ndim != 4 or len(seen) > 1:
            wrong = f"has the shape {seen[0]}" if tensor.ndim != 4 else f"gives tensors {len(seen)} times a pass"
            raise ValueError(
                f"the layer {layer!r} {wrong}, expected one map with the axes b c y x: name another layer, or one "
                "tensor of its output as in 'backbone[out]'."
            )
        # A view of its own: a module may pass on the very tensor that others read beside it.
        return probe(tensor.view_as(tensor))

    def watched(images: Tensor) -> Tensor:
        values = function(images)
        if not seen:
            raise ValueError(f"the model does not pass the layer {layer!r} on this image: name another layer.")
        return values

    with hooks(function.model, {layer: lead}):
        cells = LayerGradCam(watched, probe).attribute(
            image.clone().requires_grad_(), grad_kwargs={"allow_unused": True, "materialize_grads": True}
        )
    size = (image.shape[-2], image.shape[-1])
    resized = LayerAttribution.interpolate(cells.detach().double(), size, interpolate_mode="bilinear")
    return resized[0, 0].cpu(), (cells.shape[-2], cells.shape[-1])


def occlusion(
    function: TargetFunction,
    image: Float[Tensor, "1 3 y x"],
    reference: Float[Tensor, "1 3 y x"],
    window: int,
    stride: int,
) -> Float[Tensor, "y x"]:
    """Fall of the target when a window is replaced by the reference, the mean over the windows that hold a pixel."""
    found = Occlusion(function).attribute(
        image,
        sliding_window_shapes=(3, window, window),
        strides=(3, stride, stride),
        baselines=reference,
        perturbations_per_eval=images_at_once(image),
    )
    # The windows hold all channels, so that each has the whole effect.
    return found[0, 0].double().cpu()


def window_count(size: tuple[int, int], window: int, stride: int) -> int:
    """Windows of :func:`occlusion` on an image of ``size`` (y, x); the last of a row or column may be cut off."""
    down, along = (math.ceil((pixels - window) / stride) + 1 for pixels in size)
    return down * along


def feature_ablation(
    function: TargetFunction,
    image: Float[Tensor, "1 3 y x"],
    reference: Float[Tensor, "1 3 y x"],
    regions: Int[Tensor, "y x"],
    names: Mapping[int, str],
) -> tuple[Float[Tensor, "y x"], tuple[RegionEffect, ...]]:
    """Fall of the target when a region is replaced by the reference, spread evenly over the region's pixels.

    Returns:
        The map, which sums to the effects, and the effects, the largest of either sign first.
    """
    numbers, places = regions.unique(return_inverse=True)
    found = FeatureAblation(function).attribute(
        image,
        baselines=reference,
        feature_mask=places[None, None].to(image.device),
        perturbations_per_eval=min(images_at_once(image), len(numbers)),
    )
    places, fall = places.flatten().cpu(), found[0, 0].double().flatten().cpu()
    effects = torch.zeros(len(numbers), dtype=torch.float64)
    effects[places] = fall
    pixels = places.bincount(minlength=len(numbers))
    table = [
        RegionEffect(number, names.get(number, f"region {number}"), count, effect)
        for number, count, effect in zip(numbers.tolist(), pixels.tolist(), effects.tolist(), strict=True)
    ]
    spread = (effects / pixels)[places].reshape(regions.shape)
    return spread, tuple(sorted(table, key=lambda region: -abs(region.effect)))


def images_at_once(image: Float[Tensor, "1 3 y x"]) -> int:
    """How many perturbed copies of an image go through the network together, by :data:`PIXELS_AT_ONCE`."""
    return max(1, PIXELS_AT_ONCE // (image.shape[-2] * image.shape[-1]))
