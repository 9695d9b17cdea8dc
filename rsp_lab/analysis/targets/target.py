"""What an explanation is about: the margin of one class over a rival at a pixel or over a region.

A target is a linear functional of the logits at image size, the mean over its pixels of ``logit[class] -
logit[rival]``, or of ``logit[class]`` alone where a plain logit is asked for; so everything measured with it is in
logits. A class or rival that is left open is filled in with what the model predicts, and results carry the target that
was filled in. Pixels are (y, x).
"""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rsp_lab.shapes import checked_pixel, plain_mask, plain_pixel, resizing_shares
from rsp_lab.summary import Summarised
from rsp_lab.text import in_short


def class_index(name: str, class_names: Sequence[str]) -> int:
    """Place of a class in the order of the logits.

    Raises:
        ValueError: if no class has the name; the message names the nearest one.
    """
    try:
        return list(class_names).index(name)
    except ValueError:
        close = difflib.get_close_matches(name, class_names, n=1, cutoff=0.5)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"no class is named {name!r}.{hint} Classes: {', '.join(class_names)}.") from None


class _Margin(ABC):
    """What both kinds of target say about classes."""

    class_name: str | None
    rival: str | None
    plain_logit: bool

    @property
    def resolved(self) -> bool:
        """Whether neither class nor rival is left open."""
        return self.class_name is not None and (self.rival is not None or self.plain_logit)

    @abstractmethod
    def boxed_weights(self, size: tuple[int, int]) -> tuple[Float[Tensor, "h w"], slice, slice]: ...

    def weights(self, size: tuple[int, int]) -> Float[Tensor, "y x"]:
        """Weight of each pixel of an image of ``size`` (y, x) in the mean; float64, sums to 1.

        Raises:
            ValueError: if the target does not fit the image.
        """
        inside, rows, columns = self.boxed_weights(size)
        weights = torch.zeros(size, dtype=torch.float64)
        weights[rows, columns] = inside
        return weights

    def check_classes(self, class_names: Sequence[str]) -> None:
        """Raises ValueError for a class or rival that ``class_names`` lacks, or where one stays open for want of it."""
        self._places(class_names)
        if len(class_names) < 2 and not (self.class_name and self.plain_logit):
            raise ValueError(
                "the model has one class only, so there is no second one to compare with: name the class, and pass "
                "plain_logit=True."
            )

    def direction(self, class_names: Sequence[str]) -> Float[Tensor, " class"]:
        """1 at the class, -1 at the rival, 0 elsewhere; float64.

        Raises:
            ValueError: for a class or rival that is left open or that ``class_names`` lacks.
        """
        places = self._places(class_names)
        if not self.resolved:
            what = "class" if self.class_name is None else "rival"
            raise ValueError(f"the target leaves its {what} open: name one, or fill it in with resolved_target.")
        vector = torch.zeros(len(class_names), dtype=torch.float64)
        for place, sign in zip(places, (1, -1), strict=False):
            vector[place] = sign
        return vector

    def _places(self, class_names: Sequence[str]) -> list[int]:
        """Of the class and the rival that are named, in the order of the logits."""
        return [class_index(name, class_names) for name in (self.class_name, self.rival) if name is not None]

    def _check_classes(self) -> None:
        given: tuple[tuple[str, object], ...] = (("class", self.class_name), ("rival", self.rival))
        for what, name in given:
            if name is not None and not isinstance(name, str):
                number = f": pass its name, model.class_names[{name}]" if isinstance(name, int) else ": pass its name"
                raise ValueError(f"got {in_short(name)} as the {what} of the target{number}, e.g. 'road'.")
        if self.rival is not None and self.rival == self.class_name:
            raise ValueError(
                f"class and rival are both {self.rival!r}, whose difference is 0: name two classes, or leave one open."
            )
        if self.rival is not None and self.plain_logit:
            raise ValueError(f"a plain logit has no rival, got {self.rival!r}: leave out rival or plain_logit.")

    def _describe_classes(self) -> str:
        name = self.class_name or "the predicted class"
        if self.plain_logit:
            return f"the logit of {name}"
        return f"{name} over {self.rival or 'the strongest other class'}"


