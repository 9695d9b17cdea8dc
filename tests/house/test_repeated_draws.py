"""Weights that were drawn before are copied, and nobody can tell."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import init


def drawn(channels_last: bool) -> tuple[Tensor, Tensor]:
    """Weights of a convolution, and the next number of the generator."""
    torch.default_generator.manual_seed(3)
    weights = torch.empty(32, 16, 3, 3)
    if channels_last:
        weights = weights.to(memory_format=torch.channels_last)
    return init.kaiming_normal_(nn.Parameter(weights), nonlinearity="relu").detach(), torch.rand(1)


def test_what_is_copied_is_what_is_drawn() -> None:
    for channels_last in (False, True):
        torch.default_generator.manual_seed(3)
        expected = torch.empty(32, 16, 3, 3)
        if channels_last:
            expected = expected.to(memory_format=torch.channels_last)
        torch.nn.init.normal_(expected, 0, (2 / (16 * 9)) ** 0.5)
        following = torch.rand(1)

        for _ in range(2):
            weights, next_number = drawn(channels_last)
            assert torch.equal(weights, expected)
            assert torch.equal(next_number, following)


def test_a_network_on_the_meta_device_draws_nothing() -> None:
    before = torch.get_rng_state()
    with torch.device("meta"):
        assert nn.Conv2d(64, 64, 3).weight.is_meta
    assert torch.equal(torch.get_rng_state(), before)
