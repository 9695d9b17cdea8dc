"""The faithfulness arena: every method on the same decisions, by the same measures, with intervals over scenes.

One observation is one pair of readings, both readings of one scene, in one model; no two pairs share a scene. Values of
a pair's readings are averaged first, and intervals are t intervals over pairs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from statistics import fmean
from typing import Any, Literal

from rsp_lab.analysis.arena.on_levels import LEVEL_RULES
from rsp_lab.analysis.attribution.interface import Method
from rsp_lab.analysis.faithfulness import in_head, randomisation
from rsp_lab.analysis.scenes import known_answer
from rsp_lab.intervals import Estimate
from rsp_lab.summary import Rows, Summarised

USED = 0.5
"""A model is said to use a cue that moves its margin by at least this many logits, the right way."""
INTERVAL_RULE = "mean over pairs with its 95 % t interval; a pair is both readings of one scene, averaged first"
INPUT_RULE = (
    "blocks of 8 x 8 pixels of the photograph replaced by a blurred one, in equal steps; the range is the largest "
    "minus the least target on the curves of all methods of this decision, random maps among them"
)
SWING_RULE = "how far the margin of reading 0's class over reading 1's falls when the cue is swapped, in logits"


Head = Literal["relations", "sums", "of another make"]
"""Top-down steps of ours with relation weights or without; else what lies behind the cut of a network of another make,
as which a head of Semantic FPN counts."""


@dataclass(frozen=True)
class Measure:
    """One column.

    Attributes:
        title: in a few words.
        group: ``"relation"``, ``"input"``, ``"randomised"``, ``"known"`` or ``"levels"``.
        rule: what it is.
        better: ``"high"``, ``"low"``, or ``""`` where neither is.
        needs_use: only pairs whose cue the model uses are counted: a map owes nothing to a cue that does nothing.
    """

    title: str
    group: str
    rule: str
    better: str = "high"
    needs_use: bool = False


def _cells(head: str, weights: str) -> dict[str, Measure]:
    parts = {
        "score": ("", in_head.SCORE_RULE),
        "fall": (", deletion", in_head.FALL_RULE),
        "rise": (", insertion", in_head.RISE_RULE),
    }
    return {
        f"{head}_{part}": Measure(
            f"cells, {head} head{title}",
            "relation",
            f"Q cells set to zero, relation weights {weights}: {rule}; area: {in_head.AREA_RULE}",
        )
        for part, (title, rule) in parts.items()
    }


MEASURES: Mapping[str, Measure] = {
    **_cells("frozen", "held"),
    **_cells("live", "worked out anew"),
    "input_score": Measure(
        "pixels, whole model", "input", f"(area under insertion - area under deletion) / range; {INPUT_RULE}"
    ),
    "input_fall": Measure("pixels, deletion", "input", f"mean fall of the target / range; {INPUT_RULE}"),
    "input_rise": Measure("pixels, insertion", "input", f"mean rise of the target / range; {INPUT_RULE}"),
    "same_head": Measure("new head", "randomised", f"head drawn anew: {randomisation.RANK_RULE}", "low"),
    "same_model": Measure("new model", "randomised", f"all drawn anew: {randomisation.RANK_RULE}", "low"),
    "cue_share": Measure("on the cue", "known", known_answer.KNOWN_RULES["cue_share"], "high", True),
    "decoy_share": Measure("on decoys", "known", known_answer.KNOWN_RULES["decoy_share"], "low", True),
    "region_share": Measure("on the region", "known", known_answer.KNOWN_RULES["region_share"], "", True),
    "cue_lift": Measure("cue over uniform", "known", known_answer.KNOWN_RULES["cue_lift"], "high", True),
    "cue_preference": Measure("cue or decoy", "known", known_answer.KNOWN_RULES["cue_preference"], "high", True),
    "pointing": Measure("peak in the cue", "known", known_answer.KNOWN_RULES["pointing"], "high", True),
    "pointing_context": Measure(
        "peak in the cue, region aside", "known", known_answer.KNOWN_RULES["pointing_context"], "high", True
    ),
    "follow": Measure("follows the swap", "known", known_answer.FOLLOW_RULE, "high", True),
    "cue_level": Measure("mass on the cue's level", "levels", LEVEL_RULES["cue_level"], "high", True),
    "level_overlap": Measure("change by level", "levels", LEVEL_RULES["level_overlap"], "high", True),
}
"""By name, in the order of the tables."""


@dataclass(frozen=True)
class PairOutcome(Summarised):
    """What came of one pair of readings in one model.

    Attributes:
        model: its name.
        case, distance, seed: of the pair; the distance in pixels as asked for.
        margins: logits of each reading's own class over the other's, mean over the region.
        uniform: share of the image that the cue covers, which is what a uniform map puts on it.
        residual: of the ledgers; None where there are none.
        values: by method and measure; what is not defined, or was not measured on this pair, is missing.
        left_out: methods that have no answer to these questions, and why.
    """

    model: str
    case: str
    distance: int
    seed: int
    margins: tuple[float, float]
    uniform: float
    residual: float | None
    values: Mapping[str, Mapping[str, float]]
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def swing(self) -> float:
        """By :data:`SWING_RULE`; the pictures differ on the cue alone, so all of it is the cue's doing."""
        return sum(self.margins)

    @property
    def used(self) -> bool:
        """Whether the model uses the cue, by :data:`USED`."""
        return self.swing >= USED

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> PairOutcome:
        """Inverse of :meth:`to_dict`.

        Raises:
            ValueError: for a missing, an unknown or a wrong field.
        """
        kinds = {"model": str, "case": str, "distance": int, "seed": int, "uniform": float, "left_out": dict}
        names = {*kinds, "margins", "values", "residual"}
        if set(facts) != names:
            raise ValueError(
                f"its fields are {', '.join(map(str, facts)) or 'none'}, expected {', '.join(sorted(names))}"
            )
        margins, values = facts["margins"], facts["values"]
        numbers = [facts["uniform"], *([] if facts["residual"] is None else [facts["residual"]])]
        numbers += margins if isinstance(margins, list | tuple) and len(margins) == 2 else [None]
        tables = list(values.values()) if isinstance(values, Mapping) else [None]
        numbers += [value for table in tables for value in (table.values() if isinstance(table, Mapping) else [None])]
        wrong = [name for name, kind in kinds.items() if kind is not float and type(facts[name]) is not kind]
        numbers_only = all(type(number) in (int, float) for number in numbers)
        if wrong or not numbers_only or not all(type(why) is str for why in facts["left_out"].values()):
            raise ValueError(f"{wrong[0] if wrong else 'one of its numbers'} is of another type")
        return cls(**{**facts, "margins": (margins[0], margins[1])})


