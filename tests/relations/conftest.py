"""Random operands of one relation, and a way past the shape assertions to our own error messages."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

Operands = tuple[Tensor, Tensor, Tensor, Tensor]


@pytest.fixture(scope="module", autouse=True)
def _one_thread(one_thread: None) -> None: ...


@pytest.fixture
def draw() -> Callable[..., Operands]:
    """Query, key, value and f_p, in float64 unless told otherwise. Axes default to pairwise different primes."""

    def operands(
        y: int = 11, x: int = 13, *, b: int = 2, m: int = 5, c: int = 7, channels: int = 34, seed: int = 0
    ) -> Operands:
        generator = torch.Generator().manual_seed(seed)

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator, dtype=torch.float64)

        return normal(b, m, y, x), normal(b, m, y, x), normal(b, c, y, x), normal(m, channels) / 4

    return operands
