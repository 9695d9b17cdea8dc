"""What is held of each operation when a network is run again with its gates held, and what then stays live.

A rule sees an operation twice. When the network is recorded it keeps what decides: which side of a kink a value lies
on, how large a normaliser is, where a maximum sits, how an attention looks. When the network is replayed it puts the
same back, and what the operation does with its input is linear, or its output is a constant.

What has no rule runs as it is: convolutions, linear maps, batch norm in evaluation mode, bilinear resizing,
concatenation, sums, average pooling. So does a product of two live branches, which is not affine: the residual finds
it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from rsp_lab.frozen.calls import argument

Kept = tuple[Tensor, ...]


class FrozenError(RuntimeError):
    """A network that cannot be held: the message says what, where, and the remedy."""


class Rule(ABC):
    """What is kept of one operation, and how it runs on what is kept.

    Attributes:
        kind: in words, as in ``"max pooling"``.
    """

    kind: str

    @abstractmethod
    def keep(self, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, Kept]:
        """The operation's own answer, and what decides in it."""

    @abstractmethod
    def play(self, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], kept: Kept) -> Any:
        """The answer with what decides held."""


def _input(args: Sequence[Any], kwargs: dict[str, Any]) -> Tensor:
    found: Tensor = args[0] if args else kwargs["input"]
    return found


def _writes(func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], place: int | None) -> bool:
    """Whether an operation writes into its input."""
    name = getattr(func, "__name__", "")
    if name.endswith("_") and not name.endswith("__"):
        return True
    return bool(kwargs.get("inplace", place is not None and len(args) > place and args[place]))


@dataclass(frozen=True)
class Ratio(Rule):
    """An activation with f(0) = 0: the output over the input is held, so that it stays linear in its input.

    Attributes:
        inplace: place of the argument that says whether it writes into its input.
        binary: the ratio is 0 or 1, and one byte keeps it.
    """

    kind: str
    inplace: int | None = None
    binary: bool = False

    def keep(self, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, Kept]:
        x = _input(args, kwargs)
        before = x.detach().clone() if _writes(func, args, kwargs, self.inplace) else x.detach()
        answer = func(*args, **kwargs)
        after = answer.detach()
        if self.binary:
            return answer, (after != 0,)
        return answer, (torch.where(before == 0, 0.0, after / before),)

    def play(self, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], kept: Kept) -> Any:
        x, (gate,) = _input(args, kwargs), kept
        gate = gate.to(x.dtype)
        return x.mul_(gate) if _writes(func, args, kwargs, self.inplace) else x * gate


@dataclass(frozen=True)
class Held(Rule):
    """The whole answer is held: a constant, such as a sigmoid that gates or the spread that a norm divides by."""

    kind: str
    inplace: int | None = None

    def keep(self, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, Kept]:
        answer = func(*args, **kwargs)
        parts = tuple(answer) if isinstance(answer, tuple | list) else (answer,)
        return answer, tuple(part.detach().clone() for part in parts)

    def play(self, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], kept: Kept) -> Any:
        if _writes(func, args, kwargs, self.inplace):
            return _input(args, kwargs).copy_(kept[0])
        # A copy each time: what runs next may write into it.
        parts = [part.clone() for part in kept]
        return parts[0] if len(parts) == 1 else tuple(parts)


@dataclass(frozen=True)
class HeldList(Held):
    """The same of an operation whose answer is a named tuple, as of ``var_mean`` or ``topk``."""

    def play(self, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], kept: Kept) -> Any:
        return tuple(part.clone() for part in kept)


class Clamp(Rule):
    """Which values lie within the bounds is held, and so are the bounds of the others."""

    kind = "clamp"

    def keep(self, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, Kept]:
        before = _input(args, kwargs).detach().clone()
        answer = func(*args, **kwargs)
        return answer, (answer.detach() == before, answer.detach().clone())

    def play(self, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], kept: Kept) -> Any:
        x, (inside, bounds) = _input(args, kwargs), kept
        answer = torch.where(inside, x, bounds)
        return x.copy_(answer) if _writes(func, args, kwargs, None) else answer


class LayerNorm(Rule):
    """The mean stays live, one over the spread is held."""

    kind = "layer norm"

    def _dims(self, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[int, ...]:
        shape = argument(args, kwargs, 1, "normalized_shape")
        return tuple(range(-len(shape), 0))

    def keep(self, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, Kept]:
        x, eps = _input(args, kwargs).detach(), argument(args, kwargs, 4, "eps", 1e-5)
        spread = torch.rsqrt(x.var(self._dims(args, kwargs), unbiased=False, keepdim=True) + eps)
        return func(*args, **kwargs), (spread,)

    def play(self, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], kept: Kept) -> Any:
        x = _input(args, kwargs)
        weight, bias = argument(args, kwargs, 2, "weight"), argument(args, kwargs, 3, "bias")
        answer = (x - x.mean(self._dims(args, kwargs), keepdim=True)) * kept[0]
        answer = answer if weight is None else answer * weight
        return answer if bias is None else answer + bias


