"""Input attribution: which pixels of the image a decision rests on, by one method on one target.

Methods ask different questions and their maps have different units. The target is the same linear functional of the
logits that a ledger explains.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rsp_lab.analysis.attribution.interface import AttributionMethod, RegionEffect, Setting, find_method
from rsp_lab.analysis.attribution.methods import METHODS
from rsp_lab.analysis.attribution.references import blur_pixels, check_reference, reference_image
from rsp_lab.analysis.attribution.target_function import Described, ImageFunction, target_function
from rsp_lab.analysis.ledger.explainable import image_digest
from rsp_lab.analysis.targets.target import Target
from rsp_lab.rgb import ImageLike
from rsp_lab.summary import Rows, Summarised, short
from rsp_lab.text import fixed, signed, signed_fixed, significant

RESIDUAL_RULE = (
    "|sum of values - change| / max(1, |change|), change being the target's value on the image minus on the reference"
)
LARGE_RESIDUAL = 0.1
"""Above this a sum has failed: more than a tenth of the change is in none of the values, as much as the parts of an
image that a map is read for often hold."""


@dataclass(frozen=True, eq=False)
class Attribution(Summarised):
    """What each pixel does for a target, by one method.

    Attributes:
        method: it says in words what the values are, and in what unit.
        target: what is explained.
        values: (y, x) of the image's size, signed, float64, on the CPU; colour channels are summed.
        image_size: (y, x) in pixels.
        image_digest: tells images apart.
        target_value: the target's value on the image.
        reference: what "absent" means: ``"blur"``, ``"black"``, ``"mean"``, or ``"none"`` for a method without.
        reference_value: the target's value on the reference image; None where the method does not use it.
        residual: by :data:`RESIDUAL_RULE` where the method promises that sum, else None.
        settings: of the method, details of its run, and ``passes``, how many images went through the network.
        regions: where the method works by regions, the largest effect of either sign first.
    """

    method: AttributionMethod
    target: Described
    values: Float[Tensor, "y x"]
    image_size: tuple[int, int]
    image_digest: str
    target_value: float
    reference: str
    reference_value: float | None
    residual: float | None
    settings: dict[str, Setting]
    regions: tuple[RegionEffect, ...] = ()

    @property
    def title(self) -> str:
        """The method in words, e.g. ``"integrated gradients"``."""
        return self.method.title

    @property
    def unit(self) -> str:
        """Unit of the values."""
        return self.method.unit

    @property
    def failed_sum(self) -> str:
        """What the values add up to where the promised sum has failed, by :data:`LARGE_RESIDUAL`; else empty.

        E.g. ``"+17.5, not +8.29 logits"``.
        """
        if self.residual is None or self.reference_value is None or self.residual <= LARGE_RESIDUAL:
            return ""
        change = self.target_value - self.reference_value
        return f"{signed(float(self.values.sum()))}, not {signed(change)} logits"

    def sentence(self) -> str:
        """The result in words, with what the values do and do not add up to."""
        head = f"{self.title} of {self.target.describe()}: {fixed(self.target_value)} logits"
        if self.reference_value is not None:
            head += f", {fixed(self.reference_value)} on the reference ({self.reference})"
        if self.residual is not None:
            warning = reliability_warning({"": self})
            words = f"{head}; the pixels add up to {fixed(self.values.sum())}, residual {self.residual:.2g}"
            return f"{words}. {warning}" if warning else words
        if self.regions:
            first = self.regions[0]
            return f"{head}; largest effect of {len(self.regions)} regions: {first.name} {signed_fixed(first.effect)}"
        return f"{head}; the pixels promise no sum ({self.unit})"

    def _summary(self) -> tuple[str, Rows]:
        return f"Attribution by {self.title}: {self.target.describe()}", [
            ("target", self.target_value),
            *_known(f"on the reference ({self.reference})", self.reference_value),
            ("values", f"{short(self.values)}, {significant(self.values.min())} to {significant(self.values.max())}"),
            ("sum of values", float(self.values.sum())),
            ("unit", self.unit),
            *_known("residual", self.residual),
            ("settings", self.settings),
            *(("strongest region", region) for region in self.regions[:1]),
        ]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; the map as its sum and extremes."""
        return {
            "method": self.method.name,
            "title": self.title,
            "rule": self.method.rule,
            "target": self.target.describe(),
            "unit": self.unit,
            "image_size": list(self.image_size),
            "image_digest": self.image_digest,
            "target_value": round(self.target_value, 6),
            "reference": self.reference,
            "reference_value": None if self.reference_value is None else round(self.reference_value, 6),
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


def reliability_warning(attributions: Mapping[str, Attribution]) -> str:
    """Which of some attributions, by the names of their models, have a sum that failed; empty where none has.

    E.g. ``"Not reliable: the contributions add up to +17.5, not +8.29 logits for A; take more steps"``; one model may
    go without a name.
    """
    failed = {name: one for name, one in attributions.items() if one.failed_sum}
    if not failed:
        return ""
    sums = " and to ".join(f"{one.failed_sum}{f' for {name}' if name else ''}" for name, one in failed.items())
    remedy = "; take more steps" if all("steps" in one.settings for one in failed.values()) else ""
    return f"Not reliable: the contributions add up to {sums}{remedy}"


def attribute(
    model: nn.Module,
    image: ImageLike,
    target: Target,
    method: str | AttributionMethod,
    *,
    reference: str = "blur",
    class_names: Sequence[str] | None = None,
    report: Callable[[float], None] | None = None,
) -> Attribution:
    """What each pixel does for a target, in the memory of one forward and backward pass; the model is left as found.

    Edits that are in force, as by :func:`~rsp_lab.capture.hooks.hooks`, are part of the model that is explained.

    Args:
        model: a segmenter, or any network that maps (b, 3, y, x) to logits (b, class, v, u), or to a mapping that has
            them under ``"out"``; in eval mode, float32 or float64. Of one that is compiled, or wrapped for several
            devices, the network inside is explained.
        image: RGB, uint8 or float in [0, 1]; see :mod:`rsp_lab.rgb`.
        target: a class or rival that it leaves open is what the model predicts.
        method: an object with its settings, e.g. ``Occlusion(window=48)``, or the name of one of
            :data:`~rsp_lab.analysis.attribution.methods.METHODS`, which has their defaults. One of your own derives
            from :class:`~rsp_lab.analysis.attribution.interface.AttributionMethod`.
        reference: see :func:`~rsp_lab.analysis.attribution.references.reference_image`. Gradient x input is relative to
            black whatever it says, and Grad-CAM has none.
        class_names: in the order of the logits; default: a segmenter's own.
        report: called after each forward pass with the share that is done; what it raises ends the call.

    Raises:
        ValueError: for an unknown method, layer or reference; a target that does not fit the image or the classes;
            settings that do not fit the image; a model in training mode or of another dtype, or one without the
            gradients that the method needs.
    """
    chosen = _input_method(method, reference)
    with target_function(model, image, target, class_names, report) as function:
        return attribute_function(function, chosen, reference=reference)


def _input_method(method: str | AttributionMethod, reference: str) -> AttributionMethod:
    """The method, after the checks that need no network."""
    chosen = find_method(method, METHODS)
    if not isinstance(chosen, AttributionMethod):
        raise ValueError(f"{chosen.title} gives no value to pixels: take a method of input attribution.")
    check_reference(reference)
    return chosen


def attribute_function(
    function: ImageFunction, method: str | AttributionMethod, *, reference: str = "blur"
) -> Attribution:
    """What each pixel does for any number of an image, such as the score of a detection.

    Args:
        function: gives the number; called in full precision and with gradients, as
            :func:`~rsp_lab.analysis.attribution.target_function.target_function` has it.
        method: see :func:`attribute`.
        reference: see :func:`attribute`.

    Raises:
        ValueError: as :func:`attribute`.
    """
    method = _input_method(method, reference)
    method.check(function.size)
    image, referred = function.image, method.relative_to is None
    blank = reference_image(image, reference)
    passes = method.passes(function.size)
    function.expected = None if passes is None else 1 + referred + passes
    target_value, reference_value = function.target_value, None
    if referred:
        with torch.no_grad():
            reference_value = float(function(blank))
    output = method.run(function, image.clone(), blank)
    values = output.values.detach().double().cpu()
    if tuple(values.shape) != function.size:
        raise ValueError(
            f"{method.title} gave values of the shape {tuple(values.shape)}, expected one for each pixel of the image "
            f"{function.size}: resize them, or sum over the channels."
        )
    residual = None
    if method.complete and reference_value is not None:
        change = target_value - reference_value
        residual = abs(float(values.sum()) - change) / max(1.0, abs(change))
    settings = {**method.settings(), **output.details}
    if referred and reference == "blur":
        settings["blur_pixels"] = blur_pixels(function.size)
    return Attribution(
        method=method,
        target=function.target,
        values=values,
        image_size=function.size,
        image_digest=image_digest(image),
        target_value=target_value,
        reference=method.relative_to or reference,
        reference_value=reference_value,
        residual=residual,
        settings={**settings, "passes": function.passes},
        regions=output.regions,
    )


def _known(name: str, value: float | None) -> Rows:
    """A row of a summary, or none for what a method does not have."""
    return [] if value is None else [(name, value)]
