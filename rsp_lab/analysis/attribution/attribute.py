"""Input attribution by captum: which pixels of the image a decision rests on, by five methods on one target.

The methods ask different questions and their maps have different units. The target is the same linear functional of
the logits that a ledger explains.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn

from rsp_lab.analysis.attribution import methods
from rsp_lab.analysis.attribution.methods import RegionEffect
from rsp_lab.analysis.attribution.references import blur_pixels, check_reference, reference_image
from rsp_lab.analysis.attribution.target_function import TargetFunction, class_names_of
from rsp_lab.analysis.ledger.frozen import check_pass, image_digest
from rsp_lab.analysis.targets.target import Target
from rsp_lab.capture.points import suggest
from rsp_lab.models.segmenter import labels_from_logits
from rsp_lab.relations.precision import full_precision
from rsp_lab.summary import Rows, Summarised, short

METHODS = ("gradient_x_input", "integrated_gradients", "layer_gradcam", "occlusion", "feature_ablation")
RESIDUAL_RULE = "|sum of values - (logit - reference logit)| / max(1, |logit - reference logit|)"
UNITS: Mapping[str, str] = {
    "gradient_x_input": "logits to first order",
    "integrated_gradients": "logits",
    "layer_gradcam": "arbitrary",
    "occlusion": "logits a window",
    "feature_ablation": "logits",
}
RULES: Mapping[str, str] = {
    "gradient_x_input": "each colour times the gradient at the image; relative to black, and no sum is promised",
    "integrated_gradients": "adds up to the change of the target from the reference to the image, but for the residual",
    "layer_gradcam": "activations times the mean gradient of their channel, signed (no ReLU), resized bilinearly",
    "occlusion": "fall of the target when a window is replaced by the reference, mean over the windows on a pixel; "
    "windows overlap and act together, so no sum is promised",
    "feature_ablation": "fall of the target when a region is replaced by the reference, spread evenly over its pixels; "
    "adds up to the falls of the regions, each replaced alone",
}
_WITHOUT_REFERENCE = {"gradient_x_input": "black", "layer_gradcam": "none"}
"""What a method that takes no reference is relative to."""


@dataclass(frozen=True, eq=False)
class Attribution(Summarised):
    """What each pixel does for a target, by one method.

    Attributes:
        method: one of :data:`METHODS`; :data:`RULES` says what its values are.
        target: what is explained.
        values: (y, x) of the image's size, signed, float64, on the CPU; colour channels are summed.
        unit: ``"logits"`` where values add up to changes of the target, else what they are.
        image_size: (y, x) in pixels.
        image_digest: tells images apart.
        logit: the target's value on the image.
        reference: what "absent" means: ``"blur"``, ``"black"``, ``"mean"``, or ``"none"`` for a method without.
        reference_logit: the target's value on the reference image; None where the method does not use it.
        residual: by :data:`RESIDUAL_RULE` where the method promises that sum, else None.
        settings: of the method, and ``passes``, how many images went through the network.
        regions: of feature ablation, the largest effect of either sign first.
    """

    method: str
    target: Target
    values: Float[Tensor, "y x"]
    unit: str
    image_size: tuple[int, int]
    image_digest: str
    logit: float
    reference: str
    reference_logit: float | None
    residual: float | None
    settings: dict[str, int | float | str]
    regions: tuple[RegionEffect, ...] = ()

    @property
    def name(self) -> str:
        """The method in words, e.g. ``"integrated gradients"``."""
        return "layer Grad-CAM" if self.method == "layer_gradcam" else self.method.replace("_", " ")

    def sentence(self) -> str:
        """The result in words, with what the values do and do not add up to."""
        head = f"{self.name} of {self.target.describe()}: {self.logit:.2f} logits"
        if self.reference_logit is not None:
            head += f", {self.reference_logit:.2f} on the reference ({self.reference})"
        if self.residual is not None:
            return f"{head}; the pixels add up to {float(self.values.sum()):.2f}, residual {self.residual:.2g}"
        if self.regions:
            first = self.regions[0]
            return f"{head}; largest effect of {len(self.regions)} regions: {first.name} {first.effect:+.2f}"
        return f"{head}; the pixels promise no sum ({self.unit})"

    def _summary(self) -> tuple[str, Rows]:
        return f"Attribution by {self.name}: {self.target.describe()}", [
            ("logit", self.logit),
            (f"on the reference ({self.reference})", self.reference_logit),
            ("values", f"{short(self.values)}, {float(self.values.min()):.3g} to {float(self.values.max()):.3g}"),
            ("sum of values", float(self.values.sum())),
            ("unit", self.unit),
            ("residual", self.residual),
            ("settings", self.settings),
            *(("strongest region", region) for region in self.regions[:1]),
        ]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; the map as its sum and extremes."""
        return {
            "method": self.method,
            "rule": RULES[self.method],
            "target": self.target.describe(),
            "unit": self.unit,
            "image_size": list(self.image_size),
            "image_digest": self.image_digest,
            "logit": round(self.logit, 6),
            "reference": self.reference,
            "reference_logit": None if self.reference_logit is None else round(self.reference_logit, 6),
            "residual": self.residual,
            "residual_rule": None if self.residual is None else RESIDUAL_RULE,
            "settings": dict(self.settings),
            "values": {
                "sum": round(float(self.values.sum()), 6),
                "least": float(self.values.min()),
                "largest": float(self.values.max()),
            },
            "regions": [region.to_dict() for region in self.regions],
        }


