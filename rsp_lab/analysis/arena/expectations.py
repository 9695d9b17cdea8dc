"""What was expected of each method before the arena was run, with reasons, and how what came is judged.

An expectation is held if the 95 % interval lies wholly where it says, failed if it lies wholly elsewhere, and undecided
if it does both or there are fewer than two pairs. Each is judged alone: of many true ones, a few fail by chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from rsp_lab.analysis.arena.methods import METHODS
from rsp_lab.analysis.arena.result import MEASURES, ArenaResult
from rsp_lab.intervals import Claim, Estimate
from rsp_lab.summary import Summarised

Heads = Literal["all", "relations", "sums"]


@dataclass(frozen=True)
class Expectation(Summarised):
    """One claim.

    Attributes:
        method, measure: whose number.
        claim: where it is expected.
        against: another method, whose number on the same pairs is subtracted, or a number.
        reason: why.
        within: of ``"near"``: how far from ``against`` still counts.
        heads: models it speaks of: all, or ours with relations, or ours that only sum.
    """

    method: str
    measure: str
    claim: Claim
    against: str | float
    reason: str
    within: float = 0.0
    heads: Heads = "all"

    def sentence(self) -> str:
        """E.g. ``"context ledger above random (cells, live head)"``."""
        other = METHODS[self.against].title if isinstance(self.against, str) else f"{self.against:g}"
        where = f"within {self.within:g} of" if self.claim == "near" else self.claim
        whose = " of models without relations" if self.heads == "sums" else ""
        return f"{METHODS[self.method].title} {where} {other} ({MEASURES[self.measure].title}){whose}"

    def to_dict(self) -> dict[str, Any]:
        return {"sentence": self.sentence(), "reason": self.reason, "heads": self.heads}


@dataclass(frozen=True)
class Verdict(Summarised):
    """What came.

    Attributes:
        expectation: the claim.
        model: in which.
        difference: the difference from what it is compared with.
        outcome: ``"held"``, ``"failed"`` or ``"undecided"``.
    """

    expectation: Expectation
    model: str
    difference: Estimate
    outcome: str

    def to_dict(self) -> dict[str, Any]:
        return {
            **self.expectation.to_dict(),
            "model": self.model,
            "difference": self.difference.to_dict(),
            "outcome": self.outcome,
        }


_EXACT = (
    "by construction: with the weights held, removing a cell takes exactly its contribution, so no order falls faster"
)
_BLIND = "weights say where a cell looks, not for which class, nor with which sign"
_LIVE = "the largest part of what the head does goes through values, and that part the ledger has exactly"
_SAME_ACT = "it makes the very replacements by which the curve judges"
_HEAD_ONLY = "the ledger ends at the Q maps: what the backbone brought there from elsewhere it books where it arrived"
_CUE = "the cue decides where the model uses it, and a map of what decides must find it"
_GEOMETRY = "the window's place is fixed by the architecture, and the weights vary little within it"
_NO_SIGN = "its map has no class, so it cannot turn when the class does"
_TURNS = "its map is of the margin, which the cue moves"
_NOTHING = "nothing of image or model is in it"
_SAME_LEDGER = "by construction: without weights, what the ledger gains between readings is the change ledger's content"
_HELD = "both are of the head, but a derivative through the weights books looking as content"
_SPREAD = "the way through the encoder is integrated in steps, and goes by the reference"
_LEVEL = "by the level that the cue came by it is felt, in the decision as in its change"

EXPECTATIONS: tuple[Expectation, ...] = (
    *(
        Expectation("ledger", "frozen_score", "above", other, _EXACT, heads="relations")
        for other in ("raw_weights", "weights_x_value", "rollout", "gradient_x_q", "random")
    ),
    Expectation(
        "gradient_x_q",
        "frozen_score",
        "near",
        "ledger",
        "without weights to differentiate, gradient x Q is the ledger",
        within=1e-3,
        heads="sums",
    ),
    Expectation("ledger", "live_score", "above", "random", _LIVE),
    Expectation("ledger", "live_score", "above", "raw_weights", _BLIND),
    Expectation("ledger", "live_score", "above", "rollout", _BLIND),
    Expectation("ledger", "live_score", "above", "occlusion", "a window of pixels cannot tell levels apart"),
    Expectation(
        "weights_x_value",
        "live_score",
        "above",
        "raw_weights",
        "a large weight of a small value does little",
        heads="relations",
    ),
    Expectation("occlusion", "input_score", "above", "random", _SAME_ACT),
    Expectation(
        "integrated_gradients", "input_score", "above", "random", "it adds up over the whole way to the reference"
    ),
    Expectation("occlusion", "input_score", "above", "gradient_x_input", "a gradient is local, a replacement is not"),
    Expectation("occlusion", "input_score", "above", "ledger", _HEAD_ONLY),
    Expectation("occlusion", "input_score", "above", "raw_weights", _BLIND),
    Expectation("raw_weights", "same_model", "above", 0.5, _GEOMETRY),
    Expectation("rollout", "same_model", "above", 0.5, _GEOMETRY),
    Expectation("ledger", "same_model", "below", 0.5, "it is made of values and of the classifier, which are new"),
    Expectation("occlusion", "same_model", "near", 0.0, "it sees the model's answers alone", within=0.3),
    Expectation("random", "same_model", "near", 0.0, _NOTHING, within=0.1),
    Expectation("random", "cue_lift", "near", 1.0, _NOTHING, within=0.2),
    Expectation("occlusion", "cue_lift", "above", 1.0, _CUE),
    Expectation("integrated_gradients", "cue_lift", "above", 1.0, _CUE),
    Expectation("feature_ablation", "cue_lift", "above", 1.0, _CUE),
    Expectation("ledger", "cue_lift", "above", 1.0, _CUE),
    Expectation("ledger", "cue_lift", "above", "raw_weights", _BLIND),
    Expectation("occlusion", "cue_preference", "above", 0.5, "a decoy is there in both readings and decides nothing"),
    Expectation("ledger", "cue_preference", "above", 0.5, "a decoy is there in both readings and decides nothing"),
    Expectation("occlusion", "pointing_context", "above", "random", _CUE),
    Expectation("ledger", "pointing_context", "above", "random", _CUE),
    Expectation("raw_weights", "follow", "near", 0.0, _NO_SIGN, within=0.02),
    Expectation("rollout", "follow", "near", 0.0, _NO_SIGN, within=0.02),
    Expectation("random", "follow", "near", 0.0, _NOTHING, within=0.02),
    Expectation("level_pixels", "input_score", "above", "random", "it goes back to the pixels through the encoder"),
    Expectation("level_pixels", "cue_lift", "above", 1.0, _CUE),
    Expectation("level_pixels", "cue_lift", "above", "ledger", _HEAD_ONLY),
    Expectation("level_pixels", "input_score", "above", "ledger", _HEAD_ONLY),
    Expectation("ledger", "level_overlap", "near", 1.0, _SAME_LEDGER, within=0.001, heads="sums"),
    Expectation("ledger", "level_overlap", "above", "raw_weights", _BLIND, heads="relations"),
    Expectation("ledger", "level_overlap", "above", "gradient_x_q", _HELD, heads="relations"),
    Expectation("ledger", "level_overlap", "above", "level_pixels", _SPREAD),
    Expectation("ledger", "cue_level", "above", 1.0, _LEVEL),
    Expectation("level_pixels", "cue_level", "above", 1.0, _LEVEL),
    Expectation("ledger", "cue_level", "above", "raw_weights", _BLIND),
    *(
        Expectation(method, "follow", "above", 0.0, _TURNS)
        for method in ("ledger", "gradient_x_input", "integrated_gradients", "occlusion", "feature_ablation")
    ),
)
"""Written before the run whose results stand beside them."""


def judge(result: ArenaResult) -> tuple[Verdict, ...]:
    """Each expectation in each model that it speaks of, where both its methods took part."""
    verdicts = []
    for expectation in EXPECTATIONS:
        methods = {expectation.method, expectation.against} & set(METHODS)
        if not methods <= set(result.methods):
            continue
        for model in result.models:
            apply = not methods & set(result.left_out(model))
            if apply and expectation.heads in ("all", result.heads[model]):
                verdicts.append(_verdict(expectation, result, model))
    return tuple(verdicts)


def _verdict(expectation: Expectation, result: ArenaResult, model: str) -> Verdict:
    against = expectation.against
    if isinstance(against, str):
        difference = result.estimate(model, expectation.method, expectation.measure, minus=against)
    else:
        raw = result.estimate(model, expectation.method, expectation.measure)
        difference = Estimate(raw.mean - against, raw.half_width, raw.count)
    return Verdict(expectation, model, difference, difference.outcome(expectation.claim, expectation.within))
