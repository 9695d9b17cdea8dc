"""What the fast paths' hand-written backward passes share: full precision, and no silently wrong second derivative."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor

from rsp_lab.relations.precision import without_autocast


class _Once(torch.autograd.Function):
    """A gradient that depends on ``sources`` and refuses to be differentiated with respect to them."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, *sources: Tensor) -> Tensor:
        return gradient.view_as(gradient)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        raise RuntimeError(
            "relate can be differentiated once. Where second derivatives are needed, take the explicit path: "
            "relation_scores, normalise, propagate."
        )


def first_order(backward: Callable[[Any, Tensor], tuple[Any, ...]]) -> Callable[[Any, Tensor], tuple[Any, ...]]:
    """A backward pass whose gradients have no gradient, in full precision even inside an autocast region.

    torch's ``once_differentiable`` looks at the incoming gradient alone: where that is a constant, as it is for a
    single logit, second derivatives would come out silently wrong.
    """

    @wraps(backward)
    def guarded(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        with torch.no_grad(), without_autocast(grad.device):
            grads = backward(ctx, grad)
        if not torch.is_grad_enabled():
            return grads
        return tuple(x if x is None else _Once.apply(x, grad, *ctx.saved_tensors) for x in grads)

    return guarded
