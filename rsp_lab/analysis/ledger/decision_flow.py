"""How a decision comes down through the levels: cells as nodes, and between them what flows, in logits, exactly.

With its relation weights held, a step is affine: cell i of level x takes ``sum_j M_ij T_{x+1}[j]`` and what the step's
bias gives it. So what a cell of level x + 1 holds flows on along ribbons, one to each cell that draws on it; the
ribbons that leave a cell add up to what came to it from above, its own Q and the bias of its step. Cells that matter
little are merged, level by level, so that nothing is lost.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from rsp_lab.analysis.ledger.flow_nodes import FlowNode, by_node, kept_alone, merged_node, nodes_of
from rsp_lab.analysis.ledger.flow_paths import FlowPaths
from rsp_lab.analysis.ledger.freeze import frozen_for
from rsp_lab.analysis.ledger.frozen_head import FrozenHead
from rsp_lab.analysis.ledger.frozen_pass import FrozenPass
from rsp_lab.analysis.ledger.ledger import RESIDUAL_RULE, ContextLedger, context_ledger
from rsp_lab.analysis.targets.target import Target
from rsp_lab.models.heads import TopDownHead
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject
from rsp_lab.relations.precision import full_precision
from rsp_lab.rgb import ImageLike
from rsp_lab.shapes import checked_count, strides_dict
from rsp_lab.summary import Rows, Summarised
from rsp_lab.text import rounded, signed_fixed

SHARE = 0.05
"""A cell stands alone where it holds, or adds, at least this share of the largest that any cell of the picture does."""
MOST = 5
"""Cells of a level that stand alone at the most."""
FLOW_RULE = (
    "own: the cell's contribution in the ledger; ribbon from cell j of level x + 1 to cell i of level x: derivative of "
    "the target with respect to T_x[i], times what the frozen step brings from T_{x+1}[j] to i, summed over channels; "
    "what leaves a cell is what came from above + its own + the bias of its step"
)
DIRECT_RULE = (
    "own: the cell's contribution in the ledger; there are no steps whose ribbons are known, so each cell's own goes "
    "straight to the target"
)
FLOW_RESIDUAL_RULE = (
    "by level, the largest |what leaves a node along all ways - derivative times T_x at its cells| / max(1, sum over "
    "the level's cells of |derivative times T_x|)"
)


class Ribbon(NamedTuple):
    """Which ribbon: from a node of a level to a node of the next level below, or to the target (None)."""

    level: int
    source: int
    sink: int | None


@dataclass(frozen=True, eq=False)
class DecisionFlow(Summarised):
    """One model's decision as a flow, in logits.

    Attributes:
        name: of the model.
        ledger: of the decision; nodes' own contributions are its.
        chain: levels between which ribbons are known, highest first; empty where all goes straight to the target.
        nodes: by level, highest first; those that stand alone from left to right, then the merged one.
        paths: by level, what its Q maps send along every way: axes are the nodes of the level, of the level below it,
            and so on to the end of the chain; of a level outside the chain its nodes alone. float64.
        biases: the same for the bias of the step that ends at a level, which enters there.
        bias: what enters at the target itself: the ledger's bias without :attr:`biases`.
        residuals: by level of the chain, by :data:`FLOW_RESIDUAL_RULE`.
    """

    name: str
    ledger: ContextLedger
    chain: tuple[int, ...]
    nodes: dict[int, tuple[FlowNode, ...]]
    paths: dict[int, Tensor]
    biases: dict[int, Tensor]
    bias: float
    residuals: dict[int, float] = field(default_factory=dict)

    @property
    def target(self) -> Target:
        return self.ledger.target

    @property
    def total(self) -> float:
        """The target's value in the model, logits."""
        return self.ledger.total

    @property
    def direct(self) -> bool:
        """Whether no step is known, so that each level goes straight to the target."""
        return not self.chain

    @property
    def residual(self) -> float:
        """The larger of the ledger's residual and of what the flow loses at any node."""
        return max(self.ledger.residual, *self.residuals.values(), 0.0)

    @property
    def rule(self) -> str:
        return DIRECT_RULE if self.direct else FLOW_RULE

    def level_name(self, level: int) -> str:
        """What a level is called, see :func:`rsp_lab.shapes.level_name`."""
        return self.ledger.level_name(level)

    @property
    def beside(self) -> tuple[int, ...]:
        """Levels outside the chain, which go straight to the target, highest first."""
        return tuple(level for level in self.nodes if level not in self.chain)

    @cached_property
    def ribbons(self) -> dict[Ribbon, float]:
        """What flows along each ribbon, logits; without those along which nothing can flow."""
        found: dict[Ribbon, float] = {}
        for level in self.nodes:
            if level not in self.chain or level == self.chain[-1]:
                leaving = self._through(level)
                found |= {Ribbon(level, i, None): float(value) for i, value in enumerate(leaving)}
                continue
            between = self._between(level)
            places = between.nonzero().tolist()
            found |= {Ribbon(level, i, j): float(between[i, j]) for i, j in places}
        return found

    def entering(self, level: int) -> float:
        """What the bias of the step that ends at a level adds, logits; 0 where there is none."""
        return float(self.biases[level].sum()) if level in self.biases else 0.0

    @property
    def step_bias(self) -> float:
        """What the biases of all steps add, logits; with :attr:`bias` and the levels' sums it gives the total."""
        return sum(map(self.entering, self.biases))

    def brought(self, level: int) -> float:
        """What comes down to a level of the chain from above, its step's bias included, logits; 0 for the highest."""
        return float(self._through(level).sum()) - sum(node.own for node in self.nodes[level])

    def without(self, cuts: Collection[Ribbon]) -> float:
        """The target's value in the frozen head if nothing flowed along some ribbons, logits; exact.

        Raises:
            ValueError: for a ribbon that does not exist.
        """
        left = self.remaining(cuts)
        return self.total - sum(value - left[one] for one, value in self.ribbons.items() if one.sink is None)

    def remaining(self, cuts: Collection[Ribbon]) -> dict[Ribbon, float]:
        """What still flows along each ribbon where nothing flows along some, logits; exact in the frozen head.

        Raises:
            ValueError: for a ribbon that does not exist.
        """
        for one in cuts:
            if one not in self.ribbons:
                raise ValueError(f"there is no ribbon {tuple(one)} in the flow of {self.name}: see its ribbons.")
        paths, biases = (
            {x: table.masked_fill(self._cut(x, table, cuts), 0) for x, table in tables.items()}
            for tables in (self.paths, self.biases)
        )
        left = replace(self, paths=paths, biases=biases).ribbons
        return {one: left.get(one, 0.0) for one in self.ribbons}

    @property
    def largest(self) -> float:
        """The most that a cell which stands alone holds or adds, either sign, logits."""
        return max((node.weight for nodes in self.nodes.values() for node in nodes if node.cell), default=0.0)

    @property
    def busiest(self) -> tuple[float, float]:
        """Logits, without their signs: the most at one side of any node or that a node adds, and those at the pixel."""
        ends: dict[tuple[str, int, int], float] = {}
        at_pixel = 0.0
        for one, value in self.ribbons.items():
            out = ("out", one.level, one.source)
            ends[out] = ends.get(out, 0.0) + abs(value)
            if one.sink is None:
                at_pixel += abs(value)
            else:
                into = ("in", one.level - 1, one.sink)
                ends[into] = ends.get(into, 0.0) + abs(value)
        owns = (abs(node.own) for level in self.chain for node in self.nodes[level])
        return max([*ends.values(), *owns, 1e-9]), at_pixel

    def merged(self, most: int, least: float = 0.0) -> DecisionFlow:
        """The same flow with fewer cells standing alone.

        Args:
            most: cells of a level that stay alone at the most: those that hold or add most.
            least: logits that a cell must hold or add, either sign, to stay alone.

        Raises:
            ValueError: if ``most`` is negative or no whole number.
        """
        most = _checked_most(most)
        groups = {level: kept_alone(nodes, most, least) for level, nodes in self.nodes.items()}
        if all(len(found) == len(self.nodes[level]) for level, found in groups.items()):
            return self
        nodes = {
            level: tuple(merged_node(level, [self.nodes[level][i] for i in members]) for members in found)
            for level, found in groups.items()
        }
        tables = (
            {level: _summed(table, [groups[x] for x in self.axes(level)]) for level, table in tables.items()}
            for tables in (self.paths, self.biases)
        )
        paths, biases = tables
        return replace(self, nodes=nodes, paths=paths, biases=biases)

    def axes(self, level: int) -> tuple[int, ...]:
        """Levels of the axes of a level's table in :attr:`paths` and :attr:`biases`."""
        return self.chain[self.chain.index(level) :] if level in self.chain else (level,)

    def _summed_over(self, level: int, kept: Sequence[int]) -> Tensor:
        """What all paths through some neighbouring levels carry; axes as ``kept``, which ``level`` comes first in."""
        shape = [len(self.nodes[x]) for x in kept]
        total = torch.zeros(shape, dtype=torch.float64)
        for tables in (self.paths, self.biases):
            for source, table in tables.items():
                axes = self.axes(source)
                if level in axes:
                    gone = [place for place, x in enumerate(axes) if x not in kept]
                    total += table.sum(gone) if gone else table
        return total

    def _through(self, level: int) -> Float[Tensor, " node"]:
        return self._summed_over(level, (level,))

    def _between(self, level: int) -> Float[Tensor, "node below"]:
        return self._summed_over(level, (level, level - 1))

    def _cut(self, level: int, table: Tensor, cuts: Collection[Ribbon]) -> Tensor:
        """Which paths of a level's table run along a ribbon that is cut."""
        axes, gone = self.axes(level), torch.zeros(table.shape, dtype=torch.bool)
        for cut in cuts:
            if cut.level in axes:
                place: list[Any] = [slice(None)] * len(axes)
                at = axes.index(cut.level)
                place[at] = cut.source
                if cut.sink is not None:
                    place[at + 1] = cut.sink
                gone[tuple(place)] = True
        return gone

    def _summary(self) -> tuple[str, Rows]:
        rows: list[tuple[str, object]] = [
            (
                self.level_name(level),
                f"{len(nodes)} nodes, own {signed_fixed(sum(node.own for node in nodes), 3)}"
                + (f", hands on {signed_fixed(float(self._through(level).sum()), 3)}" if level in self.chain else ""),
            )
            for level, nodes in self.nodes.items()
        ]
        title = f"DecisionFlow of {self.name}: {self.target.describe()}"
        return title, [*rows, ("bias", self.bias), ("total", self.total), ("residual", self.residual)]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able: nodes and ribbons in logits, with their rule and residuals."""
        ledger = self.ledger
        return {
            "model": self.name,
            "target": self.target.describe(),
            "unit": "logits",
            "rule": self.rule,
            "image_size": list(ledger.image_size),
            "total": rounded(self.total),
            "direct": self.direct,
            "chain": list(self.chain),
            "nodes": {str(level): [node.to_dict() for node in nodes] for level, nodes in self.nodes.items()},
            "ribbons": [
                {"level": level, "from": source, "to": sink, "value": rounded(value)}
                for (level, source, sink), value in self.ribbons.items()
            ],
            "step_biases": {str(level): rounded(self.entering(level)) for level in self.biases},
            "bias": rounded(self.bias),
            **strides_dict(ledger.strides),
            "residual": self.residual,
            "residual_rule": f"{RESIDUAL_RULE}; {FLOW_RESIDUAL_RULE}",
            "tolerance": ledger.tolerance,
        }


def decision_flow(
    model: Segmenter | Subject | FrozenPass,
    image: ImageLike,
    target: Target,
    *,
    share: float = SHARE,
    most: int = MOST,
    name: str = "",
) -> DecisionFlow:
    """One decision of a model as a flow through its levels, from one forward pass and backward passes of the head.

    Of a head with top-down steps the ribbons between levels are exact for the relation weights as they are. Of a
    network of another make, and of a head without steps, every level goes straight to the target.

    Args:
        model: in eval mode, float32 or float64; it is left as it was found. A frozen pass of it on this image saves the
            forward pass.
        image: RGB, uint8 or float in [0, 1]; see :mod:`rsp_lab.rgb`.
        target: a class or rival that it leaves open is what the model predicts.
        share: see :data:`SHARE`.
        most: see :data:`MOST`.
        name: of the model; default: its own.

    Raises:
        ValueError: for a target that does not fit, a share outside [0, 1] or a negative ``most``, or what
            :func:`~rsp_lab.analysis.ledger.freeze.freeze` refuses.
        LedgerError: if the parts do not add up.
    """
    most = _checked_most(most)
    if not 0 <= share <= 1:
        raise ValueError(f"share must lie in [0, 1], got {share:g}: {SHARE:g} is the default.")
    frozen, target = frozen_for(model, image, target)
    ledger = context_ledger(frozen, frozen.image, target)
    name = name or frozen.name
    if isinstance(frozen, FrozenHead) and isinstance(frozen.head, TopDownHead):
        with full_precision(frozen.logits.device):
            flow = _through(frozen, target, ledger, name, most)
        for level, residual in flow.residuals.items():
            frozen.check_sum(residual, f"{target.describe()}, flow through level {level}")
    else:
        flow = _direct(ledger, name, most)
    return flow.merged(most, share * flow.largest)


def _checked_most(most: int) -> int:
    return checked_count("most", most, 0, f"{MOST} is the default")


def _direct(ledger: ContextLedger, name: str, most: int) -> DecisionFlow:
    nodes, paths = {}, {}
    for level, own in sorted(ledger.maps.items(), reverse=True):
        groups, nodes[level] = nodes_of(level, own, own, ledger.image_size, most)
        paths[level] = by_node(own, groups, len(nodes[level]))
    return DecisionFlow(name, ledger, (), nodes, paths, {}, ledger.bias)


def _through(frozen: FrozenHead, target: Target, ledger: ContextLedger, name: str, most: int) -> DecisionFlow:
    ways = FlowPaths(frozen, target)
    chain, lowest, size = ways.chain, frozen.levels[0], ledger.image_size
    held, maps = ways.held(), ledger.maps
    groups, nodes = {}, {}
    for x in chain:
        groups[x], nodes[x] = nodes_of(x, maps[x], held[x], size, most)
    groups[lowest], nodes[lowest] = nodes_of(lowest, maps[lowest], maps[lowest], size, 0)
    paths, biases = ways.tables(groups, {x: len(found) for x, found in nodes.items()})
    paths[lowest] = by_node(maps[lowest], groups[lowest], 1)
    bias = ledger.bias - sum(float(table.sum()) for table in biases.values())
    flow = DecisionFlow(name, ledger, chain, nodes, paths, biases, bias)
    residuals = {}
    for x in chain:
        lost = (flow._through(x) - by_node(held[x], groups[x], len(nodes[x]))).abs().max()
        residuals[x] = float(lost / held[x].abs().sum().clamp_min(1))
    return replace(flow, residuals=residuals)


def _summed(table: Tensor, groups: Sequence[Sequence[Sequence[int]]]) -> Tensor:
    """A table with each axis summed over groups of its places."""
    for axis, members in enumerate(groups):
        table = torch.stack([table.index_select(axis, torch.tensor(found)).sum(axis) for found in members], axis)
    return table