@dataclass(frozen=True)
class _Settings:
    """Arguments of :func:`attribute` that belong to one method or another."""

    reference: str
    steps: int
    window: int
    stride: int
    layer: str
    regions: Tensor | None
    region_names: Mapping[int, str]


def attribute(
    model: nn.Module,
    image: Float[Tensor, "1 3 y x"],
    target: Target,
    method: str,
    *,
    reference: str = "blur",
    steps: int = 32,
    window: int = 32,
    stride: int = 16,
    layer: str = "step54.fused",
    regions: Integer[Tensor, "y x"] | None = None,
    region_names: Mapping[int, str] | None = None,
    class_names: Sequence[str] | None = None,
    report: Callable[[float], None] | None = None,
) -> Attribution:
    """What each pixel does for a target, in the memory of one forward and backward pass; the model is left as found.

    Edits that are in force, as by :func:`~rsp_lab.capture.hooks.hooks`, are part of the model that is explained.

    Args:
        model: a segmenter, or any network that maps (b, 3, y, x) to logits (b, class, v, u), or to a mapping that has
            them under ``"out"``; in eval mode, float32 or float64.
        image: RGB in [0, 1]; it is brought to the model's dtype and device.
        target: with its class named.
        method: one of :data:`METHODS`.
        reference: see :func:`~rsp_lab.analysis.attribution.references.reference_image`. Gradient x input is relative to
            black whatever it says, and Grad-CAM has none.
        steps: of integrated gradients, each a forward and a backward pass.
        window, stride: of occlusion, in pixels; each window is a forward pass.
        layer: of Grad-CAM: a tap's name or a module's path, whose tensor has the axes b c y x.
        regions: of feature ablation: pixels with one number are replaced together, each number is a forward pass.
            Default: the predicted classes. See :func:`~rsp_lab.analysis.targets.regions.connected_regions`.
        region_names: by number.
        class_names: in the order of the logits; default: a segmenter's own.
        report: called after each forward pass with the share that is done; what it raises ends the call.

    Raises:
        ValueError: for an unknown method, layer or reference; a target that does not fit the image or the classes;
            settings that do not fit the image; a model in training mode or of another dtype.
    """
    settings = _Settings(reference, steps, window, stride, layer, regions, region_names or {})
    size = (image.shape[-2], image.shape[-1])
    names = class_names_of(model, class_names)
    anchor = check_pass(model, image)
    _check_settings(method, settings, size)
    function = TargetFunction(model, target, size, names, report)
    with full_precision(anchor.device, grad=True):
        return _attribute(function, image.detach().to(anchor).clone(), method, settings)


