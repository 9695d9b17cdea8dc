"""Many zones at once against the ledger of each zone, and against backward passes through every channel."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from rsp_lab.analysis.ledger.frozen_head import FrozenHead
from rsp_lab.analysis.ledger.ledger import context_ledger
from rsp_lab.analysis.ledger.residual import LedgerError
from rsp_lab.analysis.ledger.zones import zone_contributions
from rsp_lab.analysis.targets.target import PixelTarget, RegionTarget, Target, cell_weights
from rsp_lab.models import presets
from rsp_lab.models.fusion import AverageConfig
from rsp_lab.models.heads import HeadConfig
from rsp_lab.models.pyramid import PyramidConfig
from rsp_lab.models.segmenter import Segmenter, SegmenterConfig
from rsp_lab.shapes import Window
from tests.kit.heads import TOP_DOWN_HEADS

pytestmark = pytest.mark.usefixtures("one_thread")
NAMES = ("road", "rider", "person", "sky")
SIZE = (67, 131)
HEADS: dict[str, HeadConfig] = TOP_DOWN_HEADS | {
    "context2 dilated": presets.top_down(top=5, at=(54, 43), fusion=AverageConfig(Window(3, 3))),
    "one relation among sums": presets.top_down(top=7, at=(54,)),
    "semantic_fpn": presets.semantic_fpn(),
}


def frozen_of(name: str, dtype: torch.dtype = torch.float64) -> FrozenHead:
    torch.manual_seed(0)
    head = replace(HEADS[name], channels=64)
    model = Segmenter(SegmenterConfig(PyramidConfig("tiny", 32, top=head.levels[-1]), head, NAMES)).eval()
    # Biases are drawn small or zero: a model whose biases matter shows a bias that goes missing.
    with torch.no_grad():
        for part in [p for n, p in model.head.named_parameters() if n.endswith("bias")]:
            part.uniform_(-1, 1)
    model.to(dtype)
    image = torch.rand(1, 3, *SIZE, generator=torch.Generator().manual_seed(4))
    return FrozenHead.of(model, image)


def zones() -> list[Target]:
    mask = torch.zeros(SIZE, dtype=torch.bool)
    mask[5:19, 40:51] = True
    corner = torch.zeros(SIZE, dtype=torch.bool)
    corner[60:, 90:] = True
    return [
        RegionTarget(mask, "road", plain_logit=True),
        RegionTarget(~mask, "rider", "person"),
        RegionTarget(corner, "sky", "road"),
        PixelTarget(66, 130, "person", plain_logit=True),
    ]


def asked(frozen: FrozenHead, targets: list[Target]) -> tuple[Tensor, Tensor]:
    cells = (frozen.logits.shape[-2], frozen.logits.shape[-1])
    places = [cell_weights(target, SIZE, cells, frozen.logits.dtype) for target in targets]
    return torch.stack(places), torch.stack([target.direction(NAMES) for target in targets])


@pytest.mark.parametrize("name", HEADS)
def test_every_zone_has_its_ordinary_ledger(name):
    frozen, targets = frozen_of(name), zones()

    found = zone_contributions(frozen, *asked(frozen, targets))

    assert tuple(found.maps) == frozen.levels
    assert found.residual <= 1e-12
    for place, target in enumerate(targets):
        ledger = context_ledger(frozen, frozen.image, target)
        assert float(found.total[place]) == pytest.approx(ledger.total, abs=1e-12)
        assert float(found.bias[place]) == pytest.approx(ledger.bias, abs=1e-12)
        for level, derivative in frozen.pulled_back(frozen.target_weights(target)).items():
            values = (derivative * frozen.q[level]).sum((0, 1))
            torch.testing.assert_close(ledger.maps[level], values, rtol=0, atol=1e-12)
            torch.testing.assert_close(found.maps[level][place], values, rtol=0, atol=1e-12)


def test_it_is_the_same_in_single_precision_and_in_inference_mode():
    exact = zone_contributions(frozen_of("rsp4"), *asked(frozen_of("rsp4"), zones()))
    with torch.inference_mode():
        frozen = frozen_of("rsp4", torch.float32)
    found = zone_contributions(frozen, *asked(frozen, zones()))

    assert found.residual <= 1e-5
    for level, values in exact.maps.items():
        torch.testing.assert_close(found.maps[level], values, rtol=1e-3, atol=1e-5)


def test_the_model_is_left_as_it_was():
    frozen = frozen_of("rsp4")
    parameters = list(frozen.head.parameters())
    before = [(p.requires_grad, p.detach().clone()) for p in parameters]

    zone_contributions(frozen, *asked(frozen, zones()))

    assert all(p.grad is None for p in parameters)
    for parameter, (flag, value) in zip(parameters, before, strict=True):
        assert parameter.requires_grad == flag
        assert torch.equal(parameter, value)


def test_a_head_that_changed_does_not_add_up():
    frozen = frozen_of("rsp4")
    with torch.no_grad():
        frozen.head.classifier.weight.mul_(1.01)

    with pytest.raises(LedgerError, match="4 zones does not add up"):
        zone_contributions(frozen, *asked(frozen, zones()))


@pytest.mark.usefixtures("unchecked")
def test_what_it_refuses():
    frozen = frozen_of("rsp2")
    places, directions = asked(frozen, zones())

    with pytest.raises(ValueError, match=r"places are \(17, 32\), the logits \(17, 33\).*cell_weights"):
        zone_contributions(frozen, places[..., :-1], directions)
    with pytest.raises(ValueError, match=r"shape \(4, 3\), expected \(4, 4\)"):
        zone_contributions(frozen, places, directions[:, :3])
    with pytest.raises(ValueError, match=r"shape \(3, 4\), expected \(4, 4\)"):
        zone_contributions(frozen, places, directions[:3])
