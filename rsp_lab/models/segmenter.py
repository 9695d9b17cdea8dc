"""A whole model: image in, logits out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from rsp_lab.models.class_names import checked_class_names
from rsp_lab.models.heads import HeadConfig, TopDownConfig, build_head
from rsp_lab.models.pyramid import FeaturePyramid, PyramidConfig
from rsp_lab.rgb import ImageLike, network_input
from rsp_lab.shapes import Tap, resizing_shares

# Logits of this many pixels are resized at a time when only the labels are wanted.
_LABEL_STRIP = 1 << 20


@dataclass(frozen=True)
class SegmenterConfig:
    """Everything needed to build a model; it travels in the header of a weights file.

    Attributes:
        pyramid: encoder and pyramid.
        head: top-down or Semantic FPN head.
        class_names: in the order of the logits.
        label_table: name of the class table the labels follow, for palettes; free text to the model.
    """

    pyramid: PyramidConfig
    head: HeadConfig
    class_names: tuple[str, ...]
    label_table: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "class_names", checked_class_names(self.class_names))
        if self.head.levels[-1] > self.pyramid.top:
            raise ValueError(
                f"the head reads level {self.head.levels[-1]} but the pyramid stops at {self.pyramid.top}: "
                "set PyramidConfig(top=7) or take a head with fewer levels."
            )

    @property
    def semantic(self) -> SegmenterConfig:
        """Itself, as a panoptic configuration has one."""
        return self

    @property
    def encoder(self) -> str:
        """Name of the encoder."""
        return self.pyramid.encoder


class Segmenter(nn.Module):
    """Feature pyramid, head, and bilinear upsampling to the image's size.

    Runs in channels-last memory, in which convolutions and relations are fastest on a CPU.

    Args:
        config: see :class:`SegmenterConfig`.
        pretrained: start the encoder from the ImageNet weights of torchvision or timm (downloads through them).
        name: what results, figures and sentences call the model; of loaded weights the shipped name or the file's
            stem. It is no part of the state dict.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, config: SegmenterConfig, *, pretrained: bool = False, name: str = "") -> None:
        super().__init__()
        self.config = config
        self.name = name or type(self).__name__
        self.register_buffer("mean", torch.tensor(config.pyramid.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(config.pyramid.std).view(1, 3, 1, 1), persistent=False)
        self.pyramid = FeaturePyramid(config.pyramid, pretrained=pretrained)
        self.head = build_head(config.head, config.pyramid.channels, len(config.class_names))
        self.logits = Tap("logits", "b class y x", 4)
        self.to(memory_format=torch.channels_last)

    @property
    def semantic(self) -> Segmenter:
        """Itself, as a panoptic model has one: what takes a segmenter takes the semantic branch of any model."""
        return self

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the logits."""
        return self.config.class_names

    @property
    def label_table(self) -> str:
        """Name of the class table that the labels follow, for palettes; empty if it is none of ours."""
        return self.config.label_table

    @property
    def encoder(self) -> nn.Module:
        """The part below the pyramid."""
        return self.pyramid.encoder

    @property
    def steps(self) -> tuple[int, ...]:
        """Upper level of each top-down step, highest first; empty for Semantic FPN."""
        head = self.config.head
        return tuple(reversed(head.levels[1:])) if isinstance(head, TopDownConfig) else ()

    def coarse_logits(self, image: ImageLike) -> Float[Tensor, "b class _ _"]:
        """Logits at stride 4, what the tap ``logits`` sees.

        Args:
            image: as for :meth:`forward`.
        """
        return self._coarse_logits(self._input(image))

    def q_maps(self, image: ImageLike, *, check_range: bool = True) -> dict[int, Tensor]:
        """The maps that the head aggregates, (b, c, y, x) by level, lowest first; differentiable.

        Args:
            image: as for :meth:`forward`.
            check_range: whether values outside [0, 1] are refused; a perturbed image may have some.
        """
        return self.head.q_maps(self.pyramid_maps(image, check_range=check_range))

    def pyramid_maps(self, image: ImageLike, *, check_range: bool = True) -> dict[int, Tensor]:
        """P_x, (b, c, y, x) by level, lowest first; differentiable. Arguments as for :meth:`q_maps`."""
        x = network_input(image, self.mean, check_range=check_range and not self.training)
        return self.pyramid(self._normalised(x))

    def logits_of(self, maps: Mapping[int, Float[Tensor, "b c _ _"]]) -> Float[Tensor, "b class _ _"]:
        """Logits at stride 4 from :meth:`pyramid_maps`, what the tap ``logits`` sees."""
        return self.logits(self.head(maps))

    def forward(self, image: ImageLike) -> Float[Tensor, "b class y x"]:
        """Logits at the image's size; differentiable with respect to a floating-point image.

        Args:
            image: RGB, uint8 or floating point in [0, 1], ``3 y x`` or ``b 3 y x``, any size of at least one pixel;
                it is brought to the model's dtype. In training mode values beyond [0, 1], as augmentation makes them,
                are let through.

        Raises:
            ValueError: for what is no such image; see :mod:`rsp_lab.rgb`.
        """
        x = self._input(image)
        return resize_logits(self._coarse_logits(x), (x.shape[-2], x.shape[-1]))

    def _input(self, image: ImageLike) -> Float[Tensor, "b 3 y x"]:
        return network_input(image, self.mean, check_range=not self.training)

    def _coarse_logits(self, x: Float[Tensor, "b 3 y x"]) -> Float[Tensor, "b class _ _"]:
        return self.logits_of(self.pyramid(self._normalised(x)))

    def _normalised(self, x: Float[Tensor, "b 3 y x"]) -> Float[Tensor, "b 3 y x"]:
        return ((x - self.mean) / self.std).contiguous(memory_format=torch.channels_last)


class CoarseSegmenter(nn.Module):
    """A segmenter that stops at stride 4: full-size logits of a large image are never held. Shares the weights.

    Args:
        model: the segmenter.
        check_range: whether values outside [0, 1] are refused; a perturbed image may have some.
    """

    def __init__(self, model: Segmenter, *, check_range: bool = True) -> None:
        super().__init__()
        self.model, self.check_range = model, check_range

    def forward(self, image: ImageLike) -> Float[Tensor, "b class _ _"]:
        """Logits at stride 4 of images as :meth:`Segmenter.forward` takes them."""
        if self.check_range:
            return self.model.coarse_logits(image)
        return self.model._coarse_logits(network_input(image, self.model.mean, check_range=False))


def resize_logits(logits: Float[Tensor, "b class v u"], size: tuple[int, int]) -> Float[Tensor, "b class y x"]:
    """Bilinear resizing of stride-4 logits to ``size`` (y, x), the paper's x4 upsampling for any image size."""
    return F.interpolate(logits, size=size, mode="bilinear", align_corners=False)


def labels_from_logits(logits: Float[Tensor, "1 class v u"], size: tuple[int, int]) -> Int[Tensor, "y x"]:
    """Arg-max labels at image size without ever holding the logits at that size.

    Equal to the arg-max of :func:`resize_logits`: bilinear resizing is separable, so columns are resized first, and
    then strip by strip of rows along them.
    """
    height, width = size
    columns = F.interpolate(logits, size=(height, logits.shape[-1]), mode="bilinear", align_corners=False)
    step = max(1, _LABEL_STRIP // width)
    strips = []
    for start in range(0, height, step):
        rows = columns[:, :, start : start + step]
        whole = F.interpolate(rows, size=(rows.shape[-2], width), mode="bilinear", align_corners=False)
        strips.append(first_largest(whole[0]))
    return torch.cat(strips)


def first_largest(scores: Float[Tensor, "class y x"]) -> Int[Tensor, "y x"]:
    """The first of the largest scores at each place, as ``scores.argmax(0)``; that one takes five times as long."""
    largest, place = scores[0], torch.zeros(scores.shape[1:], dtype=torch.int16, device=scores.device)
    for number, score in enumerate(scores[1:], 1):
        place.masked_fill_(score > largest, number)
        largest = torch.maximum(largest, score)
    return place.long()


def logits_at(
    logits: Float[Tensor, "1 class v u"], pixel: tuple[int, int], size: tuple[int, int]
) -> Float[Tensor, " class"]:
    """Logits of one pixel (y, x) of an image of ``size``, as :func:`resize_logits` would give them; differentiable."""
    axes = zip(pixel, logits.shape[-2:], size, strict=True)
    rows, columns = (resizing_shares(cells, pixels, logits.dtype)[:, place] for place, cells, pixels in axes)
    return torch.einsum("cvu,v,u->c", logits[0], rows.to(logits.device), columns.to(logits.device))
