"""How many unseen readings of each case a model gets right: the number that stands beside a scene that is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from torch import nn

from rsp_lab.analysis.scenes.answers import region_answers
from rsp_lab.data.scenes.dataset import FIRST_SEED, SIZE
from rsp_lab.data.scenes.scene import CASES, draw_scene_pair
from rsp_lab.summary import Summarised

SCENES = 100
"""Test scenes of each case; both readings of each are asked."""
SOLVED = 0.95
"""A model solves a case if it gets at least this share of the readings right; one half is what guessing gets."""
OPENING_RULE = (
    f"the first test scene of the case that is read worst, by both models together, among those that both solve (at "
    f"least {SOLVED:.0%} of the unseen readings right); where they solve none, among all"
)


@dataclass(frozen=True)
class ReadingRate(Summarised):
    """How one model reads the regions of one case.

    Attributes:
        right: readings of which the model prefers the right class to the other reading's; ties count one half.
        readings: how many were asked.
    """

    right: float
    readings: int

    @property
    def share(self) -> float:
        return self.right / self.readings

    def __str__(self) -> str:
        return f"{self.right:g} of {self.readings}"

    def to_dict(self) -> dict[str, float]:
        """Plain JSON data."""
        return asdict(self)


def reading_rates(
    model: nn.Module,
    *,
    scenes: int = SCENES,
    size: tuple[int, int] = SIZE,
    report: Callable[[int], None] = lambda _: None,
) -> dict[str, ReadingRate]:
    """The rates of a model on the first test scenes of each case, by case.

    Args:
        model: of Cityscapes' classes, in eval mode.
        scenes: of each case; both readings of each are asked.
        size: (y, x) of the scenes, pixels.
        report: called with the number of scenes done.

    Raises:
        ValueError: if ``scenes`` is less than 1, or as :func:`~rsp_lab.analysis.scenes.answers.region_answers`.
    """
    if scenes < 1:
        raise ValueError(f"scenes must be at least 1, got {scenes}.")
    rates, done = {}, 0
    for case in CASES:
        right = 0.0
        for number in range(scenes):
            pair = draw_scene_pair(FIRST_SEED["test"] + number, *size, case=case)
            right += sum(answer.chosen for answer in region_answers(model, pair))
            done += 1
            report(done)
        rates[case] = ReadingRate(right, 2 * scenes)
    return rates


def rates_in(metadata: Mapping[str, Any]) -> dict[str, ReadingRate]:
    """The rates that a weights file states under ``regions``, by case; empty where it states none that can be read."""
    stated = metadata.get("regions")
    if not isinstance(stated, Mapping):
        return {}
    rates = {}
    for case, facts in stated.items():
        right, readings = (facts.get(name) if isinstance(facts, Mapping) else None for name in ("right", "readings"))
        if not (isinstance(right, int | float) and isinstance(readings, int) and 0 <= right <= readings > 0):
            return {}
        rates[str(case)] = ReadingRate(float(right), readings)
    return rates


def opening_case(models: Iterable[Mapping[str, ReadingRate]]) -> str:
    """The case on which a comparison opens, by :data:`OPENING_RULE`; the first case where a model states no rates."""
    stated = list(models)
    known = [case for case in CASES if stated and all(case in rates for rates in stated)]
    solved = [case for case in known if all(rates[case].share >= SOLVED for rates in stated)]
    choice = solved or known or list(CASES)
    return min(choice, key=lambda case: sum(rates[case].share for rates in stated) if known else 0)
