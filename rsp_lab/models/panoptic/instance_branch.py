"""Mask R-CNN on the pyramid's maps, put together from torchvision's parts.

torchvision brings torch's compiler with it, so this file is imported where a network is built.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.roi_heads import paste_masks_in_image
from torchvision.models.detection.rpn import RPNHead
from torchvision.ops import MultiScaleRoIAlign, clip_boxes_to_image
from torchvision.ops.poolers import LevelMapper

from rsp_lab.models.panoptic.config import ROI_LEVELS, RPN_LEVELS, InstanceConfig
from rsp_lab.models.panoptic.detections import Detections
from rsp_lab.models.panoptic.training import ImageHeads, ImageProposals, SeededSampler
from rsp_lab.shapes import Tap

_BOX_CELLS, _MASK_CELLS, _SAMPLES = 7, 14, 2
_CANONICAL_LEVEL = 4


@runtime_checkable
class InstancesLike(Protocol):
    """The things of an image that a model learns from.

    Attributes:
        masks: bool [n, y, x] at the image's size, at least one pixel each; of an image that is padded in its batch, on
            the right and below, at the size that it has without padding.
        classes: int64 [n], places in the model's things.
        boxes: float [n, 4], left, top, right and bottom edge in pixels.
    """

    @property
    def masks(self) -> Tensor: ...

    @property
    def classes(self) -> Tensor: ...

    @property
    def boxes(self) -> Tensor: ...


class PyramidAnchors(AnchorGenerator):
    """Anchors 2**level pixels apart, whatever the size of the image.

    torchvision's divides the image's size by the map's, which is the stride only where it divides.
    """

    def __init__(self, config: InstanceConfig) -> None:
        super().__init__(config.sizes, (config.ratios,) * len(config.sizes))

    def forward(self, image_list: ImageList, feature_maps: list[Tensor]) -> list[Tensor]:
        """Anchors (n, 4) of each image, lowest level first; at least in single precision."""
        maps = feature_maps[0]
        self.set_cell_anchors(_precise(maps).dtype, maps.device)
        strides = [[torch.tensor(2**level, device=maps.device)] * 2 for level in RPN_LEVELS]
        anchors = torch.cat(self.grid_anchors([m.shape[-2:] for m in feature_maps], strides))
        return [anchors for _ in image_list.image_sizes]


class _ProposalHead(RPNHead):
    """torchvision's, with a tap for each level."""

    def __init__(self, channels: int, anchors: int) -> None:
        super().__init__(channels, anchors)
        self.objectness = nn.ModuleList(Tap(f"rpn{x}.objectness", "b anchor y x", 2**x) for x in RPN_LEVELS)
        self.deltas = nn.ModuleList(Tap(f"rpn{x}.deltas", "b delta y x", 2**x) for x in RPN_LEVELS)

    def forward(self, x: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        logits, deltas = super().forward(x)
        return (
            [tap(_precise(values)) for tap, values in zip(self.objectness, logits, strict=True)],
            [tap(_precise(values)) for tap, values in zip(self.deltas, deltas, strict=True)],
        )


class _BoxPredictor(FastRCNNPredictor):
    """torchvision's, with taps; class 0 is the background."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__(channels, classes)
        self.logits = Tap("boxes.logits", "roi class", None)
        self.deltas = Tap("boxes.deltas", "roi delta", None)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        logits, deltas = super().forward(x)
        return self.logits(_precise(logits)), self.deltas(_precise(deltas))


class _MaskPredictor(MaskRCNNPredictor):
    """torchvision's, with a tap at its end."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__(channels, channels, classes)
        self.add_module("logits", Tap("masks.logits", "roi class y x", None))


class InstanceBranch(nn.Module):
    """Proposes regions, classifies them and draws their masks.

    In training mode it samples anchors and regions by a seed for each image.

    Args:
        config: see :class:`~rsp_lab.models.panoptic.config.InstanceConfig`.
        inputs: channels of the pyramid's maps.
        things: how many classes there are, the background not counted.
    """

    def __init__(self, config: InstanceConfig, inputs: int, things: int) -> None:
        super().__init__()
        self.config = config
        anchors = PyramidAnchors(config)
        self.rpn = ImageProposals(
            anchors,
            _ProposalHead(inputs, anchors.num_anchors_per_location()[0]),
            fg_iou_thresh=config.rpn_foreground,
            bg_iou_thresh=config.rpn_background,
            batch_size_per_image=config.rpn_samples,
            positive_fraction=0.5,
            pre_nms_top_n=dict(zip(("training", "testing"), config.candidates, strict=True)),
            post_nms_top_n=dict(zip(("training", "testing"), config.proposals, strict=True)),
            nms_thresh=config.rpn_suppression,
        )
        self.heads = ImageHeads(
            _region_pool(_BOX_CELLS, config.canonical_scale),
            TwoMLPHead(inputs * _BOX_CELLS**2, config.box_channels),
            _BoxPredictor(config.box_channels, things + 1),
            fg_iou_thresh=config.roi_foreground,
            bg_iou_thresh=config.roi_foreground,
            batch_size_per_image=config.roi_samples,
            positive_fraction=0.25,
            bbox_reg_weights=None,
            score_thresh=config.least_score,
            nms_thresh=config.suppression,
            detections_per_img=config.detections,
            mask_roi_pool=_region_pool(_MASK_CELLS, config.canonical_scale),
            mask_head=MaskRCNNHeads(inputs, (config.mask_channels,) * config.mask_layers, 1),
            mask_predictor=_MaskPredictor(config.mask_channels, things + 1),
        )
        for part in (self.rpn, self.heads):
            sampler = part.fg_bg_sampler
            part.fg_bg_sampler = SeededSampler(sampler.batch_size_per_image, sampler.positive_fraction)

    def forward(self, maps: Mapping[int, Float[Tensor, "1 c _ _"]], size: tuple[int, int]) -> Detections:
        """What is found in one image of ``size`` (y, x), in evaluation mode.

        Args:
            maps: P_x by level.
            size: of the image in pixels.
        """
        features, sizes = self._features(maps), [size]
        proposals, _ = self.rpn(ImageList(maps[2], sizes), features)
        (found,), _ = self.heads(features, proposals, sizes)
        # One at a time: probabilities of all masks at the size of a photograph would take hundreds of megabytes.
        boxes, masks = found["boxes"], found["masks"]
        pasted = [
            paste_masks_in_image(masks[i : i + 1].detach(), boxes[i : i + 1].detach(), size)[0, 0] >= 0.5
            for i in range(len(boxes))
        ]
        return Detections(
            boxes,
            found["scores"],
            found["labels"] - 1,
            torch.stack(pasted) if pasted else torch.zeros(0, *size, dtype=torch.bool, device=boxes.device),
        )

    def proposed(self, maps: Mapping[int, Float[Tensor, "1 c _ _"]], size: tuple[int, int]) -> Float[Tensor, "n 4"]:
        """The regions of one image that are classified, best first, in evaluation mode; arguments as for a call."""
        (regions,), _ = self.rpn(ImageList(maps[2], [size]), self._features(maps))
        return regions

    def classified(
        self, maps: Mapping[int, Float[Tensor, "b c _ _"]], size: tuple[int, int], regions: Float[Tensor, "n 4"]
    ) -> tuple[Float[Tensor, "b n class"], Float[Tensor, "b n class 4"]]:
        """Logits of each region in each image, 0 being the background, and the box that each class makes of it.

        Args:
            maps: P_x by level.
            size: of the images in pixels, at whose border boxes end.
            regions: left, top, right and bottom edge in pixels, the same in every image.
        """
        images = len(maps[2])
        each, sizes = [regions] * images, [size] * images
        pooled = self.heads.box_roi_pool(self._features(maps), each, sizes)
        logits, deltas = self.heads.box_predictor(self.heads.box_head(pooled))
        boxes = clip_boxes_to_image(self.heads.box_coder.decode(deltas, each), size)
        shape = images, len(regions), logits.shape[-1]
        return logits.reshape(shape), boxes.reshape(*shape, 4)

    def losses(
        self, maps: Mapping[int, Float[Tensor, "b c _ _"]], truth: Sequence[InstancesLike], seeds: Sequence[int]
    ) -> dict[str, Float[Tensor, " b"]]:
        """torchvision's losses in training mode, each of one image: a mean over what is sampled in it.

        Args:
            maps: P_x by level.
            truth: the things of each image.
            seeds: of what is sampled in each image.
        """
        features, sizes = self._features(maps), [(one.masks.shape[1], one.masks.shape[2]) for one in truth]
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        for part in (self.rpn, self.heads):
            part.fg_bg_sampler.generators = iter(generators)
        anchor = maps[2]
        dtype = _precise(anchor).dtype
        targets = [
            {
                "boxes": one.boxes.to(anchor.device, dtype),
                "labels": one.classes.to(anchor.device) + 1,
                "masks": one.masks.to(anchor.device),
            }
            for one in truth
        ]
        proposals, regions = self.rpn(ImageList(anchor, sizes), features, targets)
        return {
            "rpn_objectness": regions["loss_objectness"],
            "rpn_box": regions["loss_rpn_box_reg"],
            **self.heads.losses(features, proposals, sizes, targets),
        }

    def _features(self, maps: Mapping[int, Tensor]) -> dict[str, Tensor]:
        """Maps by the names that torchvision's parts know them by."""
        # Every other cell, as in the pyramid of Mask R-CNN.
        top = maps[6] if self.config.rpn_top == "p6" else F.max_pool2d(maps[5], 1, stride=2)
        return {str(x): top if x == RPN_LEVELS[-1] else maps[x] for x in RPN_LEVELS}


def _region_pool(cells: int, canonical_scale: int) -> MultiScaleRoIAlign:
    """Scales are those of the levels: torchvision would work them out once, from the first batch that it sees."""
    pool = MultiScaleRoIAlign([str(x) for x in ROI_LEVELS], cells, _SAMPLES, canonical_scale=canonical_scale)
    pool.scales = [2.0**-x for x in ROI_LEVELS]
    pool.map_levels = LevelMapper(ROI_LEVELS[0], ROI_LEVELS[-1], canonical_scale, _CANONICAL_LEVEL)
    return pool


def _precise(values: Tensor) -> Tensor:
    """At least in single precision: half of it does not tell neighbouring pixels of a photograph apart."""
    return values if values.dtype == torch.float64 else values.float()
