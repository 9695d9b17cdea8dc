"""Scenes that were drawn before are copied, and nobody can tell."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

import numpy as np
import torch
from torch import Tensor

from rsp_lab.data.scenes.difficulty import Difficulty
from rsp_lab.data.scenes.scene import Scene, draw_scene
from tests.kit.repeated_scenes import scenes_as_drawn


def assert_same(ours: object, theirs: object) -> None:
    """Equal in every part, tensors to the bit."""
    assert type(ours) is type(theirs)
    if isinstance(ours, Tensor):
        assert isinstance(theirs, Tensor)
        assert torch.equal(ours, theirs)
    elif isinstance(ours, tuple | list):
        assert isinstance(theirs, tuple | list)
        for one, other in zip(ours, theirs, strict=True):
            assert_same(one, other)
    elif is_dataclass(ours):
        for field in fields(ours):
            assert_same(getattr(ours, field.name), getattr(theirs, field.name))
    else:
        np.testing.assert_equal(ours, theirs)


def drawn() -> list[Scene]:
    return [draw_scene(3, 64, 128, **how) for how in ({}, {"reading": 0}, {"difficulty": Difficulty(hidden=0.5)})]


def test_what_is_copied_is_what_is_drawn() -> None:
    with scenes_as_drawn():
        expected = drawn()
    for _ in range(2):
        assert_same(drawn(), expected)


def test_who_writes_into_a_scene_writes_into_that_one_alone() -> None:
    first = draw_scene(3, 64, 128)
    before = first.image.clone()
    first.image.zero_()

    assert torch.equal(draw_scene(3, 64, 128).image, before)
