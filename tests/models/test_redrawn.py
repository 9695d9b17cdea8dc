"""Weights that are drawn anew are those of a network that is built anew, to the bit."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from rsp_lab.models import presets
from rsp_lab.models.redrawn import Redrawn
from rsp_lab.models.segmenter import Segmenter
from tests.kit.pretended_gpu import GPU, pretended_gpu


def _segmenter() -> nn.Module:
    return Segmenter(presets.tiny_rsp4(("one", "two")))


def _double() -> nn.Module:
    return _segmenter().double()


def _resnet() -> nn.Module:
    return Segmenter(presets.resnet_fpn("resnet18", presets.rsp4(), ("one", "two")))


def _scaled() -> nn.Module:
    """A construction that goes on with what it drew."""
    layer = nn.Linear(5, 7)
    with torch.no_grad():
        layer.weight.mul_(2)
    return layer


def _moved() -> nn.Module:
    """Weights that are no longer where they were drawn."""
    layer = nn.Linear(5, 7)
    layer.weight = nn.Parameter(layer.weight.detach().clone())
    return layer


def _cut() -> nn.Module:
    """Without a part whose numbers were drawn before those of the rest."""
    whole = nn.Sequential(nn.Linear(5, 7), nn.Linear(7, 3))
    return whole[1:]


def _with_buffer() -> nn.Module:
    layer = nn.Linear(5, 7)
    layer.register_buffer("noise", torch.empty(4).normal_())
    return layer


BUILDS = (_segmenter, _double, _resnet, _scaled, _moved, _cut, _with_buffer)


@pytest.mark.parametrize("build", BUILDS)
def test_it_is_what_building_gives(build: Callable[[], nn.Module]) -> None:
    before = torch.get_rng_state()
    redrawn = Redrawn(build)
    for seed in (3, 0, 3):
        found = redrawn.draw(seed)
        assert found is redrawn.network
        kept = {name: value.clone() for name, value in found.state_dict().items()}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            expected = build().state_dict()
        assert list(kept) == list(expected)
        assert all(torch.equal(kept[name], value) for name, value in expected.items())
    assert (redrawn._draws is None) == (build in (_scaled, _moved)), "what can be drawn alone is not built again"
    assert torch.equal(torch.get_rng_state(), before)


def test_weights_of_another_device_are_drawn_too() -> None:
    with pretended_gpu():
        redrawn = Redrawn(lambda: _segmenter().to(GPU))
        first, second = (next(redrawn.draw(seed).parameters()).inner.clone() for seed in (1, 2))  # type: ignore[attr-defined]
    assert not torch.equal(first, second)
