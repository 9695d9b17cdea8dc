"""What stands around a network is taken off, whatever it is."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from rsp_lab.frozen.wrappers import is_compiled, uncompiled, unwrapped
from rsp_lab.models.adapt import adapt
from rsp_lab.models.subject import Subject

WRAPPERS = {
    "compiled": lambda net: torch.compile(net, backend="eager"),
    "parallel": nn.DataParallel,
    "averaged": AveragedModel,
    "compiled and parallel": lambda net: torch.compile(nn.DataParallel(net), backend="eager"),
}


def plain() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 1)).eval()


@pytest.mark.parametrize("name", WRAPPERS)
def test_the_network_inside_is_found(name: str) -> None:
    wrapped = WRAPPERS[name](plain()).eval()

    assert isinstance(unwrapped(wrapped), nn.Sequential)
    subject = adapt(wrapped, class_names=("a", "b"), cut=("1",))
    assert isinstance(subject, Subject)
    assert isinstance(subject.network, nn.Sequential)


def test_a_plain_network_is_itself_and_nothing_is_switched() -> None:
    net = plain()
    assert unwrapped(net) is net
    assert not is_compiled(net)
    with uncompiled(net):
        assert net(torch.rand(1, 3, 8, 8)).shape == (1, 2, 6, 6)
