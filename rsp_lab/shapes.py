"""Axes, strides, windows and the geometry between cells of a map and pixels of an image.

Everything above this room speaks in these words. Rows come before columns: (y, x).
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from rsp_lab.text import in_short, listed

T = TypeVar("T")


class Tap(nn.Module):
    """A named point of a network through which one tensor flows unchanged.

    A tap is the identity: with nobody listening it costs one function call. Capture and edits
    attach forward hooks to it, so what is observable is declared by the network, not guessed
    from module paths.

    Args:
        name: the public name, e.g. ``"step54.weights"``; the same in every model.
        axes: names of the tensor's axes separated by spaces, e.g. ``"b c y x"``.
        stride: input pixels from one cell to the next along y and x; None for what lies on no grid of the image.
    """

    def __init__(self, name: str, axes: str, stride: int | None) -> None:
        super().__init__()
        self.name = name
        self.axes = tuple(axes.split())
        self.stride = stride

    @property
    def listening(self) -> bool:
        """True while a forward hook is attached, that is, while somebody wants this tensor."""
        return bool(self._forward_hooks) or bool(self._forward_pre_hooks)

    def forward(self, value: Tensor) -> Tensor:
        return value

    def extra_repr(self) -> str:
        return f"{self.name!r}, axes={' '.join(self.axes)!r}, stride={self.stride}"


@dataclass(frozen=True)
class Window:
    """The k x k region L(x_i, z) of Eq. 1 around a cell, with dilation.

    Attributes:
        kernel_size: k, odd and positive.
        dilation: cells between neighbouring window positions, positive.
    """

    kernel_size: int = 7
    dilation: int = 1

    def __post_init__(self) -> None:
        if self.kernel_size < 1 or self.kernel_size % 2 == 0:
            raise ValueError(
                f"kernel_size must be odd and positive, got {self.kernel_size}: "
                "the window is centred on a cell. Use 3, 5 or 7."
            )
        if self.dilation < 1:
            raise ValueError(f"dilation must be at least 1, got {self.dilation}. Use 1 for a dense window.")

    @property
    def half(self) -> int:
        """Window positions on each side of the centre."""
        return self.kernel_size // 2

    @property
    def radius(self) -> int:
        """Cells from the centre to the window's outermost position."""
        return self.half * self.dilation

    @property
    def positions(self) -> int:
        """k * k, the number of window positions."""
        return self.kernel_size * self.kernel_size

    @property
    def offsets(self) -> tuple[int, ...]:
        """Cell offsets along one axis, from -radius to +radius."""
        return tuple(self.dilation * i for i in range(-self.half, self.half + 1))

    def describe(self) -> str:
        """Human-readable form, e.g. ``"7 x 7"`` or ``"3 x 3, dilation 3"``."""
        size = f"{self.kernel_size} x {self.kernel_size}"
        return size if self.dilation == 1 else f"{size}, dilation {self.dilation}"


def level_name(level: int, *strides: Mapping[int, int]) -> str:
    """E.g. ``"level 5"``, and of networks of other makes ``"level 5 (stride 32)"``, which have no levels by number.

    Args:
        level: x, of a stride near 2^x.
        strides: of such networks, in pixels by level; a model of ours, whose levels are the paper's, gives none.
    """
    found = sorted({one[level] for one in strides if level in one})
    return f"level {level} (stride {' and '.join(map(str, found))})" if found else f"level {level}"


def level_names(levels: Iterable[int], *strides: Mapping[int, int]) -> dict[int, str]:
    """:func:`level_name` of each of some levels."""
    return {level: level_name(level, *strides) for level in levels}


def strides_dict(strides: Mapping[int, int]) -> dict[str, dict[str, int]]:
    """The entry ``strides`` of a result's ``to_dict()``; none where levels have their number as name."""
    return {"strides": {str(level): stride for level, stride in strides.items()}} if strides else {}


def step_name(high: int) -> str:
    """Name of the step from level ``high`` down to ``high - 1``, e.g. ``step_name(5) == "step54"``."""
    return f"step{high}{high - 1}"


def step_levels(name: str) -> tuple[int, int]:
    """Inverse of :func:`step_name`: ``step_levels("step54") == (5, 4)``.

    Raises:
        ValueError: if ``name`` is not the name of a step.
    """
    digits = name.removeprefix("step")
    if not name.startswith("step") or len(digits) != 2 or not digits.isdigit():
        raise ValueError(f"{name!r} is not a step; expected a name such as 'step54' (level 5 to level 4).")
    return int(digits[0]), int(digits[1])


def step_digits(name: str) -> str:
    """The two levels of a step without the word, e.g. ``step_digits("step54") == "54"``."""
    return name.removeprefix("step")


def steps_in_words(names: Sequence[str]) -> str:
    """Steps after each other, e.g. ``"steps 76, 65 and 54"``."""
    return f"step{'s' if len(names) > 1 else ''} {listed([step_digits(name) for name in names])}"


def tap_step(tap: str) -> str:
    """Name of the step that a tap belongs to, e.g. ``tap_step("step54.weights") == "step54"``."""
    return tap.partition(".")[0]


