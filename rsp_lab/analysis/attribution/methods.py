"""captum's methods on one target: each takes the target as a function of the image and gives a map at image size.

Nothing here holds more than one forward and backward pass of one image, or a forward pass of
:data:`~rsp_lab.analysis.attribution.target_function.PIXELS_AT_ONCE` pixels.

captum is imported where it runs: it brings matplotlib and IPython with it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn

from rsp_lab.analysis.attribution.target_function import TargetFunction, images_at_once
from rsp_lab.capture.hooks import hooks
from rsp_lab.capture.points import find_points
from rsp_lab.summary import Summarised


@dataclass(frozen=True)
class RegionEffect(Summarised):
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


def gradient_x_input(function: TargetFunction, image: Float[Tensor, "1 3 y x"]) -> Float[Tensor, "y x"]:
    """Colour times gradient, summed over the channels."""
    from captum.attr import InputXGradient

    found = InputXGradient(function).attribute(image.clone().requires_grad_())
    return found.detach().double().sum((0, 1)).cpu()


def integrated_gradients(
    function: TargetFunction, image: Float[Tensor, "1 3 y x"], reference: Float[Tensor, "1 3 y x"], steps: int
) -> Float[Tensor, "y x"]:
    """Difference from the reference times the mean gradient on the straight way from it, summed over the channels.

    Gauss-Legendre, one step at a time. captum holds the steps' shares in float32, so that the sum is exact to about
    1e-7 even for a model in float64.
    """
    from captum.attr import IntegratedGradients

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
    from captum.attr import LayerAttribution, LayerGradCam

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
    """Fall of the target when a window is replaced by the reference, the mean over the windows that hold a pixel.

    captum takes that mean in float32, so that it is exact to about 1e-7 even for a model in float64.
    """
    from captum.attr import Occlusion

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
    regions: Integer[Tensor, "y x"],
    names: Mapping[int, str],
) -> tuple[Float[Tensor, "y x"], tuple[RegionEffect, ...]]:
    """Fall of the target when a region is replaced by the reference, spread evenly over the region's pixels.

    Returns:
        The map, which sums to the effects, and the effects, the largest of either sign first.
    """
    from captum.attr import FeatureAblation

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
