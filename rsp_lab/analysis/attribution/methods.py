"""captum's methods of input attribution: each an object that owns its title, unit, rule, settings and cost.

Another method is an object of a class derived from
:class:`~rsp_lab.analysis.attribution.interface.AttributionMethod`; whatever takes a method takes it too, and nothing
else has to know of it. Nothing here holds more than one forward and backward pass of one image, or a forward pass of
:data:`~rsp_lab.analysis.attribution.target_function.PIXELS_AT_ONCE` pixels.

captum is imported where a method runs: it brings matplotlib and IPython, for which nobody else should wait.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Integer
from torch import Tensor, nn

from rsp_lab.analysis.attribution.interface import (
    AttributionMethod,
    MethodOutput,
    RegionEffect,
    Setting,
    SettingChoices,
)
from rsp_lab.analysis.attribution.target_function import ImageFunction, images_at_once
from rsp_lab.analysis.targets.regions import connected_regions
from rsp_lab.capture.hooks import hooks
from rsp_lab.capture.points import find_points, suggest, taps_of
from rsp_lab.models.subject import Subject
from rsp_lab.shapes import checked_count, own_tensor
from rsp_lab.text import in_short


@dataclass(frozen=True)
class IntegratedGradients(AttributionMethod):
    """Difference from the reference times the mean gradient on the straight way from it, summed over the channels.

    Gauss-Legendre, one step at a time. captum holds the steps' shares in float32, so that the sum is exact to about
    1e-7 even for a model in float64 (Sundararajan, Taly, Yan: ICML 2017).

    Attributes:
        steps: on the way, each a forward and a backward pass.
    """

    steps: int = 32

    name = "integrated_gradients"
    title = "integrated gradients"
    unit = "logits"
    rule = (
        "difference from the reference times the mean gradient on the way from it; adds up to the change of the target "
        "from the reference to the image, but for the residual"
    )
    additive = True
    complete = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", checked_count("steps", self.steps, 1, "32 is the default"))

    def passes(self, size: tuple[int, int]) -> int:
        return self.steps

    def choices(self, models: Sequence[nn.Module], size: tuple[int, int]) -> tuple[SettingChoices, ...]:
        return (SettingChoices("steps", "Steps from the reference", (16, 8, 32, 64)),)

    def run(self, function: ImageFunction, image: Tensor, reference: Tensor) -> MethodOutput:
        from captum import attr

        values = attr.IntegratedGradients(function).attribute(
            image, baselines=reference, n_steps=self.steps, internal_batch_size=1
        )
        return MethodOutput(values.double().sum((0, 1)), {"quadrature": "Gauss-Legendre"})


@dataclass(frozen=True)
class GradientXInput(AttributionMethod):
    """Colour times gradient, summed over the channels."""

    name = "gradient_x_input"
    title = "gradient x input"
    unit = "logits to first order"
    rule = "each colour times the gradient at the image; relative to black, and no sum is promised"
    relative_to = "black"
    additive = True

    def passes(self, size: tuple[int, int]) -> int:
        return 1

    def run(self, function: ImageFunction, image: Tensor, reference: Tensor) -> MethodOutput:
        from captum import attr

        return MethodOutput(attr.InputXGradient(function).attribute(image.requires_grad_()).double().sum((0, 1)))


@dataclass(frozen=True)
class LayerGradCam(AttributionMethod):
    """Activations times the mean gradient of their channel, summed over the channels, resized bilinearly; signed.

    captum hooks a module of ours through which the layer's tensor is led, so that any capture point will do, one tensor
    of a module's output too, and only this thread's forward pass is seen (Selvaraju et al.: Grad-CAM, ICCV 2017).

    Attributes:
        layer: a tap's name or a module's path, whose tensor has the axes b c y x. Of a subject the default is the last
            map of its cut.
    """

    layer: str = "step54.fused"

    name = "layer_gradcam"
    title = "layer Grad-CAM"
    unit = "arbitrary units"
    rule = "activations times the mean gradient of their channel, signed (no ReLU), resized bilinearly"
    relative_to = "none"

    def passes(self, size: tuple[int, int]) -> int:
        return 1

    def choices(self, models: Sequence[nn.Module], size: tuple[int, int]) -> tuple[SettingChoices, ...]:
        """Taps that all models have: the layer itself, the fused maps, coarse to fine, and the Q maps."""
        names = sorted(set.intersection(*({*taps_of(model)} for model in models)), reverse=True)
        maps = (*(n for n in names if n.endswith(".fused")), *(n for n in names if n.startswith("q")))
        layers = tuple(sorted(maps, key=lambda name: name != self.layer))
        return (SettingChoices("layer", "Layer", layers),) if layers else ()

    def _layer_of(self, model: nn.Module) -> str:
        if isinstance(model, Subject) and self.layer == LayerGradCam.layer:
            return f"network.{model.cut[-1]}".rstrip(".")
        return self.layer

    def run(self, function: ImageFunction, image: Tensor, reference: Tensor) -> MethodOutput:
        from captum import attr

        layer = self._layer_of(function.model)
        points = find_points(function.model, layer)
        if len(points) != 1:
            names = ", ".join(point.name for point in points[:4])
            raise ValueError(f"{layer!r} means {len(points)} points ({names}, ...), expected one: name one.")
        probe = nn.Identity()
        shapes: list[tuple[int, ...]] = []
        reached: list[bool] = []

        def lead(tensor: Tensor, point: Any) -> Tensor:
            shapes.append(tuple(tensor.shape))
            if tensor.ndim != 4 or len(shapes) > 1:
                wrong = (
                    f"has the shape {shapes[0]}" if tensor.ndim != 4 else f"gives tensors {len(shapes)} times a pass"
                )
                raise ValueError(
                    f"the layer {layer!r} {wrong}, expected one map with the axes b c y x: name another layer, or "
                    "one tensor of its output as in 'backbone[out]'."
                )
            # A view of its own: a module may pass on the very tensor that others read beside it.
            led = probe(tensor.view_as(tensor))
            if led.requires_grad:
                led.register_hook(lambda gradient: reached.append(True))
            return led

        def watched(images: Tensor) -> Tensor:
            values = function(images)
            if not shapes:
                raise ValueError(f"the model does not pass the layer {layer!r} on this image: name another layer.")
            return values

        with hooks(function.model, {layer: lead}, warn=False):
            cells = attr.LayerGradCam(watched, probe).attribute(
                image.requires_grad_(), grad_kwargs={"allow_unused": True, "materialize_grads": True}
            )
        if not reached:
            raise ValueError(
                f"the target does not depend on the layer {layer!r}: nothing that leads to these logits reads its "
                "tensor. Name another layer."
            )
        resized = attr.LayerAttribution.interpolate(cells.detach().double(), function.size, interpolate_mode="bilinear")
        return MethodOutput(resized[0, 0], {"cells": f"{cells.shape[-2]} x {cells.shape[-1]}"})


@dataclass(frozen=True)
class Occlusion(AttributionMethod):
    """Fall of the target when a window is replaced by the reference, the mean over the windows that hold a pixel.

    captum takes that mean in float32, so that it is exact to about 1e-7 even for a model in float64 (Zeiler, Fergus:
    ECCV 2014).

    Attributes:
        window: side of a window in pixels; each window is a forward pass.
        stride: pixels from one window to the next; None: half a window.
    """

    window: int = 32
    stride: int | None = None

    name = "occlusion"
    title = "occlusion"
    unit = "logits per window"
    rule = (
        "fall of the target when a window is replaced by the reference, mean over the windows on a pixel; windows "
        "overlap and act together, so no sum is promised"
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "window", checked_count("window", self.window, 1, "32 pixels is the default"))
        if self.stride is not None:
            object.__setattr__(
                self, "stride", checked_count("stride", self.stride, 1, "half the window is the default")
            )
        if not 1 <= self.pixels_apart <= self.window:
            raise ValueError(
                f"the stride must be 1 to {self.window}, the window, got {self.stride}: a larger one leaves gaps."
            )

    @property
    def pixels_apart(self) -> int:
        """The stride, also where it is left to the window."""
        return max(1, self.window // 2) if self.stride is None else self.stride

    def settings(self) -> dict[str, Setting]:
        return {"window": self.window, "stride": self.pixels_apart}

    def check(self, size: tuple[int, int]) -> None:
        if self.window > min(size):
            raise ValueError(
                f"the window must have 1 to {min(size)} pixels on an image of {size[0]} x {size[1]}, got "
                f"{self.window}: give one that fits."
            )

    def windows(self, size: tuple[int, int]) -> int:
        """How many there are on an image of ``size`` (y, x); the last of a row or column may be cut off."""
        down, along = (math.ceil((pixels - self.window) / self.pixels_apart) + 1 for pixels in size)
        return down * along

    def passes(self, size: tuple[int, int]) -> int:
        # captum sends the whole image through once more.
        return 1 + self.windows(size)

    def choices(self, models: Sequence[nn.Module], size: tuple[int, int]) -> tuple[SettingChoices, ...]:
        fitting = tuple(side for side in (48, 32, 64, 96) if side <= min(size)) or (min(size),)
        return (SettingChoices("window", "Window’s side, px (every half of it)", fitting),)

    def run(self, function: ImageFunction, image: Tensor, reference: Tensor) -> MethodOutput:
        from captum import attr

        values = attr.Occlusion(function).attribute(
            image,
            sliding_window_shapes=(3, self.window, self.window),
            strides=(3, self.pixels_apart, self.pixels_apart),
            baselines=reference,
            perturbations_per_eval=images_at_once(image),
        )
        # The windows hold all channels, so that each has the whole effect.
        return MethodOutput(values[0, 0], {"windows": self.windows(function.size)})


PREDICTED, CONNECTED = REGIONS = ("predicted classes", "connected regions")
LEAST_SHARE = 1 / 1000
"""Connected regions of a smaller share of the image are put together: each costs a forward pass."""


@dataclass(frozen=True, eq=False)
class FeatureAblation(AttributionMethod):
    """Fall of the target when a region is replaced by the reference, spread evenly over the region's pixels.

    Attributes:
        regions: the predicted classes, their connected regions (of at least :data:`LEAST_SHARE` of the image), or
            integers (y, x): pixels with one number are replaced together. Each region is a forward pass.
        names: of the numbers, where these are given; see
            :func:`~rsp_lab.analysis.targets.regions.connected_regions`.
    """

    regions: str | Integer[Tensor, "y x"] = PREDICTED
    names: Mapping[int, str] = field(default_factory=dict)

    name = "feature_ablation"
    title = "feature ablation"
    unit = "logits"
    rule = (
        "fall of the target when a region is replaced by the reference, spread evenly over its pixels; adds up to the "
        "falls of the regions, each replaced alone"
    )
    additive = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "regions", own_tensor(self.regions))
        if isinstance(self.regions, str):
            if self.regions not in REGIONS:
                raise ValueError(
                    f"no regions are called {self.regions!r}.{suggest(self.regions, REGIONS, 'kinds of regions')}"
                )
        elif not isinstance(self.regions, Tensor) or self.regions.is_floating_point() or self.regions.ndim != 2:
            kind = f"{self.regions.dtype}, " if isinstance(self.regions, Tensor) else ""
            raise ValueError(
                f"regions must be integers with the axes y x, got {kind}{in_short(self.regions)}: give a map of "
                "labels, as a tensor or an array of numpy."
            )

    def settings(self) -> dict[str, Setting]:
        return {"regions": self.regions if isinstance(self.regions, str) else "given"}

    def check(self, size: tuple[int, int]) -> None:
        if not isinstance(self.regions, str) and tuple(self.regions.shape) != size:
            raise ValueError(
                f"regions must be of the image's size {size}, got the shape {tuple(self.regions.shape)}: resize a "
                "label map with nearest neighbour."
            )

    def passes(self, size: tuple[int, int]) -> int | None:
        # captum sends the whole image through once more.
        return None if isinstance(self.regions, str) else 1 + len(self.regions.unique())

    def choices(self, models: Sequence[nn.Module], size: tuple[int, int]) -> tuple[SettingChoices, ...]:
        return (SettingChoices("regions", "Regions", REGIONS),)

    def run(self, function: ImageFunction, image: Tensor, reference: Tensor) -> MethodOutput:
        from captum import attr

        regions, names = self._numbered(function)
        numbers, places = regions.unique(return_inverse=True)
        function.expected = function.passes + 1 + len(numbers)
        values = attr.FeatureAblation(function).attribute(
            image,
            baselines=reference,
            feature_mask=places[None, None].to(image.device),
            perturbations_per_eval=min(images_at_once(image), len(numbers)),
        )
        places, fall = places.flatten().cpu(), values[0, 0].double().flatten().cpu()
        effects = torch.zeros(len(numbers), dtype=torch.float64)
        effects[places] = fall
        pixels = places.bincount(minlength=len(numbers))
        table = [
            RegionEffect(number, names.get(number, f"region {number}"), count, effect)
            for number, count, effect in zip(numbers.tolist(), pixels.tolist(), effects.tolist(), strict=True)
        ]
        spread = (effects / pixels)[places].reshape(regions.shape)
        table.sort(key=lambda region: -abs(region.effect))
        return MethodOutput(spread, {"region_count": len(numbers)}, tuple(table))

    def _numbered(self, function: ImageFunction) -> tuple[Tensor, Mapping[int, str]]:
        """A number for each pixel, and the numbers' names."""
        if not isinstance(self.regions, str):
            return self.regions, self.names
        labels = function.predicted_labels()
        if self.regions == CONNECTED:
            least = max(1, round(LEAST_SHARE * labels.numel()))
            return connected_regions(labels, function.class_names, least=least)
        return labels, dict(enumerate(function.class_names))


METHODS: tuple[AttributionMethod, ...] = (
    IntegratedGradients(),
    GradientXInput(),
    LayerGradCam(),
    Occlusion(),
    FeatureAblation(),
)
"""Each with its defaults, in the order in which they are offered."""
