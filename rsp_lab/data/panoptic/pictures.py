"""Training images that are taken whole: scaled and flipped as one pure function of a sample and a generator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from rsp_lab.data.labels import IGNORE_INDEX
from rsp_lab.data.sample import Instances, Sample
from rsp_lab.data.transforms import PADDING_RGB

LARGEST_SIDE = 16384
"""Of a training image, in pixels."""
_SEEDS = 1 << 62


@dataclass(frozen=True)
class ResizeConfig:
    """How a training image is scaled and flipped; nothing is cut off. The defaults are those of COCO's usual schedule.

    Attributes:
        short_side: least and greatest length of the shorter side in pixels.
        step: pixels from one possible length of the shorter side to the next.
        longest: of the longer side, in pixels; an image that would be longer is scaled to it instead.
        flip: probability of a horizontal flip.
        multiple: a batch is padded to its largest image, and on to the next multiple of so many pixels.
    """

    short_side: tuple[int, int] = (640, 800)
    step: int = 32
    longest: int = 1333
    flip: float = 0.5
    multiple: int = 128

    def __post_init__(self) -> None:
        if not 1 <= self.short_side[0] <= self.short_side[1] <= self.longest <= LARGEST_SIDE:
            raise ValueError(
                f"short_side and longest must be 1 <= least <= greatest <= longest <= {LARGEST_SIDE:,} pixels, got "
                f"{self.short_side} and {self.longest}."
            )
        if self.step < 1:
            raise ValueError(f"step must be at least 1 pixel, got {self.step}.")
        if not 0 <= self.flip <= 1:
            raise ValueError(f"flip is a probability from 0 to 1, got {self.flip}.")
        if not 1 <= self.multiple <= LARGEST_SIDE:
            raise ValueError(f"multiple must be at least 1 pixel, got {self.multiple}; 128 fits every level.")

    @property
    def largest(self) -> tuple[int, int]:
        """Rows and columns of the largest image of the usual orientation, padded."""
        return self.padded((self.short_side[1], self.longest))

    def padded(self, size: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns with the padding of an image that is the largest of its batch."""
        return size[0] + -size[0] % self.multiple, size[1] + -size[1] % self.multiple

    def scaled(self, size: tuple[int, int], side: int) -> tuple[int, int]:
        """Rows and columns of an image of ``size`` whose shorter side becomes ``side``, or less for ``longest``."""
        factor = min(side / min(size), self.longest / max(size))
        return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))

    def draw(self, sample: Sample, rng: np.random.Generator) -> Picture:
        """See :func:`resized`."""
        return resized(sample, self, rng)

    def collate(self, pictures: Sequence[Picture]) -> Pictures:
        """A batch of images, padded alike."""
        height, width = (max(sides) for sides in zip(*(picture.label.shape for picture in pictures), strict=True))
        size = self.padded((height, width))
        return Pictures(
            torch.stack([_padded(picture.image, size) for picture in pictures]),
            torch.stack([F.pad(picture.label, _room(picture.label, size), value=IGNORE_INDEX) for picture in pictures]),
            tuple(picture.instances for picture in pictures),
            tuple(picture.seed for picture in pictures),
        )


class Picture(NamedTuple):
    """A training image.

    Attributes:
        image: float32 [3, y, x] in [0, 1].
        label: int64 [y, x] classes of the semantic branch, 255 where ignored.
        instances: its things.
        seed: of whatever a network draws at random for this image.
    """

    image: Float[Tensor, "3 y x"]
    label: Int64[Tensor, "y x"]
    instances: Instances
    seed: int


class Pictures(NamedTuple):
    """A batch of training images, padded on the right and below.

    Attributes:
        image: float32 [b, 3, y, x] in [0, 1], the mean colour in the padding.
        label: int64 [b, y, x], 255 in the padding.
        instances: of each image, whose masks have the size that it has without padding.
        seeds: of each image.
    """

    image: Float[Tensor, "b 3 y x"]
    label: Int64[Tensor, "b y x"]
    instances: tuple[Instances, ...]
    seeds: tuple[int, ...]

    def to(self, device: str | torch.device) -> Pictures:
        """The same on a device; instances stay where they are."""
        image, label = (values.to(device, non_blocking=True) for values in self[:2])
        return self._replace(image=image, label=label)

    def parts(self, number: int) -> list[Pictures]:
        """A batch in so many parts, as even as they can be."""
        size = -(-len(self.seeds) // number)
        shares = [slice(start, start + size) for start in range(0, len(self.seeds), size)]
        return [Pictures(self.image[s], self.label[s], self.instances[s], self.seeds[s]) for s in shares]

    def padded(self, size: tuple[int, int]) -> Pictures:
        """The same with more padding, up to ``size`` (y, x)."""
        if size == tuple(self.label.shape[1:]):
            return self
        label = F.pad(self.label, _room(self.label, size), value=IGNORE_INDEX)
        return self._replace(image=_padded(self.image, size), label=label)


def resized(sample: Sample, config: ResizeConfig, rng: np.random.Generator) -> Picture:
    """The whole image at a random scale, perhaps flipped; labels and masks by nearest neighbour.

    Things of which no pixel is left are dropped; an image without things is one all the same.

    Raises:
        ValueError: if the sample has no label or no instances.
    """
    if sample.label is None or sample.instances is None:
        raise ValueError(
            f"{sample.name}: has no {'label' if sample.label is None else 'instances'}; training needs both."
        )
    least, greatest = config.short_side
    side = least + config.step * int(rng.integers((greatest - least) // config.step + 1))
    height, width = size = config.scaled(sample.size, side)
    label, masks = sample.label.long(), sample.instances.masks
    pixels = sample.image.permute(1, 2, 0).contiguous().numpy()
    if size != sample.size:
        pixels = np.array(Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR))
        label, masks = nearest(label, size), nearest(masks, size)
    image = torch.tensor(pixels).permute(2, 0, 1).float() / 255
    if rng.random() < config.flip:
        image, label, masks = image.flip(-1), label.flip(-1), masks.flip(-1)
    left = masks.flatten(1).any(1)
    instances = Instances(masks[left], sample.instances.classes[left])
    return Picture(image.contiguous(), label, instances, int(rng.integers(_SEEDS)))


def nearest(values: Tensor, size: tuple[int, int]) -> Tensor:
    """A map [..., y, x] at another size; each pixel has the value at its centre."""
    rows, columns = (
        ((torch.arange(after, dtype=torch.float64) + 0.5) * before / after).long().clamp(max=before - 1)
        for before, after in zip(values.shape[-2:], size, strict=True)
    )
    return values[..., rows, :][..., columns]


def _room(values: Tensor, size: tuple[int, int]) -> tuple[int, int, int, int]:
    return 0, size[1] - values.shape[-1], 0, size[0] - values.shape[-2]


def _padded(image: Tensor, size: tuple[int, int]) -> Tensor:
    """An image, or several, with the mean colour on the right and below."""
    colour = torch.tensor(PADDING_RGB, dtype=image.dtype, device=image.device).view(3, 1, 1) / 255
    framed = colour.expand(*image.shape[:-2], *size).clone()
    framed[..., : image.shape[-2], : image.shape[-1]] = image
    return framed
