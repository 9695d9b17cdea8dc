"""A whole panoptic model: image in, semantic logits and detected things out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from rsp_lab.models.panoptic.config import PanopticConfig
from rsp_lab.models.panoptic.detections import Detections
from rsp_lab.models.segmenter import Segmenter, labels_from_logits, resize_logits
from rsp_lab.rgb import ImageLike, network_input
from rsp_lab.summary import Summarised

if TYPE_CHECKING:
    from rsp_lab.models.panoptic.instance_branch import InstancesLike

_IGNORED = 255


@dataclass(frozen=True, eq=False)
class PanopticOutput(Summarised):
    """What a panoptic model says about one image, before anything is merged.

    Attributes:
        logits: of the semantic branch at stride 4; class 0 is all things together.
        detections: of the instance branch.
    """

    logits: Float[Tensor, "1 class v u"]
    detections: Detections

    def labels(self) -> Int[Tensor, "y x"]:
        """The semantic branch's arg-max at the image's size."""
        return labels_from_logits(self.logits, self.detections.size)


class PanopticSegmenter(nn.Module):
    """A semantic branch, which is a whole :class:`~rsp_lab.models.segmenter.Segmenter`, and Mask R-CNN on its pyramid.

    Runs in channels-last memory, in which convolutions are fastest on a CPU.

    Images are not padded: ``model(image).logits`` are ``model.semantic.coarse_logits(image)``, bit for bit, for an
    image of any size, so that whatever is said of the semantic branch holds for the panoptic model.

    Args:
        config: see :class:`~rsp_lab.models.panoptic.config.PanopticConfig`.
        pretrained: start the encoder from the ImageNet weights of torchvision or timm (downloads through them).
        name: see :class:`~rsp_lab.models.segmenter.Segmenter`; the semantic branch has the same.

    Attributes:
        semantic: pyramid and semantic head, with the very parameters of this model.
        instances: the instance branch.
    """

    def __init__(self, config: PanopticConfig, *, pretrained: bool = False, name: str = "") -> None:
        from rsp_lab.models.panoptic.instance_branch import InstanceBranch

        super().__init__()
        self.config = config
        self.semantic = Segmenter(config.semantic, pretrained=pretrained, name=name or type(self).__name__)
        self.instances = InstanceBranch(config.instances, config.semantic.pyramid.channels, len(config.things))
        self.instances.to(memory_format=torch.channels_last)

    @property
    def name(self) -> str:
        """What results, figures and sentences call the model."""
        return self.semantic.name

    @name.setter
    def name(self, name: str) -> None:
        self.semantic.name = name

    @property
    def encoder(self) -> nn.Module:
        """The part below the pyramid."""
        return self.semantic.encoder

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the semantic branch's classes, in the order of its logits."""
        return self.semantic.class_names

    def forward(self, image: ImageLike) -> PanopticOutput:
        """Both branches on one image.

        Args:
            image: RGB as for :meth:`Segmenter.forward <rsp_lab.models.segmenter.Segmenter.forward>`, one image of any
                size of at least one pixel.

        Raises:
            ValueError: for what is no such image, and in training mode.
        """
        if self.training:
            raise ValueError(
                f"{self.name} is in training mode, in which its instance branch needs the truth: call eval() for its "
                "answer, or losses() to train it."
            )
        x = network_input(image, self.semantic.mean, check_range=True)
        if len(x) != 1:
            raise ValueError(f"got a batch of {len(x)} images, expected one image: pass image[i : i + 1] of the batch.")
        maps = self.semantic.pyramid_maps(x, check_range=False)
        return PanopticOutput(self.semantic.logits_of(maps), self.instances(maps, (x.shape[-2], x.shape[-1])))

    def losses(
        self,
        image: Float[Tensor, "b 3 y x"],
        label: Int64[Tensor, "b y x"],
        instances: Sequence[InstancesLike],
        seeds: Sequence[int] | None = None,
    ) -> dict[str, Tensor]:
        """The losses of an update, in training mode; not weighted, and in single precision at least.

        Args:
            image: RGB; values beyond [0, 1], as augmentation makes them, are let through.
            label: the semantic branch's classes, 255 where ignored.
            instances: the things of each image; an image may have none.
            seeds: of what is sampled in each image; drawn by torch's global generator if not given.

        Returns:
            ``"semantic"``: cross entropy as a mean over labelled pixels, 0 where there is none; ``"rpn_objectness"``,
            ``"rpn_box"``: of the proposed regions; ``"box_class"``, ``"box"``, ``"mask"``: Lc, Lb and Lm of the paper.
            All but the first are means over the images of :meth:`image_losses`.

        Raises:
            ValueError: if images, labels and instances do not fit each other, and in evaluation mode.
        """
        if label.shape != (len(image), *image.shape[-2:]):
            raise ValueError(
                f"{len(image)} images of {image.shape[-2]} x {image.shape[-1]} pixels have labels of the shape "
                f"{tuple(label.shape)}: give one class, or 255, a pixel."
            )
        logits, found = self.image_losses(image, instances, seeds)
        semantic = F.cross_entropy(
            logits if logits.dtype == torch.float64 else logits.float(), label, ignore_index=_IGNORED, reduction="sum"
        )
        labelled = (label != _IGNORED).sum().clamp(min=1)
        return {"semantic": semantic / labelled, **{name: loss.mean() for name, loss in found.items()}}

    def image_losses(
        self, image: Float[Tensor, "b 3 y x"], instances: Sequence[InstancesLike], seeds: Sequence[int] | None = None
    ) -> tuple[Float[Tensor, "b class y x"], dict[str, Float[Tensor, " b"]]]:
        """Logits of the semantic branch at the images' size, and the losses of the instance branch, each of one image.

        For arguments and names see :meth:`losses`.

        Raises:
            ValueError: if images and instances do not fit each other, and in evaluation mode.
        """
        if not self.training:
            raise ValueError(f"{self.name} is in evaluation mode, in which nothing is sampled: call train() first.")
        x = network_input(image, self.semantic.mean, check_range=False)
        self._check_truth(x, instances)
        maps = self.semantic.pyramid_maps(x)
        logits = resize_logits(self.semantic.logits_of(maps), (x.shape[-2], x.shape[-1]))
        drawn = torch.randint(1 << 62, (len(x),)).tolist() if seeds is None else seeds
        return logits, self.instances.losses(maps, instances, drawn)

    def _check_truth(self, image: Tensor, instances: Sequence[InstancesLike]) -> None:
        size = image.shape[-2:]
        if len(instances) != len(image):
            raise ValueError(f"{len(image)} images have instances of {len(instances)}: give those of each, even none.")
        for number, one in enumerate(instances):
            if any(mine > all_ for mine, all_ in zip(one.masks.shape[1:], size, strict=True)):
                raise ValueError(
                    f"the masks of image {number} have {tuple(one.masks.shape[1:])} pixels, the image {tuple(size)}: "
                    "only the image may be larger, by its padding on the right and below."
                )
            if len(one.classes) and not 0 <= int(one.classes.min()) <= int(one.classes.max()) < len(self.config.things):
                raise ValueError(
                    f"the things of image {number} have classes from {int(one.classes.min())} to "
                    f"{int(one.classes.max())}, this model has {len(self.config.things)}, counted from 0."
                )
