"""Key and query maps of a relation (Fig. 4): the channel that moves the scores most, and how the two relate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from rsp_lab.summary import Summarised
from rsp_lab.text import rounded

KEY_QUERY_RULE = "the middle channel c with the largest standard deviation over the map of query_c * key_c"


@dataclass(frozen=True, eq=False)
class KeyQuery(Summarised):
    """Query and key maps of one step in one middle channel.

    Attributes:
        step: e.g. ``"step54"``.
        channel: middle channel shown, chosen by :data:`KEY_QUERY_RULE`.
        query, key: (y, x).
        correlation: Pearson correlation of the two maps; negative where they complement each other.
        median_correlation: median over all middle channels, the control beside the one channel shown.
    """

    step: str
    channel: int
    query: Tensor
    key: Tensor
    correlation: float
    median_correlation: float

    def to_dict(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "channel": self.channel,
            "rule": KEY_QUERY_RULE,
            "correlation": rounded(self.correlation, 4),
            "median_correlation": rounded(self.median_correlation, 4),
        }


def key_query(step: str, query: Float[Tensor, "m y x"], key: Float[Tensor, "m y x"]) -> KeyQuery:
    """The middle channel that moves the content score most, of the query and key maps of one image."""
    channel = int((query * key).flatten(1).std(1, correction=0).argmax())
    correlations = _correlation(query.flatten(1), key.flatten(1))
    return KeyQuery(
        step, channel, query[channel], key[channel], float(correlations[channel]), float(correlations.median())
    )


def _correlation(a: Tensor, b: Tensor) -> Tensor:
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    scale = (a.norm(dim=1) * b.norm(dim=1)).clamp_min(torch.finfo(a.dtype).tiny)
    return (a * b).sum(1) / scale
