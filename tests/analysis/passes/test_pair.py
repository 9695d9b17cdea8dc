"""Two models that can be compared, and what is said where they cannot."""

from __future__ import annotations

import re

import pytest

from rsp_lab.analysis.passes.pair import check_same_classes
from rsp_lab.models import presets
from tests.kit.networks import NAMES, network


@pytest.mark.parametrize(
    ("others", "says"),
    [
        ((*NAMES[:-1], "tram"), "has 3 classes ('person' as number 2) and Segmenter (right) has 3 classes ('tram' as"),
        ((*NAMES, "tram"), "has 3 classes (none as number 3) and Segmenter (right) has 4 classes ('tram' as number 3)"),
        (NAMES[::-1], "has 3 classes ('road' as number 0) and Segmenter (right) has 3 classes ('person' as number 0)"),
    ],
)
def test_the_first_class_in_which_two_models_differ_is_named(others: tuple[str, ...], says: str) -> None:
    left, right = network(presets.rsp2()), network(presets.rsp2(), others)
    with pytest.raises(ValueError, match=re.escape(says)):
        check_same_classes(left, right)
    check_same_classes(left, left)
