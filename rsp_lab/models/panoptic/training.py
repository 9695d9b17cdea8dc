"""How Mask R-CNN is trained image by image: torchvision's losses, each of one image, on samples that a seed decides.

torchvision takes means over all that is sampled in a batch, by torch's global generator. Here every loss is that of an
image alone, a mean over what is sampled in it, and the loss of a batch is the mean over its images. So the parts of a
batch, and the shares of several processes, add up to the whole. Where every image has its full number of samples, as
is usual, the losses of regions, classes and boxes are torchvision's; that of masks, whose number differs, is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torchvision.models.detection._utils import BalancedPositiveNegativeSampler
from torchvision.models.detection.roi_heads import RoIHeads, fastrcnn_loss, maskrcnn_loss
from torchvision.models.detection.rpn import RegionProposalNetwork


class SeededSampler(BalancedPositiveNegativeSampler):
    """torchvision's sampler of things and background, with a generator for each image.

    Attributes:
        generators: of the images that come next, in their order; always on the CPU.
    """

    generators: Iterator[torch.Generator] = iter(())

    def __call__(self, matched_idxs: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Of each image, bool [n]: which of its regions are sampled as things, and which as background.

        Args:
            matched_idxs: of each image, [n]: at least 1 for things, 0 for background, negative for neither.
        """
        pairs = [self._sampled(matched) for matched in matched_idxs]
        return [things for things, _ in pairs], [others for _, others in pairs]

    def _sampled(self, matched: Tensor) -> tuple[Tensor, Tensor]:
        generator = next(self.generators)
        things, others = (matched >= 1).nonzero().flatten(), (matched == 0).nonzero().flatten()
        most = min(len(things), int(self.batch_size_per_image * self.positive_fraction))
        chosen = []
        for found, count in ((things, most), (others, min(len(others), self.batch_size_per_image - most))):
            places = torch.randperm(len(found), generator=generator)[:count].to(found.device)
            chosen.append(torch.zeros_like(matched, dtype=torch.bool).index_fill(0, found[places], True))
        return chosen[0], chosen[1]


class ImageProposals(RegionProposalNetwork):
    """torchvision's region proposals with a loss for each image."""

    def compute_loss(
        self,
        objectness: Tensor,
        pred_bbox_deltas: Tensor,
        labels: Sequence[Tensor],
        regression_targets: Sequence[Tensor],
    ) -> tuple[Float[Tensor, " b"], Float[Tensor, " b"]]:
        """Losses of objectness and boxes; arguments as torchvision has them, whose anchors lie image after image."""
        shares = zip(
            objectness.reshape(len(labels), -1, 1),
            pred_bbox_deltas.reshape(len(labels), -1, 4),
            labels,
            regression_targets,
            strict=True,
        )
        losses = [super(ImageProposals, self).compute_loss(a, b, [c], [d]) for a, b, c, d in shares]
        return torch.stack([one for one, _ in losses]), torch.stack([two for _, two in losses])


class ImageHeads(RoIHeads):
    """torchvision's heads of boxes and masks with losses for each image."""

    def losses(
        self,
        features: Mapping[str, Tensor],
        proposals: Sequence[Tensor],
        sizes: Sequence[tuple[int, int]],
        targets: Sequence[dict[str, Tensor]],
    ) -> dict[str, Float[Tensor, " b"]]:
        """``"box_class"``, ``"box"`` and ``"mask"``, as ``forward`` has them in training mode."""
        regions, matched, labels, deltas = self.select_training_samples(list(proposals), list(targets))
        logits, boxes = self.box_predictor(self.box_head(self.box_roi_pool(features, regions, sizes)))
        counts = [len(one) for one in labels]
        of_boxes = [
            # An image without a single region has no loss, but keeps its place in the graph.
            fastrcnn_loss(a, b, [c], [d]) if len(c) else (a.sum(), b.sum())
            for a, b, c, d in zip(logits.split(counts), boxes.split(counts), labels, deltas, strict=True)
        ]
        inside = [(one > 0).nonzero().flatten() for one in labels]
        things = [region[places] for region, places in zip(regions, inside, strict=True)]
        drawn = self.mask_predictor(self.mask_head(self.mask_roi_pool(features, things, sizes)))
        of_masks = [
            maskrcnn_loss(one, [thing], [target["masks"]], [target["labels"]], [match[places]])
            for one, thing, target, match, places in zip(
                drawn.split([len(places) for places in inside]), things, targets, matched, inside, strict=True
            )
        ]
        return {
            "box_class": torch.stack([one for one, _ in of_boxes]),
            "box": torch.stack([two for _, two in of_boxes]),
            "mask": torch.stack(of_masks),
        }