@dataclass(frozen=True)
class PixelTarget(_Margin):
    """The margin of one class over another at one pixel.

    ``PixelTarget(y, x)`` asks for what the model predicts there, over its runner-up; ``PixelTarget(y, x, "car")`` for
    car over the strongest other class there.

    Attributes:
        y, x: row and column in the image.
        class_name: whose logit counts; None leaves it to the model: the class that it predicts there.
        rival: class whose logit is subtracted; None leaves it to the model: the strongest of the other classes.
        plain_logit: subtract nothing, and explain the class's own logit; a softmax sees differences only.
    """

    y: int
    x: int
    class_name: str | None = None
    rival: str | None = None
    plain_logit: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        for name, place in zip("yx", plain_pixel((self.y, self.x)), strict=True):
            object.__setattr__(self, name, place)
        self._check_classes()

    @property
    def pixels(self) -> int:
        """How many pixels the functional averages over."""
        return 1

    @property
    def centre(self) -> tuple[float, float]:
        """(y, x) in pixels."""
        return float(self.y), float(self.x)

    def check(self, size: tuple[int, int]) -> None:
        """Raises ValueError unless the pixel lies on an image of ``size`` (y, x)."""
        checked_pixel((self.y, self.x), size)

    def boxed_weights(self, size: tuple[int, int]) -> tuple[Float[Tensor, "h w"], slice, slice]:
        """See :meth:`RegionTarget.boxed_weights`; the box is the pixel."""
        self.check(size)
        return torch.ones(1, 1, dtype=torch.float64), slice(self.y, self.y + 1), slice(self.x, self.x + 1)

    def describe(self) -> str:
        """E.g. ``"rider over person at pixel (40, 12)"``."""
        return f"{self._describe_classes()} at pixel ({self.y}, {self.x})"


@dataclass(frozen=True, eq=False)
class RegionTarget(_Margin, Summarised):
    """The mean margin of one class over another in a region.

    ``RegionTarget(mask)`` asks for the class with the highest mean logit there, over the next one.

    Attributes:
        mask: (y, x) of the image's size, True on the region; a copy is kept, of a numpy array as a tensor.
        class_name: whose logit counts; None leaves it to the model: the class with the highest mean logit.
        rival: class whose logit is subtracted; None leaves it to the model: the strongest of the other classes.
        name: of the region, for titles.
        plain_logit: subtract nothing, and explain the class's own mean logit; a softmax sees differences only.
    """

    mask: Bool[Tensor, "y x"]
    class_name: str | None = None
    rival: str | None = None
    name: str = "region"
    plain_logit: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "mask", plain_mask(self.mask))
        if not self.mask.any():
            raise ValueError(f"the mask of {self.name!r} has no pixel: give a region with at least one.")
        self._check_classes()

    @property
    def pixels(self) -> int:
        """How many pixels the functional averages over."""
        return int(self.mask.sum())

    @property
    def centre(self) -> tuple[float, float]:
        """Mean (y, x) of the region's pixels; it may lie outside a region that is not convex."""
        y, x = self.mask.nonzero().double().mean(0).tolist()
        return y, x

    def check(self, size: tuple[int, int]) -> None:
        """Raises ValueError unless the mask has the image's ``size`` (y, x)."""
        if tuple(self.mask.shape) != tuple(size):
            raise ValueError(
                f"the mask of {self.name!r} is {self.mask.shape[0]} x {self.mask.shape[1]}, the image "
                f"{size[0]} x {size[1]}: make the mask at the image's size."
            )

    def boxed_weights(self, size: tuple[int, int]) -> tuple[Float[Tensor, "h w"], slice, slice]:
        """:meth:`weights` on the smallest box that holds the target, beyond which they are 0, and its rows and columns.

        Raises:
            ValueError: if the target does not fit an image of ``size`` (y, x).
        """
        self.check(size)
        mask = self.mask.cpu()
        (top, bottom), (left, right) = (np.flatnonzero(mask.numpy().any(axis))[[0, -1]].tolist() for axis in (1, 0))
        rows, columns = slice(top, bottom + 1), slice(left, right + 1)
        return mask[rows, columns].double() / self.pixels, rows, columns

    def describe(self) -> str:
        """E.g. ``"rider over person in region (210 pixels)"``."""
        return f"{self._describe_classes()} in {self.name} ({self.pixels} pixels)"


Target = PixelTarget | RegionTarget
TargetT = TypeVar("TargetT", bound=PixelTarget | RegionTarget)


def check_fit(target: object, size: tuple[int, int], class_names: Sequence[str], *, one_pixel: bool = False) -> None:
    """Raises ValueError unless it is a target, on an image of ``size`` (y, x), about classes that there are.

    Args:
        one_pixel: whether a region is refused too.
    """
    target = _checked(target)
    if one_pixel and isinstance(target, RegionTarget):
        raise ValueError(f"got {target.describe()} as the target, where one pixel is meant: pass rl.PixelTarget(y, x).")
    target.check(size)
    target.check_classes(class_names)


