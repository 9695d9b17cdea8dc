"""One image and, where known, its labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor

from rsp_lab.summary import Summarised
from rsp_lab.text import in_short


@dataclass(frozen=True, eq=False)
class Instances(Summarised):
    """The things of an image, a mask each; masks may overlap where a data set has them so, as COCO's polygons do.

    Attributes:
        masks: bool [n, y, x], at least one pixel each.
        classes: int64 [n], places in the things of the data set's panoptic table.
    """

    masks: Bool[Tensor, "n y x"]
    classes: Int64[Tensor, " n"]

    def __post_init__(self) -> None:
        if self.masks.dtype != torch.bool or self.masks.ndim != 3:
            raise ValueError(f"masks must be bool [n, y, x], got {self.masks.dtype} {list(self.masks.shape)}.")
        if self.classes.dtype != torch.int64 or self.classes.shape != self.masks.shape[:1]:
            raise ValueError(
                f"classes must be int64 [{len(self.masks)}], one a mask, got {self.classes.dtype} "
                f"{list(self.classes.shape)}."
            )
        empty = (~self.masks.flatten(1).any(1)).nonzero().flatten().tolist()
        if empty:
            raise ValueError(f"masks {empty[:8]} hold no pixel: leave such instances out.")

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def boxes(self) -> Float[Tensor, "n 4"]:
        """Left, top, right and bottom edge of each mask in pixels, float32; a mask of one pixel is 1 x 1."""
        boxes = []
        for mask in self.masks:
            rows, columns = mask.any(1).nonzero().flatten(), mask.any(0).nonzero().flatten()
            boxes.append((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
        return torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)


@dataclass(frozen=True, eq=False)
class Sample(Summarised):
    """An image with its labels.

    Attributes:
        name: what a reader calls this image, e.g. the file name without its ending.
        image: uint8 [3, y, x], RGB.
        label: uint8 [y, x] train ids, 255 where ignored; None where nothing is known.
        region: bool [y, x], the pixels whose class only their context decides, of a drawn scene; None elsewhere.
        instances: its things, of a panoptic data set; None elsewhere.
    """

    name: str
    image: UInt8[Tensor, "3 y x"]
    label: UInt8[Tensor, "y x"] | None = None
    region: Bool[Tensor, "y x"] | None = None
    instances: Instances | None = None

    def __post_init__(self) -> None:
        if self.image.dtype != torch.uint8 or self.image.ndim != 3 or self.image.shape[0] != 3:
            raise ValueError(
                f"{self.name}: image must be uint8 [3, y, x], got {self.image.dtype} {list(self.image.shape)}."
            )
        if self.region is not None and (self.region.dtype != torch.bool or self.region.shape != self.image.shape[1:]):
            raise ValueError(
                f"{self.name}: region must be bool {list(self.image.shape[1:])} like the image, got "
                f"{self.region.dtype} {list(self.region.shape)}."
            )
        if self.instances is not None and self.instances.masks.shape[1:] != self.image.shape[1:]:
            raise ValueError(
                f"{self.name}: its instances' masks have {list(self.instances.masks.shape[1:])} pixels, its image "
                f"{list(self.image.shape[1:])}; they must be of one size."
            )
        if self.label is None:
            return
        if self.label.dtype != torch.uint8 or self.label.ndim != 2:
            raise ValueError(
                f"{self.name}: label must be uint8 [y, x], got {self.label.dtype} {list(self.label.shape)}."
            )
        if self.label.shape != self.image.shape[1:]:
            raise ValueError(
                f"{self.name}: the image has {self.size[0]} x {self.size[1]} pixels (rows x columns), its label "
                f"{self.label.shape[0]} x {self.label.shape[1]}; they must be of one size."
            )

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the image."""
        return self.image.shape[1], self.image.shape[2]


def check_samples(samples: object) -> None:
    """Raises ValueError unless it is a data set or a list of samples. Of a list the first is looked at; of a data set
    none, which may have to be read from files."""
    if isinstance(samples, Sample):
        raise ValueError(f"got the sample {samples.name} alone: pass a list, as in [sample].")
    if not isinstance(samples, SampleSet):
        raise ValueError(
            f"got {in_short(samples)} as samples: pass a data set or a list of its samples, e.g. of "
            "rl.scenes.SceneSplit."
        )
    if isinstance(samples, list | tuple) and samples and not isinstance(samples[0], Sample):
        raise ValueError(
            f"got {in_short(samples[0])} as a sample: pass samples, which have a label, e.g. "
            "rl.scenes.draw_scene(0).sample."
        )


@runtime_checkable
class SampleSet(Protocol):
    """A data set, or a list of samples."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Sample: ...
