"""Why a detection has its class: attribution of its score to the pixels of the image.

A score comes from one proposed region: features of the pyramid pooled in it, and two fully connected layers. That is
not affine in anything that is worth showing, so there is no ledger of it. What is explained is the log odds of the
class with the region held where it is: that it was proposed, how its box was moved, and what suppressed others is not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rsp_lab.analysis.attribution.attribute import Attribution, attribute_function
from rsp_lab.analysis.attribution.interface import AttributionMethod, find_method
from rsp_lab.analysis.attribution.methods import METHODS, LayerGradCam
from rsp_lab.analysis.attribution.target_function import ImageFunction
from rsp_lab.analysis.panoptic.segmentation import PanopticPass
from rsp_lab.frozen.wrappers import uncompiled
from rsp_lab.models.panoptic.segmenter import PanopticSegmenter
from rsp_lab.relations.precision import full_precision
from rsp_lab.summary import Summarised

SCORE_RULE = (
    "log odds of the class at the region from which the detection came, log(p / (1 - p)), in logits; region, box and "
    "suppression are held"
)
SCORE_METHODS = tuple(method for method in METHODS if method.name != LayerGradCam.name)
"""Methods by name: layer Grad-CAM looks at a layer of the semantic head, which no score passes; name one of ``p2`` to
``p5``, as in ``LayerGradCam("p3")``."""
_MATCH = 0.01
"""Pixels by which the box of a region may miss that of its detection: rounding alone."""


@dataclass(frozen=True, eq=False)
class DetectedScore(Summarised):
    """What is explained of a detection.

    Attributes:
        name: its class.
        place: of the class in the model's things.
        box: left, top, right and bottom edge in pixels.
        region: the proposed one from which it came, likewise.
        score: its probability, 0 to 1.
    """

    name: str
    place: int
    box: tuple[float, float, float, float]
    region: tuple[float, float, float, float]
    score: float

    @property
    def centre(self) -> tuple[float, float]:
        """(y, x) of the box in pixels."""
        left, top, right, bottom = self.box
        return (top + bottom) / 2 - 0.5, (left + right) / 2 - 0.5

    def describe(self) -> str:
        """E.g. ``"log odds of car in the box at (40, 12)"``."""
        y, x = self.centre
        return f"log odds of {self.name} in the box at ({y:.0f}, {x:.0f})"


class ScoreFunction(ImageFunction):
    """The log odds of a detection's class on each image of a batch, its region held.

    Args:
        model: in eval mode.
        image: on which the detection was made.
        target: the detection.
        report: see :class:`~rsp_lab.analysis.attribution.target_function.ImageFunction`.
    """

    def __init__(
        self,
        model: PanopticSegmenter,
        image: Float[Tensor, "1 3 y x"],
        target: DetectedScore,
        report: Callable[[float], None] | None = None,
    ) -> None:
        super().__init__(model, image, model.class_names, report)
        self._panoptic, self._target = model, target

    @property
    def target(self) -> DetectedScore:
        return self._target

    @cached_property
    def target_value(self) -> float:
        with torch.no_grad():
            return float(self(self.image))

    def predicted_labels(self) -> Int[Tensor, "y x"]:
        """The semantic branch's."""
        with torch.no_grad():
            return self._panoptic.semantic(self.image)[0].argmax(0)

    def __call__(self, images: Float[Tensor, "b 3 y x"]) -> Float[Tensor, " b"]:
        maps = self._panoptic.semantic.pyramid_maps(images, check_range=False)
        region = images.new_tensor([self.target.region])
        logits, _ = self._panoptic.instances.classified(maps, self.size, region)
        self.count(len(images))
        return log_odds(logits[:, 0].double(), self.target.place + 1)


def log_odds(logits: Float[Tensor, "b class"], place: int) -> Float[Tensor, " b"]:
    """``log(p / (1 - p))`` of one class under a softmax."""
    others = torch.cat([logits[:, :place], logits[:, place + 1 :]], 1)
    return logits[:, place] - others.logsumexp(1)


def detected_score(seen: PanopticPass, rank: int) -> DetectedScore:
    """A detection with the region from which it came, which the instance branch is asked for once more.

    Args:
        seen: the model on the image.
        rank: of the detection, from 1.

    Raises:
        ValueError: if there is no such detection.
        RuntimeError: if no region has its score and its box; the weights have changed since.
    """
    found = seen.output.detections
    if not 1 <= rank <= len(found):
        raise ValueError(f"there is no detection {rank}: {seen.name} has {len(found)} on this image, counted from 1.")
    place, box, score = int(found.classes[rank - 1]), found.boxes[rank - 1], float(found.scores[rank - 1])
    branch, size = seen.model.instances, seen.image_size
    with full_precision(seen.image.device):
        maps = seen.model.semantic.pyramid_maps(seen.image)
        regions = branch.proposed(maps, size)
        logits, boxes = branch.classified(maps, size, regions)
    apart = (boxes[0, :, place + 1].cpu() - box).abs().amax(1)
    apart = apart + (logits[0].softmax(-1)[:, place + 1].cpu() - score).abs()
    nearest = int(apart.argmin())
    if apart[nearest] > _MATCH:
        raise RuntimeError(f"no region of {seen.name} has the score and box of detection {rank}: its weights changed.")
    left, top, right, bottom = box.tolist()
    return DetectedScore(
        seen.merged.table.things[place].name,
        place,
        (left, top, right, bottom),
        tuple(regions[nearest].tolist()),
        score,
    )


def attribute_score(
    seen: PanopticPass,
    rank: int,
    method: str | AttributionMethod = "integrated_gradients",
    *,
    reference: str = "blur",
    report: Callable[[float], None] | None = None,
) -> Attribution:
    """What each pixel does for the class of a detection, in logits of :data:`SCORE_RULE`.

    Args:
        seen: the model on the image.
        rank: of the detection, from 1.
        method: an object with its settings, or the name of one of :data:`SCORE_METHODS`; feature ablation by segments
            is ``FeatureAblation(seen.merged.map.ids, names)``.
        reference: likewise.
        report: likewise.

    Raises:
        ValueError: if there is no such detection, or for a method or reference that does not fit.
    """
    method, target = find_method(method, SCORE_METHODS), detected_score(seen, rank)
    with full_precision(seen.image.device, grad=True), uncompiled(seen.model):
        function = ScoreFunction(seen.model, seen.image.clone(), target, report)
        return attribute_function(function, method, reference=reference)
