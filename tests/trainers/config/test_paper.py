"""The paper's runs, and what of a run differs from them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rsp_lab.models import presets
from trainers.config.paper import PAPER_RECIPES, cityscapes, differences


def test_the_paper_has_a_recipe_for_each_of_its_runs() -> None:
    configs = {name: recipe() for name, recipe in PAPER_RECIPES.items()}
    assert len({config.model for config in configs.values()}) >= len(configs) - 2  # defaults of Tables IV to VI
    heads = {(config.model.head, config.model.pyramid.encoder) for config in configs.values()}
    for head in (presets.rsp4(), presets.baseline_q67(), presets.context2(), presets.rsp4(at=(76, 65))):
        assert (head, "resnet50") in heads
    assert (presets.rsp4_d(), "resnext101_64x4d") in heads
    for config in configs.values():
        assert config.model.pyramid.frozen_batch_norm
        assert config.encoder_weights == "library"
        assert [config.learning_rate(step) for step in (0, 1000, 40_000, 64_999)] == pytest.approx(
            [1e-3, 1e-2, 1e-3, 1e-4]
        )
        assert len(differences(config)) == 5
    assert not differences(replace(cityscapes("mine", presets.baseline()), data="camvid"))
