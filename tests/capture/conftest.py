"""Small networks with taps, and a snapshot of everything a capture must leave alone."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rsp_lab.shapes import Tap


class Toy(nn.Module):
    """image -> p2 -> p3 -> logits, with step32.weights computed only for a listener."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 5, 3, padding=1, stride=2)
        self.norm = nn.BatchNorm2d(5)
        self.second = nn.Conv2d(5, 7, 3, padding=1)
        self.tap_p2 = Tap("p2", "b c y x", 2)
        self.tap_p3 = Tap("p3", "b c y x", 2)
        self.tap_weights = Tap("step32.weights", "b y x", 2)
        self.tap_logits = Tap("logits", "b class y x", 2)
        self.tap_unused = Tap("unused", "b c", 1)
        self.fail = False

    def forward(self, image: Tensor) -> Tensor:
        p2 = self.tap_p2(self.norm(self.first(image)))
        p3 = self.tap_p3(self.second(p2.relu()))
        if self.fail:
            raise RuntimeError("broken on purpose")
        if self.tap_weights.listening:
            p3 = p3 * self.tap_weights(p3.mean(1).sigmoid()).unsqueeze(1)
        return self.tap_logits(p3.tanh())


def checksum(tensor: Tensor) -> int:
    return zlib.crc32(tensor.detach().numpy().tobytes())


@pytest.fixture
def toy() -> Toy:
    return Toy().eval()


@pytest.fixture
def image() -> Tensor:
    return torch.rand(2, 3, 22, 26)


@pytest.fixture
def traces() -> Callable[[nn.Module], list[Any]]:
    """Hooks, mode, requires_grad, whether .grad exists, and state of every module and parameter, comparable by ==."""

    def of(model: nn.Module) -> list[Any]:
        tables = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
        tables += ("_forward_hooks_with_kwargs", "_forward_hooks_always_called", "_forward_pre_hooks_with_kwargs")
        modules = [
            (name, module.training, sorted(vars(module)), [list(getattr(module, table).items()) for table in tables])
            for name, module in model.named_modules()
        ]
        parameters = [(name, p.requires_grad, p.grad is None, checksum(p)) for name, p in model.named_parameters()]
        return [modules, parameters, [(name, checksum(buffer)) for name, buffer in model.named_buffers()]]

    return of
