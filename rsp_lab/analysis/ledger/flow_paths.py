"""What flows along every way from a cell down to the target, through the steps of a frozen head.

A step mixes cells by weights that all channels share, and channels by an f_v that all cells share. So the derivative of
the target with respect to T_x is one vector over channels times one map over cells, and ways down differ in the map
alone: it is what is carried up, without channels. A head of which that is not so leaves a residual, which
:func:`~rsp_lab.analysis.ledger.decision_flow.decision_flow` refuses.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from rsp_lab.analysis.ledger.flow_nodes import by_node
from rsp_lab.analysis.ledger.frozen_head import FrozenHead
from rsp_lab.analysis.targets.target import Target
from rsp_lab.models.fusion import TopDownStep, resize
from rsp_lab.relations.precision import full_precision

_BATCH = 1 << 24
"""Numbers of a batch of maps that are carried up at one time."""


class FlowPaths:
    """The ways of one decision down through the steps of a frozen head.

    Args:
        frozen: a head with top-down steps.
        target: that is explained.

    Attributes:
        chain: levels between which ways lead, highest first: all but the lowest, which is added to the target's own
            place.
    """

    def __init__(self, frozen: FrozenHead, target: Target) -> None:
        self.frozen = frozen
        # Through all channels: what is worked out without them is held against it.
        self.gradients = frozen.pulled_back(frozen.target_weights(target))
        self.fused: dict[int, Tensor] = {frozen.levels[-1]: frozen.q[frozen.levels[-1]]}
        self.steps: dict[int, TopDownStep] = {}
        self.entering: dict[int, Tensor] = {}

        def context(step: TopDownStep, low: Tensor, high: Tensor) -> Tensor:
            taken = frozen.mix(step)(frozen.value(step, high))
            self.steps[step.low], self.fused[step.low] = step, low + taken
            self.entering[step.low] = frozen.mix(step)(frozen.value(step, torch.zeros_like(high)))
            return taken

        frozen.head.aggregate(frozen.q, context)
        self.chain = frozen.levels[:0:-1]

    def held(self) -> dict[int, Float[Tensor, "y x"]]:
        """By level of the chain, the derivative of the target with respect to T_x times T_x, summed over channels, of
        every cell, logits; from the full derivatives, so that tables can be held against it."""
        products = {x: self.gradients[x][0].double() * self.fused[x][0].double() for x in self.chain}
        return {x: product.sum(0).cpu() for x, product in products.items()}

    def tables(
        self, groups: Mapping[int, Tensor], counts: Mapping[int, int]
    ) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
        """Contributions and biases along every way, by the level where they begin.

        From the target upwards: the derivative with respect to the cells of a level, one map for each way down from
        there, is split by the level's nodes and carried up through the next step.
        """
        lowest = self.chain[-1]
        cells, vector = parted(self.gradients[lowest])
        read, added = {}, {}
        for x in reversed(self.chain):
            if x > lowest:
                vector = self._vector_raised(x - 1, vector)
            read[x] = _read(vector, self.frozen.q[x])
            if x in self.entering:
                added[x] = _read(vector, self.entering[x])
        paths: dict[int, list[Tensor]] = {x: [] for x in self.chain}
        biases: dict[int, list[Tensor]] = {x: [] for x in added}

        def climb(level: int, derivatives: Float[Tensor, "way y x"]) -> None:
            group, count = groups[level], counts[level]
            # One way after the other below a level, so that its tables are in the order of their axes at the end.
            for tables, values in ((paths, read), (biases, added)):
                if level in tables:
                    tables[level].append(by_node(derivatives.double().cpu() * values[level], group, count))
            if level == self.chain[0]:
                return
            masks = (group == torch.arange(count)[:, None, None]).to(derivatives)
            at_once = max(1, _BATCH // (count * derivatives[0].numel()))
            for part in derivatives.split(at_once):
                climb(level + 1, self._map_raised(level, (part[:, None] * masks).flatten(0, 1)))

        climb(lowest, cells)
        sides = {x: [counts[y] for y in reversed(self.chain) if y < x] for x in self.chain}
        # Axes as they grew, from the lowest level up; results have them from the highest down.
        turned = (
            {
                x: torch.cat(found).reshape(*sides[x], counts[x]).permute(*reversed(range(len(sides[x]) + 1)))
                for x, found in tables.items()
            }
            for tables in (paths, biases)
        )
        of_maps, of_biases = turned
        return of_maps, of_biases

    def _map_raised(self, low: int, derivatives: Float[Tensor, "way y x"]) -> Float[Tensor, "way v u"]:
        """Maps over the cells of T_low carried up to T_{low + 1}, the transpose of how the step mixes cells."""
        step, cells = self.steps[low], self.frozen.q[low + 1].shape[-2:]
        with full_precision(derivatives.device, grad=True):
            above = derivatives.new_zeros(1, len(derivatives), *cells, requires_grad=True)
            taken = self.frozen.mix(step)(resize(above, derivatives.shape[-2:]))
            (found,) = torch.autograd.grad(taken, above, derivatives[None])
        return found[0]

    def _vector_raised(self, low: int, vector: Float[Tensor, "1 c 1 1"]) -> Float[Tensor, "1 c 1 1"]:
        """A vector over the channels of T_low carried up to T_{low + 1}: the transpose of how f_v mixes channels."""
        with full_precision(vector.device, grad=True):
            above = torch.zeros_like(vector, requires_grad=True)
            (found,) = torch.autograd.grad(self.frozen.value(self.steps[low], above), above, vector)
        return found


def parted(derivative: Float[Tensor, "1 c y x"]) -> tuple[Float[Tensor, "1 y x"], Float[Tensor, "1 c 1 1"]]:
    """A derivative as a map over cells times a vector over channels, that of the cell where it is largest."""
    by_cell = derivative.flatten(2)[0]
    vector = by_cell[:, by_cell.norm(dim=0).argmax()]
    # Of a derivative that is 0 everywhere the map is too.
    length = (vector @ vector).clamp_min(torch.finfo(vector.dtype).tiny)
    return (vector @ by_cell / length).view(1, *derivative.shape[-2:]), vector.view(1, -1, 1, 1)


def _read(vector: Float[Tensor, "1 c 1 1"], values: Float[Tensor, "1 c y x"]) -> Float[Tensor, "y x"]:
    return (vector.double() * values.double()).sum((0, 1)).cpu()
