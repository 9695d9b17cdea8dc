"""Shares, pointing and following by loops on drawn scenes."""

from __future__ import annotations

import pytest
import torch

from rsp_lab.analysis.scenes.known_answer import area_share, follow, known_answer, scene_target
from rsp_lab.data.labels import CITYSCAPES
from rsp_lab.data.scenes.scene import draw_scene_pair

pytestmark = pytest.mark.usefixtures("one_thread", "unchecked_module")


@pytest.fixture(scope="module")
def scenes():
    return draw_scene_pair(4_999_999, 64, 128, case="person-rider", distance=4)


def test_shares_by_loops(scenes):
    ambiguity = scenes[0].ambiguities[0]
    values = torch.randn(64, 128, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    decoys = ambiguity.decoys[0]
    mass, total = {"cue": 0.0, "decoy": 0.0, "region": 0.0}, 0.0
    for y in range(64):
        for x in range(128):
            value = max(0.0, float(values[y, x]))
            total += value
            for name, zone in {"cue": ambiguity.cue, "decoy": decoys, "region": ambiguity.region}.items():
                mass[name] += value * bool(zone[y, x])
    found = known_answer(values, ambiguity)
    for name, value in mass.items():
        if name != "decoy" or decoys.any():
            assert found[f"{name}_share"] == pytest.approx(value / total)
    assert found["cue_lift"] == pytest.approx(mass["cue"] / total / (int(ambiguity.cue.sum()) / (64 * 128)))
    if decoys.any():
        on_cue, on_decoys = mass["cue"] / int(ambiguity.cue.sum()), mass["decoy"] / int(decoys.sum())
        assert found["cue_preference"] == pytest.approx(on_cue / (on_cue + on_decoys))


def test_a_uniform_map_gets_the_area(scenes):
    ambiguity = scenes[0].ambiguities[0]
    found = known_answer(torch.ones(64, 128), ambiguity)
    assert found["cue_share"] == pytest.approx(area_share(ambiguity.cue))
    assert found["cue_lift"] == pytest.approx(1)
    assert found["pointing"] == pytest.approx(area_share(ambiguity.cue))
    assert found.get("cue_preference", 0.5) == pytest.approx(0.5)


def test_pointing_with_and_without_the_region(scenes):
    ambiguity = scenes[0].ambiguities[0]
    values = ambiguity.cue.double() + 2 * ambiguity.region.double()
    found = known_answer(values, ambiguity)
    assert found["pointing"] == 0
    assert found["pointing_context"] == 1
    assert known_answer(ambiguity.cue.double(), ambiguity)["cue_share"] == 1


def test_a_map_without_support_says_nothing(scenes):
    assert known_answer(-torch.ones(64, 128), scenes[0].ambiguities[0]) == {}
    assert follow(torch.zeros(64, 128), torch.ones(64, 128), scenes[0].ambiguities[0].cue, signed=True) is None


def test_a_true_map_follows_and_a_blind_one_does_not(scenes):
    cue = scenes[0].ambiguities[0].cue
    true = cue.double()
    assert follow(true, true, cue, signed=True) == 1
    assert follow(true, true, cue, signed=False) == 0
    assert follow(true, -true, cue, signed=True) == 0
    half = true.clone()
    half[~cue] = int(cue.sum()) / int((~cue).sum())
    assert follow(half, half, cue, signed=True) == pytest.approx(0.5)


def test_the_readings_differ_on_the_cue_alone_and_so_do_their_targets(scenes):
    first, second = scenes
    cue = first.ambiguities[0].cue
    assert torch.equal(cue, second.ambiguities[0].cue)
    assert not bool((first.image != second.image).any(0)[~cue].any())
    a, b = (scene_target(scene.ambiguities[0], tuple(CITYSCAPES.classes)) for scene in scenes)
    assert (a.class_name, a.rival) == (b.rival, b.class_name) == ("person", "rider")
    assert torch.equal(a.mask, b.mask)
