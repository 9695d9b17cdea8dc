"""Which names of classes say what each logit is of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from torch import nn

import rsp_lab as rl
from rsp_lab.models import presets
from rsp_lab.models.class_names import checked_class_names
from rsp_lab.models.foreign import ForeignConfig
from rsp_lab.models.functions import FunctionConfig
from rsp_lab.models.pyramid import PyramidConfig
from rsp_lab.models.segmenter import SegmenterConfig

pytestmark = pytest.mark.usefixtures("unchecked_module")


@pytest.mark.parametrize(
    "given",
    [
        ("road", "car"),
        ["road", "car"],
        np.array(["road", "car"]),
        {0: "road", 1: "car"},
        {1: "car", 0: "road"},
        (name for name in ("road", "car")),
    ],
)
def test_names_in_the_order_of_the_logits(given: Any) -> None:
    assert checked_class_names(given) == ("road", "car")
    assert all(type(name) is str for name in checked_class_names(("road", np.str_("car"))))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("road", "road", "sky"), r"got 'road' more than once: give each class its own, e\.g\. 'road 2'"),
        (("a", "b", "a", "b"), r"got 'a', 'b' more than once"),
        ((), r"got none: give one name for each logit"),
        ({}, r"got none"),
        ({"road", "car", "sky"}, r"which has no order: give a tuple"),
        ("road", r"got 'road', which is no sequence of names: give a tuple"),
        (3, r"got 3, which is no sequence of names"),
        ((1, 2, 3), r"got 1 as name 0: write each as a str"),
        (("road", None), r"got None as name 1"),
        ({1: "road", 2: "car"}, r"got a mapping of \[1, 2\]: number the classes from 0 to 1"),
        ({"road": 0}, r"got a mapping of \['road'\]"),
    ],
)
def test_names_that_do_not_say_which_logit_is_whose(given: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        checked_class_names(given)


@pytest.mark.parametrize(
    "make",
    [
        lambda names: rl.adapt(nn.Conv2d(3, 3, 1).eval(), class_names=names, cut=("",)),
        lambda names: SegmenterConfig(PyramidConfig(), presets.baseline(), names),
        lambda names: ForeignConfig("FPN", "resnet18", names),
        lambda names: FunctionConfig("mine.py:net", names),
    ],
)
def test_every_way_in_asks_for_them(make: Callable[[Any], Any]) -> None:
    assert make({0: "a", 1: "b", 2: "c"}).class_names == ("a", "b", "c")
    for wrong in (("road", "road", "sky"), {"a", "b", "c"}, (1, 2, 3), ()):
        with pytest.raises(ValueError, match="class_names must be non-empty and unique"):
            make(wrong)