class GroupNorm(Rule):
    """The mean stays live, one over the spread is held."""

    kind = "group norm"

    def _grouped(self, args: Sequence[Any], kwargs: dict[str, Any]) -> Tensor:
        x = _input(args, kwargs)
        return x.reshape(x.shape[0], int(argument(args, kwargs, 1, "num_groups")), -1)

    def keep(self, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, Kept]:
        eps = argument(args, kwargs, 4, "eps", 1e-5)
        grouped = self._grouped(args, kwargs).detach()
        return func(*args, **kwargs), (torch.rsqrt(grouped.var(-1, unbiased=False, keepdim=True) + eps),)

    def play(self, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], kept: Kept) -> Any:
        x, grouped = _input(args, kwargs), self._grouped(args, kwargs)
        weight, bias = argument(args, kwargs, 2, "weight"), argument(args, kwargs, 3, "bias")
        answer = ((grouped - grouped.mean(-1, keepdim=True)) * kept[0]).reshape(x.shape)
        along = (1, -1, *(1,) * (x.ndim - 2))
        answer = answer if weight is None else answer * weight.reshape(along)
        return answer if bias is None else answer + bias.reshape(along)


def _of_input(args: Sequence[Any], kwargs: dict[str, Any]) -> bool:
    """Whether an instance norm takes its statistics from its input, and not those that it has kept."""
    return bool(argument(args, kwargs, 5, "use_input_stats", True))


class InstanceNorm(Rule):
    """The mean stays live, one over the spread is held."""

    kind = "instance norm"

    def keep(self, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, Kept]:
        if not _of_input(args, kwargs):  # by running statistics it is affine as it is
            return func(*args, **kwargs), ()
        x, eps = _input(args, kwargs).detach(), argument(args, kwargs, 7, "eps", 1e-5)
        dims = tuple(range(2, x.ndim))
        return func(*args, **kwargs), (torch.rsqrt(x.var(dims, unbiased=False, keepdim=True) + eps),)

    def play(self, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], kept: Kept) -> Any:
        if not _of_input(args, kwargs):
            return func(*args, **kwargs)
        x = _input(args, kwargs)
        weight, bias = argument(args, kwargs, 3, "weight"), argument(args, kwargs, 4, "bias")
        along = (1, -1, *(1,) * (x.ndim - 2))
        answer = (x - x.mean(tuple(range(2, x.ndim)), keepdim=True)) * kept[0]
        answer = answer if weight is None else answer * weight.reshape(along)
        return answer if bias is None else answer + bias.reshape(along)


class RmsNorm(Rule):
    """One over the root mean square is held."""

    kind = "RMS norm"

    def keep(self, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, Kept]:
        x, shape = _input(args, kwargs).detach(), argument(args, kwargs, 1, "normalized_shape")
        eps = argument(args, kwargs, 3, "eps")
        eps = torch.finfo(x.dtype).eps if eps is None else eps
        return func(*args, **kwargs), (torch.rsqrt(x.square().mean(tuple(range(-len(shape), 0)), True) + eps),)

    def play(self, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], kept: Kept) -> Any:
        answer, weight = _input(args, kwargs) * kept[0], argument(args, kwargs, 2, "weight")
        return answer if weight is None else answer * weight


class MaxPool(Rule):
    """Where the maximum of each window sits is held."""

    kind = "max pooling"

    def __init__(self, indexed: Callable[..., Any], flag: int, axes: int) -> None:
        self._indexed, self._flag, self._axes = indexed, flag, axes

    def _with_indices(self, args: Sequence[Any], kwargs: dict[str, Any]) -> bool:
        return bool(argument(args, kwargs, self._flag, "return_indices", False))

    def keep(self, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, Kept]:
        plain = {name: value for name, value in kwargs.items() if name != "return_indices"}
        answer, indices = self._indexed(*args[: self._flag], **plain)
        return ((answer, indices) if self._with_indices(args, kwargs) else answer), (indices,)

    def play(self, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], kept: Kept) -> Any:
        x, (indices,) = _input(args, kwargs), kept
        answer = x.flatten(-self._axes).gather(-1, indices.flatten(-self._axes)).reshape(indices.shape)
        return (answer, indices) if self._with_indices(args, kwargs) else answer


