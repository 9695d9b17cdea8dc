"""Where each token of a pass lies on the image, whatever windows, shifts and reductions it went through.

Beside every tensor goes a shadow of the same shape that says of each number where on the image it belongs. What moves
numbers (reshaping, rolling, padding, joining) moves the shadow with them; what mixes channels leaves each token where
it is; what mixes neighbours on a map gives a new, even grid over the image. So nothing has to be known of a network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakIdKeyDictionary

from rsp_lab.frozen.calls import argument, functions

NOWHERE = complex("nan+nanj")
"""The place of what lies nowhere on the image: padding, a class token, parameters."""


def grid_places(height: int, width: int, size: tuple[int, int]) -> Tensor:
    """Centres of an even grid's cells over an image of ``size`` (y, x): ``y + i x`` in pixels, (v, u)."""
    y = (torch.arange(height) + 0.5) * size[0] / height - 0.5
    x = (torch.arange(width) + 0.5) * size[1] / width - 0.5
    return torch.complex(y[:, None].expand(height, width), x[None, :].expand(height, width))


class PlaceTracer(TorchFunctionMode):
    """In force, :meth:`of` says where the tokens of a tensor lie.

    Args:
        size: of the image (y, x), in pixels.
        padded: of what the network sees of it, with padding on the right and below; default: the image alone.
    """

    def __init__(self, size: tuple[int, int], padded: tuple[int, int] | None = None) -> None:
        super().__init__()
        self.size, self.padded = size, padded or size
        self._shadows: WeakIdKeyDictionary = WeakIdKeyDictionary()

    def start(self, image: Tensor) -> None:
        """Tells the places of an image's pixels, (b, c, y, x)."""
        self._shadows[image] = grid_places(*self.size, self.size).expand(image.shape)

    def of(self, x: Tensor) -> Tensor | None:
        """Places ``y + i x`` of a tensor's numbers, of its shape; None where they are not known."""
        return self._shadows.get(x)

    def __torch_function__(
        self, func: Callable[..., Any], kinds: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        sources = [(x, s) for x in _tensors(args, kwargs) if (s := self._shadows.get(x)) is not None]
        answer = func(*args, **kwargs)
        if sources:
            self._follow(func, args, kwargs, answer, sources)
        return answer

    def _follow(
        self, func: Callable[..., Any], args: Any, kwargs: Any, answer: Any, sources: list[tuple[Tensor, Tensor]]
    ) -> None:
        if func in _MOVES:
            moved = self._moved(func, args, kwargs, answer)
            for x, places in zip(_parts(answer), _parts(moved), strict=True):
                self._shadows[x] = places
            return
        for x in _parts(answer):
            if x.is_floating_point() and x not in self._shadows:
                shadow = self._grid(x) if func in _MAPS and x.ndim == 4 else _kept(x, sources)
                if shadow is not None:
                    self._shadows[x] = shadow

    def _moved(self, func: Callable[..., Any], args: Any, kwargs: Any, answer: Any) -> Any:
        """What moves numbers, done to their places."""

        def shadow(value: Any) -> Any:
            if isinstance(value, Tensor) and value.is_floating_point():
                known = self._shadows.get(value)
                return torch.full(value.shape, NOWHERE) if known is None else known
            if isinstance(value, tuple | list) and any(isinstance(one, Tensor) for one in value):
                return type(value)(shadow(one) for one in value)
            return value

        if func in _COPIES:
            return shadow(args[0])
        if func in _VIEWS:  # places may lie otherwise in memory than the numbers
            return shadow(args[0]).reshape(answer.shape)
        if func in _PADS:
            pad, mode = argument(args, kwargs, 1, "pad"), argument(args, kwargs, 2, "mode", "constant")
            return _padded(shadow(argument(args, kwargs, 0, "input")), pad, mode)
        if func in _PATCHES:
            # A patch may reach beyond the map, where nothing lies.
            words = [argument(args, kwargs, n + 1, *word) for n, word in enumerate(_PATCH_WORDS)]
            kernel, dilation, padding, stride = ((one, one) if isinstance(one, int) else tuple(one) for one in words)
            around = _padded(
                shadow(argument(args, kwargs, 0, "input")), (padding[1], padding[1], padding[0], padding[0]), "constant"
            )
            return _by_parts(around, lambda part: F.unfold(part, kernel, dilation, 0, stride))
        return func(*(shadow(value) for value in args), **{name: shadow(value) for name, value in kwargs.items()})

    def _grid(self, x: Tensor) -> Tensor:
        """Of a map: the cells that lie on the image, if only in part, cover it evenly; padding alone lies nowhere."""
        cells = (x.shape[-2], x.shape[-1])
        sides = zip(cells, self.size, self.padded, strict=True)
        rows, columns = (-(-count * side // padded) for count, side, padded in sides)
        places = torch.full(cells, NOWHERE)
        places[:rows, :columns] = grid_places(rows, columns, self.size)
        return places.expand(x.shape)


def _padded(places: Tensor, pad: Sequence[int], mode: str) -> Tensor:
    """Constant padding lies nowhere, any other where the numbers lie that it repeats."""
    if mode == "constant":
        return _by_parts(places, lambda part: F.pad(part, pad, value=torch.nan))
    return _by_parts(places, lambda part: F.pad(part, pad, mode=mode))


def _by_parts(places: Tensor, move: Callable[[Tensor], Tensor]) -> Tensor:
    """What moves real numbers, done to both coordinates."""
    y_x = torch.view_as_real(places.resolve_conj()).movedim(-1, 0)
    return torch.complex(*(move(part.contiguous()) for part in y_x))


def _kept(x: Tensor, sources: Sequence[tuple[Tensor, Tensor]]) -> Tensor | None:
    """Places of an answer whose tokens stay where they are: it has the shape of one of its sources but for channels."""
    for _, shadow in sources:
        if shadow.shape == x.shape:
            return shadow
    for _, shadow in sources:
        if x.ndim and shadow.ndim == x.ndim and shadow.shape[:-1] == x.shape[:-1]:
            return _of_token(shadow).expand(x.shape)
    for _, shadow in sources:
        own = x.shape[x.ndim - shadow.ndim :] if shadow.ndim <= x.ndim else ()
        if shadow.ndim <= x.ndim and all(a in (1, b) for a, b in zip(shadow.shape, own, strict=True)):
            return shadow.expand(x.shape)
    return None


def _of_token(shadow: Tensor) -> Tensor:
    """One place for all channels of each token, (..., 1): where patches are merged, the middle of those that are."""
    if shadow.shape[-1] == 1 or shadow.stride(-1) == 0:
        return shadow[..., :1]
    known = ~shadow.isnan()
    count = known.sum(-1, keepdim=True)
    middle = torch.where(known, shadow, 0).sum(-1, keepdim=True) / count.clamp_min(1)
    return torch.where(count > 0, middle, NOWHERE)


def _tensors(args: Iterable[Any], kwargs: Mapping[str, Any]) -> Iterator[Tensor]:
    for value in (*args, *kwargs.values()):
        yield from _parts(value)


def _parts(value: Any) -> Iterator[Tensor]:
    for part in value if isinstance(value, tuple | list) else (value,):
        if isinstance(part, Tensor):
            yield part


_COPIES = functions("contiguous clone detach to float half double bfloat16 type_as type requires_grad_")
_VIEWS = functions("view view_as reshape reshape_as flatten unflatten")
_PADS = {F.pad, torch._C._nn.pad}
_PATCHES = functions("unfold") - {Tensor.unfold}
_PATCH_WORDS = (("kernel_size", None), ("dilation", 1), ("padding", 0), ("stride", 1))
_MOVES = (
    functions(
        "permute transpose swapaxes swapdims movedim moveaxis squeeze unsqueeze expand expand_as repeat roll narrow "
        "split chunk unbind select index_select gather flip cat concat concatenate stack hstack vstack tile t "
        "repeat_interleave __getitem__"
    )
    | _COPIES
    | _VIEWS
    | _PADS
    | _PATCHES
    | {Tensor.unfold, Tensor.T.__get__, Tensor.mT.__get__}  # type: ignore[attr-defined]
)
_MAPS = functions(
    "conv2d conv_transpose2d max_pool2d avg_pool2d adaptive_avg_pool2d adaptive_max_pool2d interpolate upsample "
    "pixel_shuffle pixel_unshuffle lp_pool2d grid_sample"
)
