"""Query and key maps: one sign for every number about them, and a verdict that follows from the numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from rsp_lab.analysis.relation_weights.complementarity import channel_correlations, complementarity_score
from rsp_lab.analysis.relation_weights.key_query import KeyQuery, key_query, verdict


def maps(sign: float) -> tuple[Tensor, Tensor]:
    """Sixteen query channels, and keys that agree (1), complement (-1) or have nothing to do with them (0)."""
    noise = torch.Generator().manual_seed(1)
    query, own = (torch.randn(16, 12, 20, generator=noise, dtype=torch.float64) for _ in range(2))
    return query, sign * query + 0.3 * own


@pytest.mark.parametrize(("sign", "finding"), [(-1, "complement"), (1, "agree"), (0, "not told apart")])
def test_the_sign_and_the_control_decide_what_is_found(sign: float, finding: str) -> None:
    query, key = maps(sign)
    pair = key_query("step54", query, key)

    assert pair.finding == finding
    assert pair.score == pytest.approx(complementarity_score(channel_correlations(query, key)))
    shown = torch.corrcoef(torch.stack([query[pair.channel].flatten(), key[pair.channel].flatten()]))[0, 1]
    assert pair.complement == pytest.approx(-float(shown))
    assert pair.to_dict()["finding"] == finding


def test_the_channel_is_the_one_that_moves_the_score_most() -> None:
    query, key = maps(1)
    query[5] *= 4

    assert key_query("step54", query, key).channel == 5


def test_the_verdict_names_each_step_under_what_it_shows() -> None:
    found: list[KeyQuery] = [key_query(f"step{digits}", *maps(sign)) for digits, sign in ((76, -1), (65, 1), (54, 1))]
    found[2] = replace(found[2], step="step43", score=0.0)
    words = verdict("mine", found)

    assert "In mine, on this image, they complement each other at step 76 (+0.9" in words
    assert "they agree, the opposite of it, at step 65 (−0.9" in words
    assert "they cannot be told apart from shuffled channels at step 43 (0.00)" in words