def cell_to_pixel(cell: float, cells: int, pixels: int) -> float:
    """Centre of a cell in pixel coordinates along one axis.

    The map's ``cells`` cover the image's ``pixels`` evenly, which is how bilinear resizing with
    ``align_corners=False`` relates maps of any two sizes; the ratio is the nominal stride when it divides.
    Pixel centres are at integers, so the image spans [-0.5, pixels - 0.5].
    """
    return (cell + 0.5) * pixels / cells - 0.5


def pixel_to_cell(pixel: float, cells: int, pixels: int) -> int:
    """Index of the cell that a pixel falls in along one axis.

    Raises:
        ValueError: if the pixel lies outside the image.
    """
    if not -0.5 <= pixel <= pixels - 0.5:
        raise ValueError(f"pixel {pixel:g} lies outside the image; expected 0 to {pixels - 1}.")
    return min(cells - 1, math.floor((pixel + 0.5) * cells / pixels))


def cell_under(pixel: tuple[int, int], cells: tuple[int, ...], image_size: tuple[int, int]) -> tuple[int, int]:
    """The cell (y, x) of a map of ``cells`` (y, x) that a pixel (y, x) of the image falls in.

    Raises:
        ValueError: if the pixel lies outside the image.
    """
    y, x = checked_pixel(pixel, image_size)
    return pixel_to_cell(y, cells[0], image_size[0]), pixel_to_cell(x, cells[1], image_size[1])


def resizing_shares(cells: int, pixels: int, dtype: torch.dtype = torch.float64) -> Float[Tensor, "cells pixels"]:
    """With what share each cell enters each pixel when a map is resized bilinearly along one axis; columns sum to 1.

    They are torch's own, as rounded in ``dtype``: what they make of a map is what ``F.interpolate`` without aligned
    corners makes of it, up to the rounding of the products.
    """
    alone = torch.eye(cells, dtype=dtype)
    return F.interpolate(alone[None], size=pixels, mode="linear", align_corners=False)[0]


def cell_edges(cell: float, cells: int, pixels: int) -> tuple[float, float]:
    """Pixel coordinates of the near and the far edge of a cell along one axis."""
    scale = pixels / cells
    return cell * scale - 0.5, (cell + 1) * scale - 0.5


def checked_count(name: str, count: object, least: int, remedy: str) -> int:
    """A number of things as an int.

    Args:
        name: of the argument, for the message.
        count: as it was given.
        least: of such things.
        remedy: behind the message, e.g. ``"32 is the default"``.

    Raises:
        ValueError: unless it is a whole number, of whatever kind, and at least ``least``.
    """
    try:
        found = operator.index(count)  # type: ignore[arg-type]
    except TypeError:
        raise ValueError(f"{name} must be a whole number, got {in_short(count)}: {remedy}.") from None
    if found < least:
        raise ValueError(f"{name} must be at least {least}, got {found}: {remedy}.")
    return found


def plain_pixel(pixel: object) -> tuple[int, int]:
    """A pixel (y, x) as two ints, of whatever kind of whole number it is.

    Raises:
        ValueError: unless it is two whole numbers.
    """
    try:
        y, x = (operator.index(value) for value in pixel)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        raise ValueError(
            f"got {in_short(pixel)} as a pixel: pass its row and column, two whole numbers, as in (40, 50)."
        ) from None
    return y, x


def own_tensor(values: T) -> T | Tensor:
    """A tensor or an array as a tensor in memory of its own; anything else as it is.

    What is kept must not change when the caller writes into theirs. torch takes no array that is mirrored by negative
    strides or of another machine, and warns of one that is read-only.
    """
    if isinstance(values, np.ndarray):
        try:
            return torch.from_numpy(values.astype(values.dtype.newbyteorder("="), order="C"))
        except TypeError:  # torch has no such type
            return values
    return values.clone() if isinstance(values, Tensor) else values


def plain_mask(mask: object) -> Bool[Tensor, "y x"]:
    """A mask of pixels, of torch or numpy, as a tensor in memory of its own.

    Raises:
        ValueError: unless it is bool with the axes y x.
    """
    own = own_tensor(mask)
    if isinstance(own, Tensor) and own.dtype == torch.bool and own.ndim == 2:
        return own
    # What is no mask is refused as it was given.
    kind, shape = (getattr(mask, name, None) for name in ("dtype", "shape"))
    got = type(mask).__name__ if shape is None else f"{kind} of shape {tuple(shape)}"
    raise ValueError(
        f"the mask must be bool with the axes y x, got {got}: compare labels with a class id, as in labels == 3."
    )


def checked_pixel(pixel: tuple[int, int], image_size: tuple[int, int]) -> tuple[int, int]:
    """A pixel (y, x) of an image as two ints.

    Raises:
        ValueError: unless it is two whole numbers and lies on the image.
    """
    (y, x), (height, width) = plain_pixel(pixel), image_size
    if not (0 <= y < height and 0 <= x < width):
        raise ValueError(
            f"pixel (y, x) = ({y}, {x}) lies outside the image of {height} x {width}: "
            f"y goes from 0 to {height - 1}, x from 0 to {width - 1}."
        )
    return y, x
