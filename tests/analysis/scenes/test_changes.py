"""Means over pairs of scenes are those of the pairs' change ledgers, with Student's interval."""

from __future__ import annotations

import json
import math
from functools import cache
from statistics import fmean

import pytest
import torch

from rsp_lab.analysis.ledger.change import ChangeLedger, change_ledger
from rsp_lab.analysis.scenes.changes import SceneChanges, scene_changes
from rsp_lab.analysis.scenes.known_answer import scene_target
from rsp_lab.data.labels import CITYSCAPES
from rsp_lab.data.scenes.scene import Scene, draw_scene_pair
from rsp_lab.frozen.rules import FrozenError
from rsp_lab.models.presets import tiny_rsp4
from rsp_lab.models.segmenter import Segmenter
from tests.kit.arena import scene_subject

pytestmark = pytest.mark.usefixtures("one_thread")


@cache
def model() -> Segmenter:
    torch.manual_seed(0)
    return Segmenter(tiny_rsp4(CITYSCAPES.classes, ""), name="tiny").eval()


@cache
def pairs() -> tuple[tuple[Scene, Scene], ...]:
    cases = [("person-rider", 1), ("car-bus", 2), ("person-rider", 3)]
    return tuple(draw_scene_pair(seed, 64, 128, case=case) for case, seed in cases)


def ledger(first: Scene, second: Scene) -> ChangeLedger:
    return change_ledger(model(), first.image, second.image, scene_target(second.ambiguities[0], CITYSCAPES.classes))


def test_it_is_the_mean_of_the_pairs_ledgers() -> None:
    done: list[int] = []
    found = {one.case: one for one in scene_changes(model(), pairs(), done.append)}

    assert done == [1, 2, 3]
    assert {case: one.change.count for case, one in found.items()} == {"car-bus": 1, "person-rider": 2}
    ledgers = [ledger(*pairs()[0]), ledger(*pairs()[2])]
    one = found["person-rider"]
    assert one.model == "tiny"
    assert one.change.mean == pytest.approx(fmean(x.total for x in ledgers), abs=1e-9)
    for level, value in one.content.items():
        assert value.mean == pytest.approx(fmean(abs(x.content[level]) for x in ledgers), abs=1e-9)
    for step, value in one.looking.items():
        assert value.mean == pytest.approx(fmean(abs(x.looking[step]) for x in ledgers), abs=1e-9)
    assert one.residual == max(x.residual for x in ledgers)
    assert json.loads(json.dumps(one.to_dict()))["content"]["7"]["count"] == 2
    assert math.isnan(found["car-bus"].change.half_width)


def test_of_a_network_of_another_make_looking_is_that_of_its_gates() -> None:
    subject = scene_subject()
    first, second = pairs()[1]
    target = scene_target(second.ambiguities[0], CITYSCAPES.classes)
    (found,) = scene_changes(subject, [(first, second)])

    by_hand = change_ledger(subject, first.image, second.image, target)
    assert found.content.keys() == by_hand.content.keys() == {2, 4}
    assert found.looking["gates"].mean == pytest.approx(abs(by_hand.looking["gates"]), abs=1e-9)
    with pytest.raises(FrozenError, match=r"no ledger of foreign adds up: .*mul"):
        scene_changes(scene_subject(gated=True), [(first, second)])


def test_a_model_of_other_classes_is_refused() -> None:
    other = Segmenter(tiny_rsp4(("road", "sky")), name="other").eval()
    with pytest.raises(ValueError, match="other does not know the classes of the drawn scenes"):
        scene_changes(other, pairs())


def test_nothing_to_look_at_is_said() -> None:
    with pytest.raises(ValueError, match="no pair of scenes"):
        scene_changes(model(), [])
    with pytest.raises(ValueError, match="no ledger of the case"):
        SceneChanges.of("tiny", "car-bus", [])
