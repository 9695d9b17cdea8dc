"""Decisions that turn with the cue, against the models' answers to either reading and their change ledgers."""

from __future__ import annotations

from functools import cache

import pytest

from rsp_lab.analysis.ledger.change import ChangeLedger, change_ledger
from rsp_lab.analysis.ledger.freeze import freeze
from rsp_lab.analysis.ledger.frozen_pass import FrozenPass
from rsp_lab.analysis.scan.scan import ScanCard
from rsp_lab.analysis.scan.turned import found_turn
from rsp_lab.analysis.scenes.answers import region_answers
from rsp_lab.analysis.scenes.known_answer import scene_target
from rsp_lab.analysis.scenes.sources import PARTS, part_map
from rsp_lab.data.scenes.scene import Scene, draw_scene_pair
from rsp_lab.models import weights
from rsp_lab.models.segmenter import Segmenter
from tests.kit.arena import scene_network

pytestmark = pytest.mark.usefixtures("one_thread")
NAMES = ("scenes-baseline-tiny", "scenes-rsp4-tiny")
CASE = "car-bus"


@cache
def model(name: str) -> Segmenter:
    return scene_network() if name == "untrained" else weights.load(name)


@cache
def scenes(seed: int = 2_000_000) -> tuple[Scene, Scene]:
    return draw_scene_pair(seed, 128, 256, case=CASE)


@cache
def heads(name: str, seed: int = 2_000_000) -> tuple[FrozenPass, FrozenPass]:
    first, second = (freeze(model(name), one.image) for one in scenes(seed))
    return first, second


@cache
def card() -> ScanCard:
    found = found_turn((heads(NAMES[0]), heads(NAMES[1])), scenes(), NAMES)
    assert found.tell is not None
    return found.tell()


@cache
def ledger() -> ChangeLedger:
    """Of the right model, from the first reading to the second."""
    first, second = scenes()
    target = scene_target(second.ambiguities[0], model(NAMES[1]).class_names)
    return change_ledger(model(NAMES[1]), first.image, second.image, target)


def test_both_models_follow_the_cue_of_this_scene() -> None:
    answers = {name: region_answers(model(name), scenes()) for name in NAMES}
    assert all(one.margin > 0 for both in answers.values() for one in both)

    assert card().right == "both"
    assert card().scene == (CASE, 2_000_000, card().scene[2])  # type: ignore[index]
    reading = card().scene[2]  # type: ignore[index]
    assert card().margins == pytest.approx([answers[name][reading].margin for name in NAMES], abs=2e-3)
    sums = [sum(one.margin for one in answers[name]) for name in NAMES]
    assert card().changes == pytest.approx(sums, abs=2e-3)
    assert card().score == pytest.approx(card().pixels * sum(sums) / 4, rel=1e-3)
    # The reading that is shown is the one that is harder for one of them.
    hardest = [min(answers[name][place].margin for name in NAMES) for place in (0, 1)]
    assert reading == hardest.index(min(hardest))


def test_the_card_is_of_the_change_ledger() -> None:
    assert card().whole == pytest.approx(ledger().total, abs=1e-3)
    parts = part_map(scenes()[1])
    entries = [float(ledger().on_image(x)[parts == place].sum()) for x in ledger().levels for place in range(4)]
    entries += ledger().looking.values()
    assert card().part == pytest.approx(max(entries), abs=1e-3)
    assert card().source in (*PARTS, *(f"looking elsewhere in step {step[4:]}" for step in ledger().looking))
    region, beyond = scenes()[1].ambiguities[0].region, sum(ledger().looking.values())
    for values in ledger().maps.values():
        high, wide = (n // cells for n, cells in zip(region.shape, values.shape, strict=True))
        touched = region.unfold(0, high, high).unfold(1, wide, wide).any(-1).any(-1)
        beyond += float(values[~touched].sum())
    assert card().context_used == pytest.approx(beyond / ledger().total, abs=1e-3)


def test_one_that_does_not_follow_is_told_apart() -> None:
    same = (heads(NAMES[1])[0], heads(NAMES[1])[0])
    left_alone = found_turn((heads(NAMES[1]), same), scenes(), NAMES)
    right_alone = found_turn((same, heads(NAMES[1])), scenes(), NAMES)

    assert (left_alone.right, right_alone.right) == ("left", "right")
    assert left_alone.tell is not None
    told = left_alone.tell()
    assert told.told == 0
    assert told.changes is not None
    assert told.changes[1] == 0
    # It is shown where the one that stays is wrong.
    assert told.margins[1] < 0


def test_what_turns_in_no_model_counts_and_has_no_card() -> None:
    same = (heads(NAMES[1])[0], heads(NAMES[1])[0])
    found = found_turn((same, same), scenes(), NAMES)

    assert (found.kind, found.right, found.tell) == ("turned", "neither", None)
    assert {found.left_class, found.right_class} == {"car", "bus"}


def test_one_that_turns_against_the_cue_names_what_turned_it() -> None:
    against = (heads(NAMES[1])[1], heads(NAMES[1])[0])
    found = found_turn((against, against), scenes(), NAMES)

    assert found.right == "neither"
    assert found.tell is not None
    told = found.tell()
    assert told.whole == pytest.approx(-ledger().total, abs=1e-3)
    # Every entry has the opposite sign of that of a model that follows: the largest part stays where it was.
    assert (told.part, told.source, told.level) == (pytest.approx(-card().part, abs=1e-3), card().source, card().level)