class MaxAlong(Rule):
    """``max`` and ``min`` along an axis, ``amax`` and ``amin``: where they sit is held."""

    kind = "maximum along an axis"

    def keep(self, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, Kept]:
        answer = func(*args, **kwargs)
        if isinstance(answer, Tensor):  # over all, or of two tensors
            other = argument(args, kwargs, 1, "other")
            if isinstance(other, Tensor):
                return answer, ((_input(args, kwargs) == answer).detach(),)
            x = _input(args, kwargs).detach()
            return answer, ((x == answer.detach()).flatten().to(torch.uint8).argmax(),)
        return answer, (answer[1].detach(),)

    def play(self, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], kept: Kept) -> Any:
        x, (where,) = _input(args, kwargs), kept
        other = argument(args, kwargs, 1, "other")
        if isinstance(other, Tensor):
            return torch.where(where, x, other)
        axis = argument(args, kwargs, 1, "dim")
        if axis is None:
            return x.flatten()[where]
        keepdim = bool(argument(args, kwargs, 2, "keepdim", False))
        indices = where if keepdim else where.unsqueeze(axis)
        values = x.gather(axis, indices)
        return _named(func, values if keepdim else values.squeeze(axis), where)


class Extremum(Rule):
    """``amax`` and ``amin``: the share of each place that ties for the extremum is held."""

    kind = "maximum over axes"

    def _dims(self, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[int, ...]:
        dims = argument(args, kwargs, 1, "dim", ())
        dims = (dims,) if isinstance(dims, int) else tuple(dims)
        return dims or tuple(range(_input(args, kwargs).ndim))

    def keep(self, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, Kept]:
        x, dims = _input(args, kwargs).detach(), self._dims(args, kwargs)
        top = func(x, dims, True)
        where = (x == top).to(x.dtype)
        return func(*args, **kwargs), (where / where.sum(dims, keepdim=True),)

    def play(self, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], kept: Kept) -> Any:
        keepdim = bool(argument(args, kwargs, 2, "keepdim", False))
        return (_input(args, kwargs) * kept[0]).sum(self._dims(args, kwargs), keepdim=keepdim)


class Chosen(Rule):
    """``topk``, ``sort``: which values are taken, and in what order, is held."""

    kind = "choice of values"

    def __init__(self, axis: int) -> None:
        self._axis = axis

    def keep(self, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, Kept]:
        answer = func(*args, **kwargs)
        return answer, (answer[1].detach(),)

    def play(self, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], kept: Kept) -> Any:
        axis = argument(args, kwargs, self._axis, "dim", -1)
        return _named(func, _input(args, kwargs).gather(axis, kept[0]), kept[0])


class Attention(Rule):
    """``scaled_dot_product_attention``: its weights are held, the values stay live."""

    kind = "attention weights"

    def keep(self, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, Kept]:
        query, key, value = (argument(args, kwargs, n, name) for n, name in enumerate(("query", "key", "value")))
        return func(*args, **kwargs), (attention_weights(query.detach(), key.detach(), value, args, kwargs),)

    def play(self, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], kept: Kept) -> Any:
        value = argument(args, kwargs, 2, "value")
        weights = kept[0]
        if weights.shape[-3] != value.shape[-3]:  # grouped queries share their values
            value = value.repeat_interleave(weights.shape[-3] // value.shape[-3], -3)
        return weights @ value


def attention_weights(
    query: Tensor, key: Tensor, value: Tensor, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
) -> Tensor:
    """The weights of ``scaled_dot_product_attention`` on the same arguments, (..., query, key).

    Raises:
        FrozenError: with dropout.
    """
    return attention_scores(query, key, value, args, kwargs).softmax(-1)


def attention_scores(
    query: Tensor, key: Tensor, value: Tensor, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
) -> Tensor:
    """What these weights are the softmax of.

    Raises:
        FrozenError: with dropout.
    """
    kwargs = kwargs or {}
    mask, dropout = argument(args, kwargs, 3, "attn_mask"), argument(args, kwargs, 4, "dropout_p", 0.0)
    causal, scale = argument(args, kwargs, 5, "is_causal", False), argument(args, kwargs, 6, "scale")
    if dropout:
        raise FrozenError("attention with dropout differs from run to run: put the network into evaluation mode.")
    if query.shape[-3:-2] != key.shape[-3:-2]:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], -3)
    scores = query @ key.transpose(-2, -1) * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    if causal:
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else scores + mask.detach()
    return scores


