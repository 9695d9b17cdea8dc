"""A label map cut into connected regions, each with a number and a name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Int64, Integer
from scipy import ndimage
from torch import Tensor

REST = "the rest"


def connected_regions(
    labels: Integer[Tensor, "y x"], class_names: Sequence[str], *, least: int = 1
) -> tuple[Int64[Tensor, "y x"], dict[int, str]]:
    """Number of each pixel's region, and the regions' names, e.g. ``"car 2"``.

    A region is what hangs together through shared edges and has one label. Within a class the largest is the first.

    Args:
        labels: ids; one without a name counts as ``"unlabelled"``.
        class_names: in the order of the ids.
        least: regions of fewer pixels are put together as :data:`REST`.
    """
    ids = labels.cpu().numpy()
    numbers = np.zeros(ids.shape, dtype=np.int64)
    names: dict[int, str] = {}
    for label in np.unique(ids).tolist():
        name = class_names[label] if 0 <= label < len(class_names) else f"unlabelled ({label})"
        components, _ = ndimage.label(ids == label)
        sizes = np.bincount(components.ravel())[1:]
        for place, component in enumerate(np.argsort(-sizes, kind="stable").tolist(), 1):
            if sizes[component] < least:
                break
            names[len(names) + 1] = f"{name} {place}"
            numbers[components == component + 1] = len(names)
    if not numbers.all():
        names[0] = REST
    return torch.from_numpy(numbers), names
