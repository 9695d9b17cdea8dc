"""Attention in a pass, seen as it is worked out: fused by one kernel, or step by step as libraries write it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakIdKeyDictionary

from rsp_lab.frozen.calls import argument, functions, module_paths, passed_on
from rsp_lab.frozen.rules import attention_scores, attention_weights
from rsp_lab.frozen.wrappers import uncompiled
from rsp_lab.relations.precision import ALL_BITS


@dataclass(frozen=True, eq=False)
class AttentionCall:
    """One attention of a pass, before its context is worked out.

    Attributes:
        layer: path of the module in which it runs; of several in one module ``#2``, ``#3`` follows.
        query, key, value: (..., query, channel), (..., key, channel), (..., key, channel).
        weights: gives them, (..., query, key), as they are before an edit.
        scores: gives what the softmax is of, (..., query, key).
        scale: of the products of query and key in the scores.
    """

    layer: str
    query: Tensor
    key: Tensor
    value: Tensor
    weights: Callable[[], Tensor]
    scores: Callable[[], Tensor]
    scale: float | Tensor


@dataclass(frozen=True, eq=False)
class SampledCall:
    """One attention over sampled points, before its context is worked out.

    Attributes:
        layer: as in :class:`AttentionCall`.
        grids: of each map (g, query, point, 2), x and y from -1 to 1 over the map.
        maps: (g, channel, y, x), what is sampled.
        weights: (g, 1, query, point), of the points of all maps one after the other.
    """

    layer: str
    grids: tuple[Tensor, ...]
    maps: tuple[Tensor, ...]
    weights: Tensor


@dataclass(frozen=True, eq=False)
class _Scores:
    """Products of queries and keys, on their way to a softmax."""

    query: Tensor
    key: Tensor
    scale: float | Tensor = 1.0


class AttentionWatch(TorchFunctionMode):
    """In force, every attention of a pass goes through :meth:`weights_for` and :meth:`seen`.

    Args:
        network: whose modules name the attentions.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self._counts: Counter[str] = Counter()
        self._scores: WeakIdKeyDictionary = WeakIdKeyDictionary()
        self._weights: WeakIdKeyDictionary = WeakIdKeyDictionary()
        self._normalised: WeakIdKeyDictionary = WeakIdKeyDictionary()
        self._samples: WeakIdKeyDictionary = WeakIdKeyDictionary()
        self._weighed: WeakIdKeyDictionary = WeakIdKeyDictionary()
        self._here: Callable[[], str] = lambda: ""

    def weights_for(self, call: AttentionCall) -> Tensor | None:
        """Weights to take instead of the call's own; None to leave them."""
        return None

    def seen(self, call: AttentionCall, context: Tensor) -> None:
        """Told what the call gave."""

    def sampled_weights_for(self, call: SampledCall) -> Tensor | None:
        """Weights to take instead of the call's own; None to leave them."""
        return None

    def seen_sampled(self, call: SampledCall, context: Tensor) -> None:
        """Told what the call gave."""

    @contextmanager
    def pass_of_network(self) -> Iterator[None]:
        """In force, the mode, full precision, and the names of the modules that run; one pass at a time."""
        self._counts.clear()
        # Compiled code calls no function that could be seen.
        with ALL_BITS, uncompiled(self.network), module_paths(self.network) as self._here, self:
            yield

    def __torch_function__(
        self, func: Callable[..., Any], kinds: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _FUSED:
            return self._fused(func, args, kwargs)
        if func in _PRODUCTS:
            return self._product(func, args, kwargs)
        x = argument(args, kwargs, 0, "input")
        if func in _SOFTMAX and isinstance(x, Tensor):
            return self._softmax(func, args, kwargs, x)
        if func in _SCALES and isinstance(x, Tensor) and x in self._samples:
            return self._weigh(func, args, kwargs, x)
        # Written in Python round what is looked for; other functions stay whole, for who else watches.
        opened = func is F.multi_head_attention_forward
        answer = passed_on(self, func, args, kwargs) if opened else func(*args, **kwargs)
        if func in _SUMS and isinstance(x, Tensor) and (sampled := self._weighed.get(x)) is not None:
            self.seen_sampled(sampled, answer)
        if isinstance(answer, Tensor):
            self._carry(func, args, kwargs, x, answer)
        return answer

    def _fused(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
        query, key, value = (argument(args, kwargs, n, name) for n, name in enumerate(("query", "key", "value")))
        scale = argument(args, kwargs, 6, "scale")
        call = AttentionCall(
            self._named(),
            query,
            key,
            value,
            lambda: attention_weights(query, key, value, args, kwargs),
            lambda: attention_scores(query, key, value, args, kwargs),
            1 / math.sqrt(query.shape[-1]) if scale is None else float(scale),
        )
        changed = self.weights_for(call)
        context: Tensor = func(*args, **kwargs) if changed is None else changed @ _shared(value, changed)
        self.seen(call, context)
        return context

    def _product(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        first = 1 if func in _ADDED_PRODUCTS else 0
        names = ("batch1", "batch2") if first else ("input", "other")
        left, right = (argument(args, kwargs, first + n, name) for n, name in enumerate(names))
        if isinstance(left, Tensor) and (call := self._weights.get(left)) is not None:
            scores = call.scores
            # As they reach the values: a library may work the softmax out in another precision.
            call = AttentionCall(
                self._named(), call.query, call.key, right, lambda: left, lambda: scores().to(left), call.scale
            )
            changed = self.weights_for(call)
            context: Tensor = func(*args, **kwargs) if changed is None else changed @ right
            self.seen(call, context)
            return context
        answer = func(*args, **kwargs)
        if isinstance(answer, Tensor) and isinstance(left, Tensor) and left.ndim > 2 and right.ndim > 2:
            self._scores[answer] = _Scores(left, right.transpose(-2, -1))
        return answer

    def _softmax(self, func: Callable[..., Any], args: Any, kwargs: Any, x: Tensor) -> Any:
        answer = func(*args, **kwargs)
        if argument(args, kwargs, 1, "dim") in (-1, x.ndim - 1):
            self._normalised[answer] = True
            found = self._scores.get(x)
            # Over the keys of each query: a softmax over all pairs at once makes no weights of a query.
            if found is not None and x.shape[-1] == found.key.shape[-2] and x.shape[-2:-1] == found.query.shape[-2:-1]:
                self._weights[answer] = AttentionCall(
                    "", found.query, found.key, found.query, lambda: answer, lambda: x, found.scale
                )
        return answer

    def _weigh(self, func: Callable[..., Any], args: Any, kwargs: Any, x: Tensor) -> Any:
        """A product of what was sampled with weights that a softmax gave."""
        weights, samples = argument(args, kwargs, 1, "other"), self._samples[x]
        if not (isinstance(weights, Tensor) and weights in self._normalised and weights.shape[-2:] == x.shape[-2:]):
            return func(*args, **kwargs)
        grids, maps = tuple(grid for grid, _ in samples), tuple(sampled for _, sampled in samples)
        call = SampledCall(self._named(), grids, maps, weights)
        changed = self.sampled_weights_for(call)
        answer = func(*args, **kwargs) if changed is None else x * changed.reshape(weights.shape)
        self._weighed[answer] = call
        return answer

    def _carry(self, func: Callable[..., Any], args: Any, kwargs: Any, x: Any, answer: Tensor) -> None:
        """Scores stay scores while they are scaled, shifted and reshaped; weights and samples while they are moved."""
        if func in _GRIDS:
            self._samples[answer] = [(argument(args, kwargs, 1, "grid"), x)]
        elif func in _JOINS and x and all(part in self._samples for part in x):
            self._samples[answer] = [one for part in x for one in self._samples[part]]
        if not isinstance(x, Tensor):
            return
        if func in _KEEPS or func in _MOVES:
            for known in (self._normalised, self._samples):
                if x in known:
                    known[answer] = known[x]
        found = self._scores.get(x)
        if found is not None and answer.numel() == x.numel() and func in _KEEPS | _SHIFTS | _SCALES:
            if func in _SCALES:
                by = argument(args, kwargs, 1, "other")
                found = _Scores(found.query, found.key, found.scale / by if func in _DIVIDES else found.scale * by)
            self._scores[answer] = found
        if func in _KEEPS and (call := self._weights.get(x)) is not None:
            self._weights[answer] = call

    def _named(self) -> str:
        path = self._here()
        self._counts[path] += 1
        return path if self._counts[path] == 1 else f"{path}#{self._counts[path]}"


def _shared(value: Tensor, weights: Tensor) -> Tensor:
    """Values for as many heads as there are weights: grouped queries share them."""
    heads = value.shape[-3] if value.ndim > 2 else 1
    return (
        value
        if weights.ndim < 3 or weights.shape[-3] == heads
        else value.repeat_interleave(weights.shape[-3] // heads, -3)
    )


_FUSED = functions("scaled_dot_product_attention") | {torch._C._nn.scaled_dot_product_attention}
_ADDED_PRODUCTS = functions("baddbmm")
_PRODUCTS = functions("matmul bmm __matmul__") | _ADDED_PRODUCTS
_SOFTMAX = functions("softmax")
_SUMS = functions("sum")
_GRIDS = functions("grid_sample")
_JOINS = functions("stack cat concat")
_DIVIDES = functions("div div_ divide true_divide __truediv__ __itruediv__")
_SCALES = functions("mul mul_ multiply __mul__ __rmul__ __imul__") | _DIVIDES
_SHIFTS = functions("add add_ sub sub_ __add__ __radd__ __iadd__ __sub__ __isub__ masked_fill masked_fill_")
_KEEPS = functions(
    "view reshape to float half bfloat16 double type_as contiguous clone dropout dropout_ flatten unflatten"
)
_MOVES = functions("transpose permute")


def ordered(layers: Sequence[str], network: nn.Module) -> list[str]:
    """Layers in the order of the network's modules."""
    order = {name: number for number, (name, _) in enumerate(network.named_modules())}
    return sorted(layers, key=lambda layer: (order.get(layer.partition("#")[0], len(order)), layer))