@dataclass(frozen=True)
class ArenaResult(Summarised):
    """All outcomes of a run.

    Attributes:
        models: names, in the order of the tables.
        heads: what each one's head is.
        methods: by name, in the order of the tables.
        pairs: outcomes.
        settings: of the run, as plain data.
    """

    models: tuple[str, ...]
    heads: Mapping[str, Head]
    methods: Mapping[str, Method]
    pairs: tuple[PairOutcome, ...]
    settings: Mapping[str, Any]

    def of_model(self, model: str) -> tuple[PairOutcome, ...]:
        return tuple(pair for pair in self.pairs if pair.model == model)

    def left_out(self, model: str) -> dict[str, str]:
        """Methods that have no answer in a model on any pair, and why."""
        whys = [pair.left_out for pair in self.of_model(model)]
        return {method: whys[0][method] for method in self.methods if whys and all(method in why for why in whys)}

    def estimate(
        self,
        model: str,
        method: str,
        measure: str,
        *,
        minus: str | None = None,
        where: Callable[[PairOutcome], bool] = lambda pair: True,
    ) -> Estimate:
        """One number of the tables.

        Args:
            model, method, measure: which.
            minus: another method, whose value on the same pair is subtracted.
            where: keeps a pair or not, beside what the measure needs.
        """
        needs_use = MEASURES[measure].needs_use
        differences = []
        for pair in self.of_model(model):
            if (needs_use and not pair.used) or not where(pair):
                continue
            terms = [
                pair.values.get(name, {}).get(measure) for name in ((method,) if minus is None else (method, minus))
            ]
            known = [term for term in terms if term is not None]
            if len(known) == len(terms):
                differences.append(known[0] - sum(known[1:]))
        return Estimate.of(differences)

    def uniform(self, model: str) -> Estimate:
        """What a uniform map puts on the cue, over the pairs whose cue the model uses."""
        return Estimate.of([pair.uniform for pair in self.of_model(model) if pair.used])

    def control(self, measure: str) -> float | None:
        """What the random control reaches by a measure, mean over the models; None where it was not measured."""
        means = [self.estimate(model, "random", measure).mean for model in self.models]
        known = [mean for mean in means if not math.isnan(mean)]
        return fmean(known) if known else None

    def rows(self) -> Iterable[dict[str, Any]]:
        """One flat object a model, method and measure."""
        for model in self.models:
            for method in self.methods:
                for measure in MEASURES:
                    estimate = self.estimate(model, method, measure)
                    if estimate.count:
                        yield {"model": model, "method": method, "measure": measure, **estimate.to_dict()}

    def _summary(self) -> tuple[str, Rows]:
        title = f"ArenaResult: {len(self.methods)} methods, {len(self.pairs)} pairs of readings"
        used = {model: [pair.used for pair in self.of_model(model)] for model in self.models}
        return title, [
            *((model, f"uses the cue in {sum(pairs)} of {len(pairs)} pairs") for model, pairs in used.items()),
            ("methods", ", ".join(self.methods)),
            ("settings", self.settings),
        ]

    def to_dict(self) -> dict[str, Any]:
        return {
            "interval_rule": INTERVAL_RULE,
            "swing_rule": SWING_RULE,
            "used_from_logits": USED,
            "settings": dict(self.settings),
            "heads": dict(self.heads),
            "left_out": {model: self.left_out(model) for model in self.models},
            "methods": [method.to_dict() for method in self.methods.values()],
            "measures": {name: asdict(measure) for name, measure in MEASURES.items()},
            "table": list(self.rows()),
            "pairs": [pair.to_dict() | {"swing": pair.swing, "used": pair.used} for pair in self.pairs],
        }
