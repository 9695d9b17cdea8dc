"""What a panoptic model is: a semantic branch, an instance branch, and the names of its things."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rsp_lab.models.segmenter import SegmenterConfig

THINGS = "things"
"""What the semantic branch calls all things together: its class 0."""
RPN_LEVELS = (2, 3, 4, 5, 6)
"""Levels on which regions are proposed."""
ROI_LEVELS = (2, 3, 4, 5)
"""Levels from which features of regions are taken."""


@dataclass(frozen=True)
class InstanceConfig:
    """Mask R-CNN on the pyramid; the defaults are those of detectron2's 1x schedule for COCO.

    Attributes:
        sizes: sides of square anchors of each level from 2 to 6, in pixels; equally many on each.
        ratios: height over width of the anchors, each at the area of the square one.
        rpn_top: where level 6 of the regions comes from, which the paper leaves open: ``"pool"`` takes every other cell
            of P_5, so that the branch is the same whatever the semantic one reads; ``"p6"`` takes the pyramid's own.
        canonical_scale: side of the regions that go to level 4, in pixels; those of half that side go to level 3.
        rpn_foreground, rpn_background: IoU of an anchor with a thing from which it is one, and below which it is none.
        rpn_samples: anchors that count in an update, an image; half of them things, where there are so many.
        candidates: regions by objectness that go into suppression, a level: in training, and in evaluation.
        proposals: regions that remain, an image: in training, and in evaluation.
        rpn_suppression: IoU with a better one beyond which a region is dropped.
        roi_foreground: IoU of a region with a thing from which it is one.
        roi_samples: regions that count in an update, an image; at most a quarter of them things.
        box_channels: of the two layers that classify regions.
        mask_channels, mask_layers: of the convolutions that draw masks.
        least_score: of a detection.
        suppression: IoU with a better one of the same class beyond which a detection is dropped.
        detections: at most, an image.
    """

    sizes: tuple[tuple[int, ...], ...] = ((32,), (64,), (128,), (256,), (512,))
    ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    rpn_top: Literal["pool", "p6"] = "pool"
    canonical_scale: int = 224
    rpn_foreground: float = 0.7
    rpn_background: float = 0.3
    rpn_samples: int = 256
    candidates: tuple[int, int] = (2000, 1000)
    proposals: tuple[int, int] = (1000, 1000)
    rpn_suppression: float = 0.7
    roi_foreground: float = 0.5
    roi_samples: int = 512
    box_channels: int = 1024
    mask_channels: int = 256
    mask_layers: int = 4
    least_score: float = 0.05
    suppression: float = 0.5
    detections: int = 100

    def __post_init__(self) -> None:
        if len(self.sizes) != len(RPN_LEVELS) or len({len(sides) for sides in self.sizes}) != 1 or not self.sizes[0]:
            raise ValueError(
                f"sizes must hold equally many sides of anchors for each level from {RPN_LEVELS[0]} to "
                f"{RPN_LEVELS[-1]}, got {self.sizes}."
            )
        if any(not 1 <= side <= 4096 for sides in self.sizes for side in sides):
            raise ValueError(f"sizes are sides of anchors, 1 to 4096 pixels, got {self.sizes}.")
        if not self.ratios or any(not 0.05 <= ratio <= 20 for ratio in self.ratios):
            raise ValueError(f"ratios are heights over widths of anchors, 0.05 to 20, got {self.ratios}.")
        if self.rpn_top not in ("pool", "p6"):
            raise ValueError(f"rpn_top must be 'pool' or 'p6', got {self.rpn_top!r}.")
        for name in ("rpn_foreground", "rpn_background", "rpn_suppression", "roi_foreground", "suppression"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} is an IoU between 0 and 1, got {getattr(self, name)}.")
        if self.rpn_background > self.rpn_foreground:
            raise ValueError(
                f"rpn_background must not be above rpn_foreground, got {self.rpn_background} and {self.rpn_foreground}."
            )
        if not 0 <= self.least_score < 1:
            raise ValueError(f"least_score is a probability below 1, got {self.least_score}.")
        for name in ("candidates", "proposals"):
            if any(not 1 <= count <= 100_000 for count in getattr(self, name)):
                raise ValueError(f"{name} are counts in training and in evaluation, got {getattr(self, name)}.")


@dataclass(frozen=True)
class PanopticConfig:
    """Everything needed to build a panoptic model; it travels in the header of a weights file.

    Attributes:
        semantic: the semantic branch with the pyramid; its classes are :data:`THINGS` and then each kind of stuff.
        instances: the instance branch.
        things: names of the classes whose instances are told apart, in the order of their scores.
    """

    semantic: SegmenterConfig
    instances: InstanceConfig
    things: tuple[str, ...]

    def __post_init__(self) -> None:
        names = (*self.things, *self.semantic.class_names)
        if self.semantic.class_names[0] != THINGS or len(self.semantic.class_names) < 2:
            raise ValueError(
                f"the first class of the semantic branch must be {THINGS!r}, which stands for all of them, and then "
                f"at least one kind of stuff; got {', '.join(self.semantic.class_names[:4])}."
            )
        if not self.things or len(set(names)) != len(names):
            raise ValueError("things must be non-empty and unique, and none of them may be stuff: they name segments.")
        if self.instances.rpn_top == "p6" and self.semantic.pyramid.top < 6:
            raise ValueError(
                f"rpn_top 'p6' takes level 6 of the pyramid, which stops at {self.semantic.pyramid.top}: set "
                "PyramidConfig(top=7) or take rpn_top 'pool'."
            )

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the semantic branch's classes, in the order of its logits."""
        return self.semantic.class_names

    @property
    def encoder(self) -> str:
        """Name of the encoder."""
        return self.semantic.encoder

    @property
    def stuff(self) -> tuple[str, ...]:
        """Names of the kinds of stuff; kind ``i`` is class ``i + 1`` of the semantic branch."""
        return self.semantic.class_names[1:]

    @property
    def table(self) -> str:
        """Name of the panoptic table that all names follow, for ids and colours; free text to the model."""
        return self.semantic.label_table
