"""One image and, where known, its labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, UInt8
from torch import Tensor

from rsp_lab.summary import Summarised


@dataclass(frozen=True, eq=False)
class Sample(Summarised):
    """An image with its labels.

    Attributes:
        name: what a reader calls this image, e.g. the file name without its ending.
        image: uint8 [3, y, x], RGB.
        label: uint8 [y, x] train ids, 255 where ignored; None where nothing is known.
        region: bool [y, x], the pixels whose class only their context decides, of a drawn scene; None elsewhere.
    """

    name: str
    image: UInt8[Tensor, "3 y x"]
    label: UInt8[Tensor, "y x"] | None = None
    region: Bool[Tensor, "y x"] | None = None

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


@runtime_checkable
class SampleSet(Protocol):
    """A data set, or a list of samples."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Sample: ...
