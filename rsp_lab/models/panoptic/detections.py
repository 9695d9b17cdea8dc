"""What an instance branch finds in one image."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from rsp_lab.summary import Summarised


@dataclass(frozen=True, eq=False)
class Detections(Summarised):
    """The detections of one image, best score first; none is a result as well.

    Attributes:
        boxes: float [n, 4], left, top, right and bottom edge in pixels of the image.
        scores: float [n], 0 to 1, falling.
        classes: int64 [n], places in the names of the model's things.
        masks: bool [n, y, x] at the image's size, where the mask's probability is at least 0.5; one may be empty.
    """

    boxes: Float[Tensor, "n 4"]
    scores: Float[Tensor, " n"]
    classes: Int64[Tensor, " n"]
    masks: Bool[Tensor, "n y x"]

    def __post_init__(self) -> None:
        found = len(self.scores)
        for name, dtype, wanted in (
            ("boxes", None, [found, 4]),
            ("scores", None, [found]),
            ("classes", torch.int64, [found]),
            ("masks", torch.bool, [found, *self.masks.shape[1:]]),
        ):
            tensor: Tensor = getattr(self, name)
            fits = tensor.is_floating_point() if dtype is None else tensor.dtype == dtype
            if not fits or list(tensor.shape) != wanted:
                raise ValueError(
                    f"{name} must be {dtype or 'floating point'} {wanted}, got {tensor.dtype} {list(tensor.shape)}."
                )
        if self.masks.ndim != 3:
            raise ValueError(f"masks must be bool [n, y, x], got {list(self.masks.shape)}.")
        if (self.scores.diff() > 0).any():
            raise ValueError("detections must come best score first.")

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the image."""
        return self.masks.shape[1], self.masks.shape[2]
