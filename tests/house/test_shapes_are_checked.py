"""Shapes in signatures of rsp_lab are assertions while the tests run (``tests/conftest.py``)."""

from __future__ import annotations

import jaxtyping
import pytest
import torch

from rsp_lab.analysis.scenes.answers import RegionAnswer
from rsp_lab.data.sample import Sample
from rsp_lab.relations.window import position_plane
from tests.conftest import shaped_modules


def test_a_wrong_argument_is_refused() -> None:
    with pytest.raises(jaxtyping.TypeCheckError):
        Sample("street", torch.zeros(3, 4, 6, dtype=torch.uint8), torch.zeros(5, 6, dtype=torch.uint8))
    with pytest.raises(jaxtyping.TypeCheckError):
        position_plane(torch.zeros(4))


def test_an_int_will_do_for_a_float() -> None:
    answer = RegionAnswer("car-bus", 0, 0, 4, pixels=1, right=1, swapped=0, margin=1)
    assert answer.chosen == 1


def test_every_room_with_tensors_has_shapes() -> None:
    rooms = {".".join(name.split(".")[:2]) for name in shaped_modules()}
    assert rooms >= {f"rsp_lab.{room}" for room in ("analysis", "data", "models", "relations", "rgb")}