def _attribute(function: TargetFunction, image: Tensor, method: str, settings: _Settings) -> Attribution:
    blank = reference_image(image, settings.reference) if method not in _WITHOUT_REFERENCE else None
    function.expected = _expected_passes(function, method, settings)
    with torch.no_grad():
        logits = function.logits(image)
        logit = float(function.value(logits))
        if method == "feature_ablation" and settings.regions is None:
            labels = labels_from_logits(logits, function.size)
            settings = replace(settings, regions=labels, region_names=dict(enumerate(function.class_names)))
            function.expected = _expected_passes(function, method, settings)
        reference_logit = None if blank is None else float(function(blank))
    values, said, effects = _run(function, image, blank, method, settings)
    residual = None
    if method == "integrated_gradients" and reference_logit is not None:
        change = logit - reference_logit
        residual = abs(float(values.sum()) - change) / max(1.0, abs(change))
    if blank is not None and settings.reference == "blur":
        said["blur_pixels"] = blur_pixels(function.size)
    return Attribution(
        method=method,
        target=function.target,
        values=values,
        unit=UNITS[method],
        image_size=function.size,
        image_digest=image_digest(image),
        logit=logit,
        reference=_WITHOUT_REFERENCE.get(method, settings.reference),
        reference_logit=reference_logit,
        residual=residual,
        settings={**said, "passes": function.passes},
        regions=effects,
    )


def _run(
    function: TargetFunction, image: Tensor, blank: Tensor | None, method: str, settings: _Settings
) -> tuple[Tensor, dict[str, int | float | str], tuple[RegionEffect, ...]]:
    """The map, what to say about how it was made, and the effects of regions."""
    if method == "gradient_x_input":
        return methods.gradient_x_input(function, image), {}, ()
    if method == "layer_gradcam":
        values, cells = methods.layer_gradcam(function, image, settings.layer)
        return values, {"layer": settings.layer, "cells": f"{cells[0]} x {cells[1]}"}, ()
    assert blank is not None
    if method == "integrated_gradients":
        values = methods.integrated_gradients(function, image, blank, settings.steps)
        return values, {"steps": settings.steps, "quadrature": "Gauss-Legendre"}, ()
    if method == "occlusion":
        window, stride = settings.window, settings.stride
        values = methods.occlusion(function, image, blank, window, stride)
        windows = methods.window_count(function.size, window, stride)
        return values, {"window": window, "stride": stride, "windows": windows}, ()
    assert settings.regions is not None
    values, effects = methods.feature_ablation(function, image, blank, settings.regions, settings.region_names)
    return values, {"regions": len(effects)}, effects


def _expected_passes(function: TargetFunction, method: str, settings: _Settings) -> int:
    """Images that go through the network: the image, the reference, and what the method itself asks."""
    if method == "integrated_gradients":
        return 2 + settings.steps
    if method == "occlusion":
        return 3 + methods.window_count(function.size, settings.window, settings.stride)
    if method == "feature_ablation":
        regions = settings.regions
        return 3 + (len(function.class_names) if regions is None else len(regions.unique()))
    return 2


def _check_settings(method: str, settings: _Settings, size: tuple[int, int]) -> None:
    if method not in METHODS:
        raise ValueError(f"no method is named {method!r}.{suggest(method, METHODS, 'methods')}")
    check_reference(settings.reference)
    if method == "integrated_gradients" and settings.steps < 1:
        raise ValueError(f"steps must be at least 1, got {settings.steps}: 32 is the default.")
    window, stride, regions = settings.window, settings.stride, settings.regions
    if method == "occlusion" and not 1 <= window <= min(size):
        raise ValueError(
            f"the window must have 1 to {min(size)} pixels on an image of {size[0]} x {size[1]}, got {window}: "
            "give one that fits."
        )
    if method == "occlusion" and not 1 <= stride <= window:
        raise ValueError(f"the stride must be 1 to {window}, the window, got {stride}: a larger one leaves gaps.")
    if regions is not None and (tuple(regions.shape) != size or regions.is_floating_point()):
        raise ValueError(
            f"regions must be integers of the image's size {size}, got {regions.dtype} of shape "
            f"{tuple(regions.shape)}: resize a label map with nearest neighbour."
        )
