"""The cross-scale pixel-to-region relation (Eq. 1-3) as free functions.

Two ways to the same context: the explicit path (:func:`relation_scores`, :func:`normalise`, :func:`propagate`), whose
scores and weights can be looked at and edited, and :func:`relate`, which never materialises them. Network, analysis,
app and notebooks call these functions; modules only hold weights.

Suffixes name axes: b batch, m middle (query/key) channels, c value channels, wy wx window row and column, y x cell.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from rsp_lab.relations.fast import gathered_relation
from rsp_lab.relations.flexible import flexible_relation, takes_flexible
from rsp_lab.relations.gather import window_dots, window_sum
from rsp_lab.relations.precision import without_autocast
from rsp_lab.relations.window import position_embedding, window_mask
from rsp_lab.shapes import Window

Normalisation = Literal["softmax", "none"]
"""How scores become weights. ``softmax``: weights of the positions on the map sum to 1. ``none``: the literal Eq. 2,
weights are scores divided by k * k. The paper leaves this open; the default everywhere is ``softmax``."""


def _cells_last(x: Tensor) -> Tensor:
    """(b, c, y, x) to contiguous (b, y, x, c), at least in float32: half precision is computed in float32."""
    return x.permute(0, 2, 3, 1).to(torch.promote_types(x.dtype, torch.float32)).contiguous()


def relation_scores(
    query: Float[Tensor, "b m y x"],
    key: Float[Tensor, "b m y x"],
    plane: Float[Tensor, "2 m"],
    window: Window,
) -> Float[Tensor, "b wy wx y x"]:
    """Composability of each cell with each position of its window: ``q_i . (k_j + f_p(p_j))`` (Eq. 2 and 3).

    Args:
        query: f_q(x).
        key: f_k(z), z upsampled to the size of x.
        plane: f_p as its two vectors, see :func:`rsp_lab.relations.window.position_plane`.
        window: region around each cell.

    Returns:
        Scores before normalisation; exactly 0 where the position lies off the map.
    """
    height, width = query.shape[-2:]
    k = window.kernel_size
    content = window_dots(_cells_last(query), _cells_last(key), window).unflatten(-1, (k, k)).permute(0, 3, 4, 1, 2)
    position = torch.einsum("bmyx,mvw->bvwyx", query, position_embedding(plane.to(query.dtype), window))
    return (content.to(query.dtype) + position) * window_mask(height, width, window, query.device)


def gaze(query: Float[Tensor, "b m y x"], plane: Float[Tensor, "2 m"]) -> Float[Tensor, "b 2 y x"]:
    """Where each cell prefers to look: (q_i . a, q_i . b), the slope of the plane the position term adds to its scores.

    In score units per half window, along rows and along columns. Exact: the position part of a score is
    ``r_j * gaze[0] + c_j * gaze[1]``.
    """
    return torch.einsum("bmyx,pm->bpyx", query, plane.to(query.dtype))


def normalise(
    scores: Float[Tensor, "b wy wx y x"], window: Window, normalisation: Normalisation = "softmax"
) -> Float[Tensor, "b wy wx y x"]:
    """Scores to relation weights; positions off the map get weight 0.

    Raises:
        ValueError: for an unknown normalisation.
    """
    check_normalisation(normalisation)
    height, width = scores.shape[-2:]
    inside = window_mask(height, width, window, scores.device)
    if normalisation == "none":
        return scores * inside / window.positions
    masked = scores.masked_fill(~inside, float("-inf"))
    return masked.flatten(1, 2).softmax(1).view_as(scores)


def propagate(
    weights: Float[Tensor, "b wy wx y x"], value: Float[Tensor, "b c y x"], window: Window
) -> Float[Tensor, "b c y x"]:
    """The context ``sum_j w_ij v_j`` that the weights draw from the value map; all channels share the weights."""
    by_cell = _cells_last(weights.flatten(1, 2))
    context = window_sum(by_cell, _cells_last(value), window)
    return context.permute(0, 3, 1, 2).to(value.dtype)


def propagate_back(
    weights: Float[Tensor, "b wy wx y x"], derivative: Float[Tensor, "b y x"], window: Window
) -> Float[Tensor, "b y x"]:
    """What :func:`propagate` makes of a derivative on its way back, for one channel: ``sum_i w_ij d_i``.

    It is the derivative with respect to each position j of the value map, from that with respect to the context of each
    cell i. Differentiable.
    """
    drawn = (weights * derivative[:, None, None]).flatten(3).flatten(1, 2)
    options = {"dilation": window.dilation, "padding": window.radius}
    return F.fold(drawn, derivative.shape[1:], window.kernel_size, **options)[:, 0]


def relate(
    query: Float[Tensor, "b m y x"],
    key: Float[Tensor, "b m y x"],
    value: Float[Tensor, "b c y x"],
    plane: Float[Tensor, "2 m"],
    window: Window,
    normalisation: Normalisation = "softmax",
) -> Float[Tensor, "b c y x"]:
    """Context of every cell (Eq. 1) without materialising scores or weights; memory grows with the map, not with k.

    Equal to ``propagate(normalise(relation_scores(...)), value)`` up to rounding, forward and gradient; how much faster
    than unfolding is for ``rsp-lab bench relation`` to say. The work is done in blocks whose windows are gathered
    (:mod:`rsp_lab.relations.fast`), on an accelerator with Triton by PyTorch's flexible attention
    (:mod:`rsp_lab.relations.flexible`). Half precision is computed in float32. Differentiable once.

    Raises:
        ValueError: for maps of different size or an unknown normalisation.
    """
    check_normalisation(normalisation)
    if query.shape != key.shape or (len(key), *key.shape[-2:]) != (len(value), *value.shape[-2:]):
        raise ValueError(
            f"query {tuple(query.shape)}, key {tuple(key.shape)} and value {tuple(value.shape)} must lie on one grid: "
            "upsample the high-level map to the size of the low-level map first."
        )
    with without_autocast(query.device):
        by_cell = _cells_last(query)
        # (2, b, y, x): the product of a thin matrix from the left is the faster one, and each slope is contiguous.
        slope = (plane.to(by_cell.dtype) @ by_cell.flatten(0, 2).mT).view(2, *by_cell.shape[:3])
        softmax = normalisation == "softmax"
        maps = by_cell, _cells_last(key), _cells_last(value)
        if takes_flexible(maps[0], maps[2], softmax=softmax):
            context = flexible_relation(*maps, slope, window)
        else:
            context = gathered_relation(*maps, slope, window, softmax=softmax)
    return context.permute(0, 3, 1, 2).to(value.dtype)


def check_normalisation(normalisation: str) -> None:
    """Raises ValueError unless ``normalisation`` is one of :data:`Normalisation`."""
    if normalisation not in get_args(Normalisation):
        raise ValueError(f"normalisation must be one of {get_args(Normalisation)}, got {normalisation!r}.")
