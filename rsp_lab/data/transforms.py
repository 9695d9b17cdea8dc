"""Training augmentation: random scale, crop, flip and colour, as one pure function of a sample and a generator."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64, UInt8
from PIL import Image
from torch import Tensor

from rsp_lab.data.labels import IGNORE_INDEX
from rsp_lab.data.sample import Sample

PADDING_RGB = (124, 116, 104)
"""Colour outside the image: the ImageNet mean, which models that normalise by it see as zero."""


LARGEST_SCALE = 64.0
OPTION = "option"
"""Key in the metadata of a field that is off at its default, so that a run without it is what it was before."""


@dataclass(frozen=True)
class AugmentConfig:
    """How a training crop is drawn.

    Attributes:
        crop: rows and columns of the crop.
        scale: least and greatest length of the scaled image's shorter side, as a multiple of the original's.
        scale_step: pixels from one possible length of the shorter side to the next. (0.5, 2.0) and 32 on images of
            1024 rows are the paper's 512..2048 in steps of 32.
        flip: probability of a horizontal flip.
        colour: whether brightness, contrast, saturation and hue are disturbed, each with probability one half, as in
            SSD but without the permutation of channels.
        max_class_share: crops in which one class has a greater share of the labelled pixels are drawn anew
            (the paper's crop bootstrapping) ...
        tries: ... at most this often; the last one is then taken.
        bootstrap: which reading of the paper's crop bootstrapping: ``reject`` as above; ``centres`` draws one of the
            image's classes, each alike, and centres the crop on a random pixel of it (as far as the image reaches);
            it rejects nothing.
    """

    crop: tuple[int, int] = (512, 1024)
    scale: tuple[float, float] = (0.5, 2.0)
    scale_step: int = 32
    flip: float = 0.5
    colour: bool = True
    max_class_share: float = 0.75
    tries: int = 10
    bootstrap: Literal["reject", "centres"] = field(default="reject", metadata={OPTION: True})

    def __post_init__(self) -> None:
        if min(self.crop) < 1:
            raise ValueError(f"crop must be two positive numbers (rows, columns), got {self.crop}.")
        if not 0 < self.scale[0] <= self.scale[1] <= LARGEST_SCALE:
            raise ValueError(
                f"scale must be 0 < least <= greatest <= {LARGEST_SCALE:g}, got {self.scale}; the paper has (0.5, 2.0)."
            )
        if self.scale_step < 1:
            raise ValueError(f"scale_step must be at least 1 pixel, got {self.scale_step}.")
        if not 0 <= self.flip <= 1:
            raise ValueError(f"flip is a probability from 0 to 1, got {self.flip}.")
        if not 0 < self.max_class_share <= 1:
            raise ValueError(f"max_class_share must be above 0 and at most 1, got {self.max_class_share}; 1 is off.")
        if self.tries < 1:
            raise ValueError(f"tries must be at least 1, got {self.tries}.")
        if self.bootstrap not in ("reject", "centres"):
            raise ValueError(f"bootstrap must be 'reject' or 'centres', got {self.bootstrap!r}.")

    @property
    def largest(self) -> tuple[int, int]:
        """Rows and columns of the largest training image: of every crop."""
        return self.crop

    def draw(self, sample: Sample, rng: np.random.Generator) -> Crop:
        """See :func:`augment`."""
        return augment(sample, self, rng)

    @staticmethod
    def collate(crops: list[Crop]) -> Crop:
        """A batch of crops."""
        return Crop(*map(torch.stack, zip(*crops, strict=True)))


@dataclass(frozen=True)
class CropBox:
    """A crop in the coordinates of the scaled image; it may reach outside, where there is padding.

    Attributes:
        scaled: rows and columns of the whole image after scaling.
        top, left: the crop's first row and column; negative where padding comes first.
    """

    scaled: tuple[int, int]
    top: int
    left: int


class Crop(NamedTuple):
    """A training crop, or a batch of them with the axis b in front.

    Attributes:
        image: float32 [3, y, x] in [0, 1].
        label: int64 [y, x] train ids, 255 where ignored and where the crop reaches outside the image.
        region: bool [y, x], the pixels of :attr:`Sample.region`; none where the sample has no region.
    """

    image: Float[Tensor, "*b 3 y x"]
    label: Int64[Tensor, "*b y x"]
    region: Bool[Tensor, "*b y x"]

    def to(self, device: str | torch.device) -> Crop:
        """The same on a device."""
        return Crop(*(values.to(device, non_blocking=True) for values in self))

    def parts(self, number: int) -> list[Crop]:
        """A batch in so many parts, as even as they can be."""
        return [Crop(*part) for part in zip(*(values.chunk(number) for values in self), strict=True)]


def sample_rng(seed: int, step: int, index: int) -> np.random.Generator:
    """The generator of one place in one batch: a pure function of (seed, step, index in the batch)."""
    return np.random.default_rng((seed, step, index))


def augment(sample: Sample, config: AugmentConfig, rng: np.random.Generator) -> Crop:
    """A training crop of the configured size: random scale, then crop, then flip, then colour.

    Raises:
        ValueError: if the sample has no label.
    """
    # torchvision brings torch's compiler with it: imported here, it costs nothing where no crop is drawn.
    from torchvision.transforms.v2 import functional as F

    if sample.label is None:
        raise ValueError(f"{sample.name}: has no label, and training needs one.")
    whole_label = Image.fromarray(sample.label.numpy())
    for _ in range(config.tries):
        box = draw_box(sample.size, config, rng)
        if config.bootstrap == "centres":
            box = centred(box, draw_centre(sample.label.numpy(), rng), sample.size, config.crop)
        label = cut(whole_label, box, config.crop, Image.Resampling.NEAREST, IGNORE_INDEX)
        if config.bootstrap == "centres" or largest_class_share(label) <= config.max_class_share:
            break
    whole_image = Image.fromarray(sample.image.permute(1, 2, 0).contiguous().numpy())
    pixels = cut(whole_image, box, config.crop, Image.Resampling.BILINEAR, PADDING_RGB)
    region = _cut_region(sample.region, box, config.crop)
    if rng.random() < config.flip:
        pixels, label, region = pixels[:, ::-1], label[:, ::-1], region[:, ::-1]
    image = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
    if config.colour:
        image = distort_colour(image, rng)
    labels = torch.from_numpy(label.astype(np.int64))
    return Crop(F.to_dtype(image, torch.float32, scale=True), labels, torch.from_numpy(region.copy()))


def _cut_region(region: Tensor | None, box: CropBox, crop: tuple[int, int]) -> np.ndarray:
    if region is None:
        return np.zeros(crop, dtype=bool)
    return cut(Image.fromarray(region.numpy().astype(np.uint8)), box, crop, Image.Resampling.NEAREST, 0) > 0


def draw_box(size: tuple[int, int], config: AugmentConfig, rng: np.random.Generator) -> CropBox:
    """A random scale and a random place of the crop; an image smaller than the crop is placed at random in it."""
    shorter = min(size)
    least, greatest = (round(bound * shorter) for bound in config.scale)
    side = least + config.scale_step * int(rng.integers((greatest - least) // config.scale_step + 1))
    scaled = (max(1, round(size[0] * side / shorter)), max(1, round(size[1] * side / shorter)))
    spare = [whole - part for whole, part in zip(scaled, config.crop, strict=True)]
    top, left = (int(rng.integers(min(0, room), max(0, room) + 1)) for room in spare)
    return CropBox(scaled, top, left)


def draw_centre(label: np.ndarray, rng: np.random.Generator) -> tuple[int, int]:
    """A pixel (y, x) of a class drawn uniformly from those in the label; any pixel where nothing is labelled."""
    counts = np.bincount(label.ravel(), minlength=IGNORE_INDEX + 1)
    present = np.flatnonzero(counts[:IGNORE_INDEX])
    chosen = int(rng.choice(present)) if present.size else IGNORE_INDEX
    place = np.flatnonzero(label.ravel() == chosen)[int(rng.integers(counts[chosen]))]
    return divmod(int(place), label.shape[1])


def centred(box: CropBox, centre: tuple[int, int], size: tuple[int, int], crop: tuple[int, int]) -> CropBox:
    """The box moved to have ``centre`` (y, x of the image before scaling) in its middle, but not out of the image.

    Along a side on which the whole image fits into the crop, the box stays where it is.
    """
    starts = []
    for start, pixel, before, scaled, side in zip((box.top, box.left), centre, size, box.scaled, crop, strict=True):
        wanted = int((pixel + 0.5) * scaled / before) - side // 2
        starts.append(min(max(wanted, 0), scaled - side) if scaled > side else start)
    return CropBox(box.scaled, *starts)


def cut(
    image: Image.Image,
    box: CropBox,
    crop: tuple[int, int],
    resample: Image.Resampling,
    padding: int | tuple[int, int, int],
) -> np.ndarray:
    """The crop of the scaled image, [y, x] or [y, x, channel].

    Only the region that the crop shows is resampled. Pillow's ``resize(box=...)`` lets its filter see the pixels
    around the region too, so the values are those of scaling the whole image and then cropping.
    """
    out = np.empty((*crop, len(image.getbands())), dtype=np.uint8)
    out[:] = padding
    rows = max(box.top, 0), min(box.top + crop[0], box.scaled[0])
    columns = max(box.left, 0), min(box.left + crop[1], box.scaled[1])
    y_scale, x_scale = image.height / box.scaled[0], image.width / box.scaled[1]
    region = (
        columns[0] * x_scale,
        rows[0] * y_scale,
        min(columns[1] * x_scale, image.width),
        min(rows[1] * y_scale, image.height),
    )
    part = np.asarray(image.resize((columns[1] - columns[0], rows[1] - rows[0]), resample, box=region))
    y, x = rows[0] - box.top, columns[0] - box.left
    out[y : y + part.shape[0], x : x + part.shape[1]] = part.reshape(*part.shape[:2], -1)
    return out if out.shape[2] > 1 else out[:, :, 0]


def largest_class_share(label: np.ndarray) -> float:
    """Share of the most frequent class among labelled pixels; 1 where nothing is labelled."""
    counts = np.bincount(label.ravel(), minlength=IGNORE_INDEX + 1)[:IGNORE_INDEX]
    return float(counts.max() / counts.sum()) if counts.any() else 1.0


def distort_colour(image: UInt8[Tensor, "3 y x"], rng: np.random.Generator) -> UInt8[Tensor, "3 y x"]:
    """SSD's photometric distortion without the permutation of channels.

    Brightness, then contrast, saturation and hue in this order or with contrast last, each with probability one half.
    """
    from torchvision.transforms.v2 import functional as F

    contrast_first = rng.random() < 0.5
    chosen = rng.random(4) < 0.5
    brightness, contrast, saturation, hue = rng.uniform((0.875, 0.5, 0.5, -0.05), (1.125, 1.5, 1.5, 0.05))
    if chosen[0]:
        image = F.adjust_brightness(image, brightness)
    if chosen[1] and contrast_first:
        image = F.adjust_contrast(image, contrast)
    if chosen[2]:
        image = F.adjust_saturation(image, saturation)
    if chosen[3]:
        image = F.adjust_hue(image, hue)
    if chosen[1] and not contrast_first:
        image = F.adjust_contrast(image, contrast)
    return image
