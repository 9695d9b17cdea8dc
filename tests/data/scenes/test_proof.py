"""A classifier of the region's pixels guesses; one of the cue's pixels knows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from rsp_lab.data.scenes.proof import AmbiguityProof
from rsp_lab.data.scenes.scene import CASES

PROGRAM = """
import json
from dataclasses import asdict
from rsp_lab.data.scenes.proof import CASES, prove
print(json.dumps([asdict(prove(case, scenes=20)) for case in CASES]))
"""


def test_the_regions_are_ambiguous_and_the_cues_are_not() -> None:
    """In a process of its own: with every small function checked for its types, drawing takes seven times as long."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=Path(__file__).parents[3],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr
    proofs = [AmbiguityProof(**facts | {"chance": tuple(facts["chance"])}) for facts in json.loads(done.stdout)]

    assert [proof.case for proof in proofs] == list(CASES)
    for proof in proofs:
        print(proof.sentence())
        assert proof.equal_regions == 1
        assert proof.chance[0] <= proof.region_accuracy <= proof.chance[1]
        assert proof.cue_accuracy >= 0.9
        assert proof.holds