class GridSample(Rule):
    """Where samples are taken is held."""

    kind = "sampling grid"

    def keep(self, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, Kept]:
        return func(*args, **kwargs), (argument(args, kwargs, 1, "grid").detach().clone(),)

    def play(self, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], kept: Kept) -> Any:
        rest = {name: value for name, value in kwargs.items() if name not in ("input", "grid")}
        return func(_input(args, kwargs), kept[0], *args[2:], **rest)


def _named(func: Callable[..., Any], values: Tensor, indices: Tensor) -> Any:
    """A pair as torch answers it, whose parts have names."""
    named = getattr(torch.return_types, getattr(func, "__name__", ""), None)
    return (values, indices) if named is None else named((values, indices))


def _methods(names: Sequence[str], rule: Rule) -> dict[Any, Rule]:
    """The rule for functions of torch and methods of tensors, written into or not."""
    found: dict[Any, Rule] = {}
    for name in names:
        for holder in (torch, Tensor, F, torch.special, torch.linalg):
            for spelt in (name, f"{name}_"):
                if callable(func := getattr(holder, spelt, None)):
                    found[func] = rule
    return found


RULES: dict[Any, Rule] = {
    **_methods(["relu"], Ratio("ReLU", inplace=1, binary=True)),
    **_methods(["relu6"], Ratio("ReLU6", inplace=1)),
    **_methods(["hardtanh"], Ratio("hard tanh", inplace=3)),
    **_methods(["leaky_relu", "rrelu"], Ratio("leaky ReLU", inplace=2)),
    **_methods(["prelu"], Ratio("PReLU")),
    **_methods(["gelu"], Ratio("GELU")),
    **_methods(["silu", "hardswish", "mish"], Ratio("gated activation", inplace=1)),
    **_methods(["elu", "celu"], Ratio("ELU", inplace=2)),
    **_methods(["selu"], Ratio("ELU", inplace=1)),
    **_methods(["softsign", "tanhshrink", "abs"], Ratio("activation")),
    **_methods(["sigmoid", "expit"], Held("sigmoid")),
    **_methods(["hardsigmoid"], Held("sigmoid", inplace=1)),
    **_methods(["tanh"], Held("tanh")),
    **_methods(["logsigmoid", "softplus"], Held("activation of another form")),
    **_methods(["softmax", "softmin", "_softmax"], Held("softmax")),
    **_methods(["log_softmax"], Held("log-softmax")),
    **_methods(
        ["sqrt", "rsqrt", "exp", "log", "log1p", "reciprocal", "pow", "square", "norm", "vector_norm", "var", "std"],
        Held("normaliser"),
    ),
    **_methods(["var_mean", "std_mean"], HeldList("normaliser")),
    **{getattr(Tensor, name): Held("normaliser") for name in ("__pow__", "__rpow__", "__rtruediv__", "__rdiv__")},
    **_methods(["gt", "ge", "lt", "le", "eq", "ne", "isnan", "argmax", "argmin", "argsort"], Held("comparison")),
    **_methods(["round", "floor", "ceil", "sign"], Held("rounding")),
    **_methods(["clamp", "clamp_min", "clamp_max", "clip"], Clamp()),
    **_methods(["layer_norm"], LayerNorm()),
    **_methods(["group_norm"], GroupNorm()),
    **_methods(["instance_norm"], InstanceNorm()),
    **_methods(["rms_norm"], RmsNorm()),
    **_methods(["scaled_dot_product_attention"], Attention()),
    torch._C._nn.scaled_dot_product_attention: Attention(),
    **_methods(["grid_sample"], GridSample()),
    **_methods(["max", "min"], MaxAlong()),
    **_methods(["amax", "amin"], Extremum()),
    **_methods(["topk"], Chosen(2)),
    **_methods(["sort"], Chosen(1)),
    **_methods(["maximum", "minimum"], MaxAlong()),
    **_methods(["max_pool1d"], MaxPool(torch.max_pool1d_with_indices, 6, 1)),
    **_methods(["max_pool2d"], MaxPool(F.max_pool2d_with_indices, 6, 2)),
    **_methods(["max_pool3d"], MaxPool(F.max_pool3d_with_indices, 6, 3)),
    **_methods(["adaptive_max_pool2d"], MaxPool(F.adaptive_max_pool2d_with_indices, 2, 2)),
    **_methods(["adaptive_max_pool1d"], MaxPool(torch.adaptive_max_pool1d, 2, 1)),
}
"""By the function that is called; what has no rule runs as it is."""
for _spelt in ("__gt__", "__ge__", "__lt__", "__le__", "__eq__", "__ne__"):
    RULES[getattr(Tensor, _spelt)] = Held("comparison")
