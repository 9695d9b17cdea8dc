"""Key and query maps of a relation (Fig. 4): the channel that moves the scores most, and how the two relate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor

from rsp_lab.analysis.relation_weights.complementarity import (
    COMPLEMENTARITY_RULE,
    Null,
    channel_correlations,
    complementarity_score,
    null_of,
    shuffled_scores,
)
from rsp_lab.shapes import step_digits, steps_in_words
from rsp_lab.summary import Summarised
from rsp_lab.text import rounded, signed_fixed

KEY_QUERY_RULE = "the middle channel c with the largest standard deviation over the map of query_c * key_c"
SIGN = "positive: key and query complement each other, negative: they agree"
"""Of every number about them: minus a correlation."""
_DRAWS = 1000


@dataclass(frozen=True, eq=False)
class KeyQuery(Summarised):
    """Query and key maps of one step in one middle channel, and how all channels of the two relate on this image.

    Attributes:
        step: e.g. ``"step54"``.
        channel: middle channel shown, chosen by :data:`KEY_QUERY_RULE`.
        query, key: (y, x).
        correlation: Pearson correlation of the two maps; negative where they complement each other.
        median_correlation: median over all middle channels, the control beside the one channel shown.
        score: over all middle channels, by :data:`~rsp_lab.analysis.relation_weights.complementarity
            .COMPLEMENTARITY_RULE`; positive where they complement each other.
        null: scores with the key's channels shuffled.
    """

    step: str
    channel: int
    query: Tensor
    key: Tensor
    correlation: float
    median_correlation: float
    score: float
    null: Null

    @property
    def complement(self) -> float:
        """Of the channel shown: minus :attr:`correlation`."""
        return -self.correlation

    @property
    def finding(self) -> str:
        """What the score says beside shuffled channels: ``"complement"``, ``"agree"`` or ``"not told apart"``."""
        if self.score > self.null.high:
            return "complement"
        return "agree" if self.score < self.null.low else "not told apart"

    def to_dict(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "channel": self.channel,
            "rule": KEY_QUERY_RULE,
            "correlation": rounded(self.correlation, 4),
            "median_correlation": rounded(self.median_correlation, 4),
            "score": rounded(self.score, 4),
            "score_rule": COMPLEMENTARITY_RULE,
            "sign": SIGN,
            "null": self.null.to_dict(),
            "finding": self.finding,
        }


def key_query(step: str, query: Float[Tensor, "m y x"], key: Float[Tensor, "m y x"]) -> KeyQuery:
    """The middle channel that moves the content score most, of the query and key maps of one image."""
    channel = int((query * key).flatten(1).std(1, correction=0).argmax())
    matrix = channel_correlations(query, key)
    own = matrix.diagonal()
    score = complementarity_score(matrix)
    null = null_of("shuffled channels", score, shuffled_scores(matrix, _DRAWS, seed=0))
    return KeyQuery(step, channel, query[channel], key[channel], float(own[channel]), float(own.median()), score, null)


def verdict(name: str, pairs: Sequence[KeyQuery]) -> str:
    """Whether one model's keys and queries do on this image what the paper shows of them, in a sentence."""
    found: dict[str, list[str]] = {"complement": [], "agree": [], "not told apart": []}
    for pair in pairs:
        found[pair.finding].append(f"{step_digits(pair.step)} ({signed_fixed(pair.score)})")
    words = {
        "complement": "complement each other at",
        "agree": "agree, the opposite of it, at",
        "not told apart": "cannot be told apart from shuffled channels at",
    }
    parts = [f"{words[kind]} {steps_in_words(steps)}" for kind, steps in found.items() if steps]
    return f"The paper: key and query complement each other. In {name}, on this image, they {'; they '.join(parts)}."
