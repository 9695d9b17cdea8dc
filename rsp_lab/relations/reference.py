"""The relation operation written the obvious way: unfold, multiply, sum.

It is the oracle of the tests and the yardstick of the benches. It shares no code with the other two paths: the
position map goes through f_p literally, and windows come from ``torch.nn.functional.unfold``.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from rsp_lab.relations.relate import Normalisation
from rsp_lab.relations.window import position_map
from rsp_lab.shapes import Window


def relate_reference(
    query: Float[Tensor, "b m y x"],
    key: Float[Tensor, "b m y x"],
    value: Float[Tensor, "b c y x"],
    f_p: Float[Tensor, "m channels"],
    window: Window,
    normalisation: Normalisation = "softmax",
) -> Float[Tensor, "b c y x"]:
    """Eq. 1-3 by unfolding key and value: k * k copies of both maps are held in memory.

    Args:
        query: f_q(x).
        key: f_k(z).
        value: f_v(z).
        f_p: weight of the linear transformation of the position map.
        window: region around each cell; positions off the map take no part.
        normalisation: see :data:`rsp_lab.relations.relate.Normalisation`.
    """
    batch, middle, height, width = query.shape
    k, dilation, padding = window.kernel_size, window.dilation, window.radius

    def unfold(x: Tensor) -> Tensor:
        columns = F.unfold(x, k, dilation=dilation, padding=padding)
        return columns.view(x.shape[0], x.shape[1], k * k, height, width)

    positions = position_map(f_p.shape[1], window, dtype=f_p.dtype, device=f_p.device).flatten(1)
    embedded = (f_p @ positions).view(1, middle, k * k, 1, 1)
    scores = (query[:, :, None] * (unfold(key) + embedded)).sum(1)
    inside = unfold(torch.ones_like(query[:1, :1]))[:, 0] > 0
    if normalisation == "softmax":
        weights = scores.masked_fill(~inside, -math.inf).softmax(1)
    else:
        weights = scores.masked_fill(~inside, 0) / (k * k)
    return (weights[:, None] * unfold(value)).sum(2).view(batch, -1, height, width)
