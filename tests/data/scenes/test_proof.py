"""A classifier of the cue's pixels knows; those of the region's, of all but the cue's and of shuffled cues guess."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rsp_lab.data.scenes.proof import prove
from rsp_lab.data.scenes.scene import CASES


@pytest.mark.usefixtures("unchecked_module")
@pytest.mark.parametrize("case", CASES)
def test_the_region_is_ambiguous_and_the_cue_is_not(case: str) -> None:
    proof = prove(case, scenes=20)

    assert proof.case == case
    assert proof.equal_regions == 1
    assert proof.equal_around == 1
    for accuracy in (proof.region_accuracy, proof.around_accuracy, proof.shuffled_accuracy):
        assert proof.chance[0] <= accuracy <= proof.chance[1]
    assert proof.cue_accuracy >= 0.9
    assert proof.holds


@pytest.mark.usefixtures("unchecked_module")
def test_a_leak_is_found() -> None:
    """Where the region's pixels differ by the reading, the proof fails."""
    proof = prove("car-bus", scenes=10)
    for leak in ({"region_accuracy": 0.99}, {"around_accuracy": 0.99}, {"shuffled_accuracy": 0.99}):
        assert not replace(proof, **leak).holds
    for leak in ({"equal_regions": 0.9}, {"equal_around": 0.9}, {"cue_accuracy": 0.6}):
        assert not replace(proof, **leak).holds
    assert proof.sentence().startswith("car-bus, 64 x 128, default: ")
