"""Is a method's rank the same in all networks? Kendall's tau between the orders that networks give the methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np

from rsp_lab.analysis.arena.methods import RANDOM
from rsp_lab.analysis.arena.result import MEASURES, ArenaResult
from rsp_lab.intervals import Estimate
from rsp_lab.summary import Rows, Summarised
from rsp_lab.text import fixed

TAU_RULE = (
    "Kendall's tau-b between the orders that two networks give the methods that all have, the random control left out: "
    "1 the same, 0 nothing in common, -1 the reverse"
)
OF_MEANS_RULE = "tau between means over all pairs of readings, mean over the pairs of networks"
BETWEEN_RULE = (
    "tau between two networks on one and the same pair of readings, mean over the pairs of networks; then mean over "
    "the pairs of readings with its 95 % t interval"
)
WITHIN_RULE = "tau between two pairs of readings in one and the same network, mean over all of them and all networks"


@dataclass(frozen=True, eq=False)
class RankAgreement(Summarised):
    """How far networks agree on the order of methods by one measure.

    Attributes:
        measure: a key of :data:`~rsp_lab.analysis.arena.result.MEASURES`.
        models: names.
        methods: names of those that every network has by this measure.
        values: (model, pair of readings, method); NaN where there is none.
    """

    measure: str
    models: tuple[str, ...]
    methods: tuple[str, ...]
    values: np.ndarray

    @property
    def pairs(self) -> int:
        """How many pairs of readings there are."""
        return self.values.shape[1]

    @cached_property
    def means(self) -> np.ndarray:
        """(model, method), over the pairs of readings."""
        return np.nanmean(self.values, axis=1)

    @cached_property
    def tau(self) -> np.ndarray:
        """(model, model) of the means, by :data:`TAU_RULE`."""
        return _taus(self.means)

    @property
    def of_means(self) -> float:
        """By :data:`OF_MEANS_RULE`."""
        return _mean(self.tau[np.triu_indices(len(self.models), 1)])

    def ranks(self, model: str) -> tuple[float, ...]:
        """Of the methods by their means, 1 for the best; equal ones share the mean of their ranks."""
        values = self.means[self.models.index(model)]
        values = values if MEASURES[self.measure].better == "low" else -values
        return tuple(float((values < one).sum() + ((values == one).sum() + 1) / 2) for one in values)

    @cached_property
    def between(self) -> Estimate:
        """By :data:`BETWEEN_RULE`."""
        return self.between_some(list(combinations(self.models, 2)))

    def between_some(self, networks: Sequence[tuple[str, str]]) -> Estimate:
        """The same over some pairs of networks."""
        return Estimate.of(self._each(networks))

    def closer(self, some: Sequence[tuple[str, str]]) -> Estimate:
        """How much more these pairs of networks agree than all others, on one and the same pair of readings."""
        chosen = {frozenset(one) for one in some}
        others = [one for one in combinations(self.models, 2) if frozenset(one) not in chosen]
        pairs = zip(self._each(some, keep=True), self._each(others, keep=True), strict=True)
        return Estimate.of([a - b for a, b in pairs if not np.isnan(a - b)])

    def _each(self, networks: Sequence[tuple[str, str]], *, keep: bool = False) -> list[float]:
        """One a pair of readings; without an order in it there is none, which is NaN or left out."""
        first, second = ([self.models.index(one[side]) for one in networks] for side in (0, 1))
        means = [_mean(_taus(self.values[:, number])[first, second]) for number in range(self.pairs)]
        return means if keep else [mean for mean in means if not np.isnan(mean)]

    @cached_property
    def within(self) -> float:
        """By :data:`WITHIN_RULE`; NaN with fewer than two pairs of readings."""
        if self.pairs < 2:
            return float("nan")
        above = np.triu_indices(self.pairs, 1)
        return _mean(np.asarray([_taus(values)[above] for values in self.values]))

    def to_dict(self) -> dict[str, Any]:
        return {
            "measure": self.measure,
            "models": list(self.models),
            "methods": list(self.methods),
            "pairs": self.pairs,
            "tau_rule": TAU_RULE,
            "tau": self.tau.tolist(),
            "ranks": {model: list(self.ranks(model)) for model in self.models},
            "of_means_rule": OF_MEANS_RULE,
            "of_means": self.of_means,
            "between_rule": BETWEEN_RULE,
            "between": self.between.to_dict(),
            "within_rule": WITHIN_RULE,
            "within": self.within,
        }

    def _summary(self) -> tuple[str, Rows]:
        return f"RankAgreement of {len(self.models)} networks by {MEASURES[self.measure].title}", [
            ("Kendall's tau", f"{fixed(self.of_means)} of means over {self.pairs} pairs of readings"),
            ("on one pair", f"{self.between} between networks, {fixed(self.within)} between pairs in one network"),
            ("methods", ", ".join(self.methods)),
        ]


def rank_agreement(result: ArenaResult, measure: str) -> RankAgreement:
    """How far the networks of an arena agree on the order of its methods.

    Args:
        result: of two networks or more, on the same pairs of readings.
        measure: a key of :data:`~rsp_lab.analysis.arena.result.MEASURES` by which something is better.

    Raises:
        ValueError: for an unknown measure, networks on different pairs, or fewer than two networks or common methods.
    """
    known = [name for name, one in MEASURES.items() if one.better]
    if measure not in known:
        raise ValueError(f"measure must be one of {', '.join(known)}, got {measure!r}.")
    outcomes = {model: {(p.case, p.distance, p.seed): p for p in result.of_model(model)} for model in result.models}
    places = list(outcomes[result.models[0]])
    if len(result.models) < 2 or any(set(own) != set(places) for own in outcomes.values()):
        raise ValueError("ranks are compared between two networks or more that were asked the same pairs of readings.")
    needs_use = MEASURES[measure].needs_use

    def value(model: str, place: tuple[str, int, int], method: str) -> float:
        pair = outcomes[model][place]
        found = pair.values.get(method, {}).get(measure)
        return float("nan") if found is None or (needs_use and not pair.used) else found

    methods = [
        method
        for method in result.methods
        if method != RANDOM.name and all(result.estimate(model, method, measure).count for model in result.models)
    ]
    if len(methods) < 2:
        raise ValueError(f"fewer than two methods were measured by {measure} in every network: ask more.")
    table = [[[value(model, place, method) for method in methods] for place in places] for model in result.models]
    return RankAgreement(measure, result.models, tuple(methods), np.asarray(table, dtype=float))


def _mean(values: np.ndarray) -> float:
    """Of those that there are; NaN without any."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def _taus(values: np.ndarray) -> np.ndarray:
    """(row, row) of (row, method), each over the methods that have a value in both rows; NaN without any order in one
    of them."""
    # Which of two methods is above: 0 where they are equal, NaN where one has no value.
    above = np.sign(values[:, :, None] - values[:, None, :]).reshape(len(values), -1)
    known, signs = (~np.isnan(above)).astype(float), np.nan_to_num(above)
    size = np.square(signs) @ known.T
    with np.errstate(invalid="ignore", divide="ignore"):
        return signs @ signs.T / np.sqrt(size * size.T)
