"""Rates of readings that are right, as weights state them, and the case that a comparison opens with."""

from __future__ import annotations

from typing import Any

import pytest

from rsp_lab.analysis.scenes.answers import region_answers
from rsp_lab.analysis.scenes.rates import ReadingRate, opening_case, rates_in, reading_rates
from rsp_lab.data.scenes.dataset import FIRST_SEED
from rsp_lab.data.scenes.scene import CASES, draw_scene_pair
from rsp_lab.models import weights


def rates(*right: int) -> dict[str, ReadingRate]:
    return {case: ReadingRate(one, 20) for case, one in zip(CASES, right, strict=True)}


def test_rates_are_those_of_the_test_scenes() -> None:
    model, done = weights.load("scenes-rsp4-tiny"), []
    found = reading_rates(model, scenes=2, size=(64, 128), report=done.append)

    assert done == [1, 2, 3, 4, 5, 6]
    for case in CASES:
        scenes = [scene for n in range(2) for scene in draw_scene_pair(FIRST_SEED["test"] + n, 64, 128, case=case)]
        assert found[case] == ReadingRate(sum(answer.chosen for answer in region_answers(model, scenes)), 4)
    with pytest.raises(ValueError, match="scenes must be at least 1, got 0"):
        reading_rates(model, scenes=0)


@pytest.mark.parametrize("name", ["scenes-baseline", "scenes-rsp4"])
def test_shipped_weights_solve_every_case(name: str) -> None:
    stated = rates_in(weights.read_header(name)[1])

    assert set(stated) == set(CASES)
    assert all(rate.readings == 200 and rate.share >= 0.95 for rate in stated.values())
    found = reading_rates(weights.load(name), scenes=3)
    assert all(rate.right >= 5 for rate in found.values()), found


@pytest.mark.parametrize(
    "stated",
    [
        None,
        [],
        {"car-bus": 3},
        {"car-bus": {"right": 3}},
        {"car-bus": {"right": 3, "readings": 2}},
        {"car-bus": {"right": 0, "readings": 0}},
        {"car-bus": {"right": "1", "readings": 2}},
    ],
)
def test_what_cannot_be_read_is_no_rate(stated: Any) -> None:
    assert rates_in({"regions": stated}) == {}


@pytest.mark.parametrize(
    ("models", "case"),
    [
        ([], "person-rider"),
        ([{}], "person-rider"),
        ([rates(20, 20, 20), {}], "person-rider"),
        ([rates(20, 20, 20), rates(20, 20, 20)], "person-rider"),
        ([rates(20, 19, 20), rates(20, 20, 20)], "road-pavement"),
        ([rates(10, 20, 19), rates(20, 20, 20)], "car-bus"),
        ([rates(10, 12, 9), rates(10, 10, 10)], "car-bus"),
    ],
)
def test_it_opens_on_the_hardest_case_that_both_solve(models: list[dict[str, ReadingRate]], case: str) -> None:
    assert opening_case(models) == case


def test_a_rate_in_words() -> None:
    assert str(ReadingRate(198.5, 200)) == "198.5 of 200"
    assert ReadingRate(199, 200).share == 0.995
