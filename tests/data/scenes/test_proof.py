"""A classifier of the region's pixels guesses; one of the cue's pixels knows."""

from __future__ import annotations

import pytest

from rsp_lab.data.scenes.proof import prove
from rsp_lab.data.scenes.scene import CASES


@pytest.mark.usefixtures("unchecked_module")
@pytest.mark.parametrize("case", CASES)
def test_the_region_is_ambiguous_and_the_cue_is_not(case: str) -> None:
    proof = prove(case, scenes=20)

    assert proof.case == case
    assert proof.equal_regions == 1
    assert proof.chance[0] <= proof.region_accuracy <= proof.chance[1]
    assert proof.cue_accuracy >= 0.9
    assert proof.holds
