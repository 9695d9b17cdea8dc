"""Settings of the steps: the walk up the steps against running every setting."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from rsp_lab.analysis.ledger.freeze import freeze
from rsp_lab.analysis.ledger.frozen_head import FrozenHead
from rsp_lab.analysis.ledger.settings import climb_settings, run_settings
from rsp_lab.analysis.targets.target import PixelTarget, RegionTarget, Target
from rsp_lab.models.fusion import AverageConfig
from rsp_lab.models.presets import tiny, tiny_baseline, tiny_rsp4, top_down
from rsp_lab.models.relation import RelationConfig
from rsp_lab.models.segmenter import Segmenter, SegmenterConfig
from rsp_lab.shapes import Window

NAMES = ("road", "rider", "person")
SIZE = (65, 97)
REGION = torch.zeros(SIZE, dtype=torch.bool)
REGION[20:40, 30:60] = True
CONFIGS = {
    "rsp4": tiny_rsp4(NAMES),
    "sum": tiny_baseline(NAMES),
    "average": tiny(top_down(top=5, at=(54, 43), fusion=AverageConfig(Window(3)), channels=64), NAMES),
    # Its weights do not sum to 1, so that what a step adds by its bias depends on the setting.
    "unnormalised": tiny(
        top_down(top=5, at=(54, 43), fusion=RelationConfig(Window(3), normalisation="none"), channels=64), NAMES
    ),
}


def image(seed: int) -> Tensor:
    return torch.rand(1, 3, *SIZE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(
    "target", [PixelTarget(30, 41, "rider", "person"), RegionTarget(REGION, "road", "person")], ids=["pixel", "region"]
)
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_what_settings_share_changes_nothing(config: SegmenterConfig, target: Target) -> None:
    model = Segmenter(config).double().eval()
    before, after = freeze(model, image(1)), freeze(model, image(2))
    assert isinstance(before, FrozenHead)
    assert isinstance(after, FrozenHead)

    found, (expected,) = climb_settings(before, after, target), run_settings(before, after, [target])

    assert found.keys() == expected.keys()
    assert len(found) == 2 ** len(before.steps)
    for setting, reading in expected.items():
        assert found[setting].value == pytest.approx(reading.value, abs=1e-11)
        assert found[setting].gradients.keys() == reading.gradients.keys()
        for level, gradient in reading.gradients.items():
            assert not found[setting].gradients[level].requires_grad
            torch.testing.assert_close(found[setting].gradients[level], gradient, rtol=0, atol=1e-12)


def test_settings_share_what_they_do_not_differ_in() -> None:
    model = Segmenter(CONFIGS["rsp4"]).eval()
    before, after = (freeze(model, image(seed).float()) for seed in (1, 2))
    assert isinstance(before, FrozenHead)
    assert isinstance(after, FrozenHead)

    found = climb_settings(before, after, PixelTarget(30, 41, "rider", "person"))

    different = {level: len({id(one.gradients[level]) for one in found.values()}) for level in before.levels}
    assert different == {2: 1, 3: 1, 4: 2, 5: 4, 6: 8, 7: 16}