def _checked(target: object) -> Target:
    if not isinstance(target, PixelTarget | RegionTarget):
        raise ValueError(f"got {in_short(target)} as the target: {_target_remedy(target)}.")
    return target


def _target_remedy(given: object) -> str:
    if isinstance(given, tuple | list) and len(given) == 2:
        return f"pass rl.PixelTarget({given[0]!r}, {given[1]!r})"
    if isinstance(given, str):
        return f"pass rl.PixelTarget(y, x, {given!r})"
    if isinstance(given, Tensor | np.ndarray):
        return "pass rl.RegionTarget(mask)"
    return "pass rl.PixelTarget(y, x) or rl.RegionTarget(mask)"


def same_target(a: Target, b: Target) -> bool:
    """Whether two targets are one functional: the same pixels, class and rival. Names of regions do not matter."""
    if (a.class_name, a.rival, a.plain_logit) != (b.class_name, b.rival, b.plain_logit):
        return False
    if isinstance(a, RegionTarget) and isinstance(b, RegionTarget):
        return torch.equal(a.mask.cpu(), b.mask.cpu())
    return a == b


def target_value(
    logits: Float[Tensor, "class v u"], target: Target, size: tuple[int, int], class_names: Sequence[str]
) -> float:
    """The functional on an image of ``size`` (y, x), of logits at any resolution, which are resized as the model does.

    Raises:
        ValueError: if the target does not fit the image or the classes.
    """
    direction = _checked(target).direction(class_names)
    used = direction.nonzero()[:, 0]
    weights, rows, columns = _on_box(target, size, (logits.shape[-2], logits.shape[-1]), logits.dtype)
    # Resized where the target has pixels, and nowhere else.
    resized = rows.T @ logits[used.to(logits.device)].detach().double().cpu() @ columns
    return float(direction[used] @ (resized * weights).sum((1, 2)))


def cell_weights(
    target: Target, size: tuple[int, int], cells: tuple[int, int], dtype: torch.dtype = torch.float64
) -> Float[Tensor, "v u"]:
    """The functional on a class map of ``cells`` (v, u) that is resized bilinearly to ``size`` (y, x); sums to 1.

    It is the adjoint of the resizing applied to the target's pixel weights. ``dtype`` should be the map's own: the
    resizing works out its shares in it.

    Raises:
        ValueError: if the target does not fit the image.
    """
    # Outside the caller's inference mode, or it could take no part in a gradient.
    with torch.inference_mode(False):
        weights, rows, columns = _on_box(_checked(target), size, cells, dtype)
        return (rows @ weights @ columns.T).to(dtype)


def _on_box(
    target: Target, size: tuple[int, int], cells: tuple[int, int], dtype: torch.dtype
) -> tuple[Float[Tensor, "h w"], Float[Tensor, "v h"], Float[Tensor, "u w"]]:
    """The target's weights on the smallest box that holds its pixels, and with what share each cell's row and column
    enters the box's rows and columns; float64 on the CPU, the shares as rounded in ``dtype``."""
    weights, *box = target.boxed_weights(size)
    rows, columns = (
        resizing_shares(count, pixels, dtype)[:, part].double()
        for count, pixels, part in zip(cells, size, box, strict=True)
    )
    return weights, rows, columns


def resolved_target(
    target: TargetT, logits: Float[Tensor, "class v u"], size: tuple[int, int], class_names: Sequence[str]
) -> TargetT:
    """The target with a class and rival that it leaves open filled in.

    An open class is the one with the highest mean logit over the target's pixels, an open rival the highest of the
    other classes. What the target names, and a plain logit, is kept.

    Args:
        target: what is asked.
        logits: of the model whose prediction is meant, at any resolution.
        size: (y, x) of the image.
        class_names: in the order of the logits.

    Raises:
        ValueError: if the target does not fit the image or the classes, or there is no second class to compare with.
    """
    check_fit(target, size, class_names)
    if target.resolved:
        return target
    weights = cell_weights(target, size, (logits.shape[-2], logits.shape[-1]), logits.dtype).cpu()
    means = (logits.detach().cpu() * weights).double().sum((1, 2))
    ranked = [class_names[i] for i in means.argsort(descending=True).tolist()]
    class_name = target.class_name or next(name for name in ranked if name != target.rival)
    if target.plain_logit:
        return replace(target, class_name=class_name)
    rival = target.rival or next(name for name in ranked if name != class_name)
    return replace(target, class_name=class_name, rival=rival)
