"""The derivative without channels is that of backward passes through all of them, and is left where it is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from rsp_lab.analysis.ledger.frozen_head import FrozenHead
from rsp_lab.analysis.ledger.head_derivative import is_separable
from rsp_lab.analysis.ledger.ledger import context_ledger
from rsp_lab.analysis.targets.target import PixelTarget, RegionTarget, Target
from rsp_lab.models import presets
from rsp_lab.models.heads import HeadConfig
from rsp_lab.models.relation import relation_modules
from rsp_lab.models.segmenter import Segmenter
from tests.kit.heads import TOP_DOWN_HEADS
from tests.kit.networks import SIZE, network, noise_image, rectangle

PIXEL = PixelTarget(41, 77, "rider", "person")
REGION = RegionTarget(rectangle(slice(5, 19), slice(40, 51), SIZE), "road", "rider")
HEADS: dict[str, HeadConfig] = {**TOP_DOWN_HEADS, "semantic_fpn": presets.semantic_fpn()}


def frozen_head(model: Segmenter) -> FrozenHead:
    return FrozenHead.of(model.eval().double(), noise_image(dtype=torch.float64))


@pytest.mark.parametrize("target", [PIXEL, REGION], ids=["pixel", "region"])
@pytest.mark.parametrize("kind", HEADS)
def test_it_is_that_of_all_channels(kind: str, target: Target) -> None:
    frozen = frozen_head(network(HEADS[kind], selective=True))
    expected = frozen.pulled_back(frozen.target_weights(target))

    assert is_separable(frozen.head)
    found, parts = frozen.gradients(target), frozen.contributions(target)
    assert list(found) == list(parts) == list(frozen.levels)
    for level, derivative in expected.items():
        torch.testing.assert_close(found[level], derivative, rtol=0, atol=1e-14)
        cells = (derivative * frozen.q[level]).sum((0, 1))
        torch.testing.assert_close(parts[level], cells, rtol=0, atol=1e-14)
        assert parts[level].dtype == torch.float64


def _mixes_cells(model: Segmenter) -> None:
    fusion = next(iter(relation_modules(model.head).values()))
    fusion.f_v = nn.Conv2d(8, 8, 3, padding=1)


def _mixes_classes(model: Segmenter) -> None:
    model.head.classifier = nn.Conv2d(8, 3, 3, padding=1)


def _doubles_values(model: Segmenter) -> None:
    fusion = next(iter(relation_modules(model.head).values()))
    fusion.f_v.register_forward_hook(lambda module, given, value: 2 * value)


def _shares_weights_of_norm(model: Segmenter) -> None:
    fusion = next(iter(relation_modules(model.head).values()))
    nn.utils.parametrizations.weight_norm(fusion.f_v)


@pytest.mark.parametrize("change", [_mixes_cells, _mixes_classes, _doubles_values, _shares_weights_of_norm])
def test_another_head_goes_through_all_channels(change: Callable[[Segmenter], None]) -> None:
    model = network(TOP_DOWN_HEADS["rsp4"])
    change(model)
    frozen = frozen_head(model)
    expected = frozen.pulled_back(frozen.target_weights(PIXEL))

    assert not is_separable(frozen.head)
    for level, derivative in frozen.gradients(PIXEL).items():
        assert torch.equal(derivative, expected[level])
    assert context_ledger(frozen, frozen.image, PIXEL).residual < 1e-10


def test_nothing_is_kept_for_a_backward_pass() -> None:
    frozen = frozen_head(network(TOP_DOWN_HEADS["rsp2"]))
    ledger = context_ledger(frozen, frozen.image, PIXEL)

    assert ledger.residual < 1e-12
    assert "_graph" not in vars(frozen)
    assert not any(parameter.grad is not None for parameter in frozen.head.parameters())
