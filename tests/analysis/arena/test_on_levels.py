"""Measures by level, by hand and against a head that only sums."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from rsp_lab.analysis.arena.methods import Ledger, Question, RawWeights, method_map
from rsp_lab.analysis.arena.on_levels import level_scores, level_shares
from rsp_lab.analysis.ledger.change import ChangeLedger, FrozenPair
from rsp_lab.analysis.scenes.known_answer import scene_target
from rsp_lab.data.scenes.scene import draw_scene_pair
from rsp_lab.models import weights

pytestmark = pytest.mark.usefixtures("one_thread", "unchecked_module")


@dataclass
class Cells:
    cells: dict[int, Tensor]


def cells(low: float, high: float) -> Cells:
    return Cells({2: torch.full((2, 2), low / 4), 3: torch.tensor([[high]])})


def change(low: float, high: float) -> ChangeLedger:
    return ChangeLedger(None, (), (8, 8), 0.0, low + high, cells(low, high).cells, {}, {}, {}, 0.0, 1.0)  # type: ignore[arg-type]


def test_shares_are_of_the_absolute_mass() -> None:
    assert level_shares(cells(-1, 3).cells) == {2: 0.25, 3: 0.75}
    assert level_shares(cells(0, 0).cells) == {}


def test_mass_on_the_level_of_the_cue() -> None:
    # The swap came by level 3: 3 of 4 parts lie there on one reading and half on the other, of two levels.
    found = level_scores(cells(1, 3), cells(2, 2), change(0.5, 4), signed=True)
    assert found["cue_level"] == pytest.approx(2 * (0.75 + 0.5) / 2)


@pytest.mark.parametrize(("signed", "overlap"), [(True, 0.75), (False, 0.75)])
def test_overlap_of_the_changes(signed: bool, overlap: float) -> None:
    # A signed map that turns with its reading has not changed where it only changes sign.
    first, second = cells(1, 1), cells(0 if signed else 2, 0 if signed else 2)
    found = level_scores(first, second, change(1, 3), signed=signed)
    assert found["level_overlap"] == pytest.approx(overlap)


def test_a_map_that_does_not_change_has_no_overlap() -> None:
    assert "level_overlap" not in level_scores(cells(1, 1), cells(-1, -1), change(1, 3), signed=True)


def test_in_a_head_that_sums_the_ledger_changes_as_the_change_ledger_says() -> None:
    model = weights.load("scenes-baseline-tiny")
    scenes = draw_scene_pair(5, 64, 128, case="car-bus")
    questions = [Question.of(model, one.image, scene_target(one.ambiguities[0], model.class_names)) for one in scenes]
    (found,) = FrozenPair(*(one.frozen for one in questions)).ledgers([questions[1].target])

    def overlap(method: Ledger | RawWeights) -> float | None:
        first, second = (method_map(method, one) for one in questions)
        return level_scores(first, second, found, signed=method.signed).get("level_overlap")

    assert overlap(Ledger()) == pytest.approx(1, abs=1e-5)
    assert overlap(RawWeights()) is None
