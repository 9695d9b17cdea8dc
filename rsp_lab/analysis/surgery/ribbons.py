"""Ribbons of a decision flow cut in the running head: what the account cannot say, since it holds the weights.

A flow's own :meth:`~rsp_lab.analysis.ledger.decision_flow.DecisionFlow.without` answers for the relation weights as
they are. Here the head runs again: along a ribbon from cell j of level x + 1 to cell i of level x nothing flows, so
that cell i of T_x lacks ``M_ij T_{x+1}[j]``, and every step below chooses anew, by keys of the map that it now gets.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rsp_lab.analysis.ledger.decision_flow import DecisionFlow, Ribbon
from rsp_lab.analysis.ledger.freeze import freeze
from rsp_lab.analysis.ledger.frozen_head import FrozenHead
from rsp_lab.analysis.ledger.frozen_pass import FrozenPass
from rsp_lab.analysis.targets.target import target_value
from rsp_lab.capture.hooks import hooks
from rsp_lab.models.fusion import TopDownStep, resize
from rsp_lab.models.heads import TopDownHead
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.relations.precision import full_precision
from rsp_lab.rgb import ImageLike
from rsp_lab.summary import Rows, Summarised
from rsp_lab.text import rounded, signed

RIBBON_CUT_RULE = (
    "held: the target where nothing flows along the ribbons and all relation weights stay as they are; live: where the "
    "head runs again without them, and every step below chooses anew; reaction = live - held"
)
RIBBON_CUT_RESIDUAL_RULE = (
    "|target of the head run without the ribbons, its weights held - the flow's answer| / max(1, sum of the absolute "
    "values of what reaches the target)"
)


@dataclass(frozen=True, eq=False)
class RibbonCut(Summarised):
    """What becomes of a decision where nothing flows along some ribbons, in logits.

    Attributes:
        flow: whose ribbons they are.
        cuts: the ribbons.
        held: the target with all relation weights as they are: the flow's own answer.
        live: the target where the head runs again, so that the steps below a cut choose anew.
        residual: of the flow's answer, by :data:`RIBBON_CUT_RESIDUAL_RULE`.
    """

    flow: DecisionFlow
    cuts: tuple[Ribbon, ...]
    held: float
    live: float
    residual: float

    @property
    def total(self) -> float:
        """The target where nothing is cut, logits."""
        return self.flow.total

    @property
    def reaction(self) -> float:
        """What the steps below add by choosing anew: :attr:`live` minus :attr:`held`, logits."""
        return self.live - self.held

    def sentence(self) -> str:
        """The result in words."""
        ribbons = f"{len(self.cuts)} ribbon{'s' if len(self.cuts) != 1 else ''}"
        return (
            f"{self.flow.name}, {self.flow.target.describe()}: {signed(self.total)} logits; without {ribbons} "
            f"{signed(self.held)} with the weights held, and {signed(self.live)} where the head runs again and chooses "
            "anew."
        )

    def _summary(self) -> tuple[str, Rows]:
        return f"RibbonCut in {self.flow.name}: {self.flow.target.describe()}", [
            ("nothing cut", self.total),
            ("cut, weights held", self.held),
            ("cut, run again", self.live),
            ("reaction", self.reaction),
            ("residual", self.residual),
        ]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "model": self.flow.name,
            "target": self.flow.target.describe(),
            "unit": "logits",
            "rule": RIBBON_CUT_RULE,
            "cuts": [{"level": one.level, "from": one.source, "to": one.sink} for one in self.cuts],
            "total": rounded(self.total),
            "held": rounded(self.held),
            "live": rounded(self.live),
            "reaction": rounded(self.reaction),
            "residual": self.residual,
            "residual_rule": RIBBON_CUT_RESIDUAL_RULE,
        }


def cut_ribbons(
    model: Segmenter | FrozenPass, image: ImageLike, flow: DecisionFlow, cuts: Collection[Ribbon]
) -> RibbonCut:
    """A decision without some ribbons of its flow: with the relation weights held, and with the head run again.

    The cells above a cut keep what they hold, and their other ribbons: only what flows along is gone. A step below gets
    another map above it, so that its keys, and with them its weights, are others. A head without relations has nothing
    that could choose anew: its two answers agree to rounding.

    Args:
        model: that the flow is of, in eval mode; it is left as it was found. A frozen pass of it on this image saves
            the forward pass.
        image: that the flow is of; see :mod:`rsp_lab.rgb`.
        flow: of :func:`~rsp_lab.analysis.ledger.decision_flow.decision_flow`.
        cuts: keys of its ``ribbons``.

    Raises:
        ValueError: for a ribbon that the flow does not have, a flow of another image or of a head with other levels, a
            network without top-down steps, or what :func:`~rsp_lab.analysis.ledger.freeze.freeze` refuses.
        LedgerError: if the flow's answer is not that of the head with its weights held, as for a flow of another model
            with the same levels.
    """
    held = flow.without(cuts)
    frozen = freeze(model, image)
    if not isinstance(frozen, FrozenHead):
        raise ValueError(
            "the ribbons of a network without top-down steps are cut with everything held: take flow.without(cuts), or "
            "rl.operate for its attention."
        )
    if frozen.image_digest != flow.ledger.image_digest:
        raise ValueError("the flow is of another image: take the one that it was worked out on.")
    if flow.direct != (not isinstance(frozen.head, TopDownHead)) or set(flow.nodes) != set(frozen.levels):
        raise ValueError(f"the flow is of {flow.name}, this model has other levels or steps: take that model.")
    cuts = tuple(dict.fromkeys(cuts))
    with full_precision(frozen.logits.device):
        pinned, live = (_value_without(frozen, flow, cuts, hold) for hold in (True, False))
    reaching = sum(abs(value) for one, value in flow.ribbons.items() if one.sink is None) + abs(flow.bias)
    residual = abs(pinned - held) / max(1.0, reaching)
    frozen.check_sum(residual, f"{flow.target.describe()}, {len(cuts)} ribbons cut")
    return RibbonCut(flow, cuts, held, live, residual)


def _value_without(frozen: FrozenHead, flow: DecisionFlow, cuts: Collection[Ribbon], hold: bool) -> float:
    """The target where nothing flows along the ribbons, with the weights of the image held or chosen anew."""
    own = {one.level for one in cuts if one.level not in flow.chain}
    lowest = min(frozen.levels)
    if isinstance(frozen.head, TopDownHead):
        top = frozen.q[max(frozen.levels)]
        for step in frozen.head.steps:
            assert isinstance(step, TopDownStep)
            low = frozen.q[step.low]
            taken = _taken(frozen, flow, cuts, step, low, top, hold)
            # What the lowest level adds goes straight to the target; it still asks, as the query of its step.
            top = taken if step.low == lowest and lowest in own else low + taken
    else:
        top = frozen.head.aggregate({x: _without_own(flow, x, q, cuts) for x, q in frozen.q.items()})
    logits = frozen.head.classifier(top)
    return target_value(logits[0], flow.target, frozen.image_size, frozen.class_names)


def _taken(
    frozen: FrozenHead,
    flow: DecisionFlow,
    cuts: Collection[Ribbon],
    step: TopDownStep,
    low: Float[Tensor, "1 c y x"],
    top: Float[Tensor, "1 c v u"],
    hold: bool,
) -> Float[Tensor, "1 c y x"]:
    """What a step takes of the map above, without what flows along ribbons that are cut."""
    size = low.shape[-2:]
    high = resize(top, size)
    if step.name in frozen.weights and not hold:
        frozen = replace(frozen, weights={**frozen.weights, step.name: _chosen_weights(step, low, high)})
    mix = frozen.mix(step)
    taken = mix(frozen.value(step, high))
    gone: dict[int | None, Tensor] = {}
    for one in cuts:
        if one.level == step.low + 1:
            source = _cells(flow, one.level, one.source, top)
            gone[one.sink] = gone[one.sink] | source if one.sink in gone else source
    if not gone:
        return taken
    nothing = mix(frozen.value(step, torch.zeros_like(high)))
    for sink, sources in gone.items():
        brought = mix(frozen.value(step, resize(top * sources, size))) - nothing
        taken = taken - (brought if sink is None else brought * _cells(flow, step.low, sink, low))
    return taken


def _chosen_weights(
    step: TopDownStep, low: Float[Tensor, "1 c y x"], high: Float[Tensor, "1 c y x"]
) -> Float[Tensor, "1 wy wx y x"]:
    found: list[Tensor] = []

    def keep(weights: Tensor, point: object) -> None:
        found.append(weights)

    with hooks(step, {f"{step.name}.weights": keep}):
        step.fusion(low, high)
    return found[0]


def _cells(flow: DecisionFlow, level: int, node: int, like: Float[Tensor, "1 c y x"]) -> Bool[Tensor, "y x"]:
    """The cells that a node stands for."""
    cell = flow.nodes[level][node].cell
    mask = torch.zeros(like.shape[-2:], dtype=torch.bool, device=like.device)
    for alone in [cell] if cell is not None else [other.cell for other in flow.nodes[level]]:
        if alone is not None:
            mask[alone] = True
    return mask if cell is not None else ~mask


def _without_own(
    flow: DecisionFlow, level: int, q: Float[Tensor, "1 c y x"], cuts: Collection[Ribbon]
) -> Float[Tensor, "1 c y x"]:
    for one in cuts:
        if one.level == level:
            q = q * ~_cells(flow, level, one.source, q)
    return q
