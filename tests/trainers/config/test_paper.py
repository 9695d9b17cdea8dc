"""The paper's runs, and what of a run differs from them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rsp_lab.models import presets
from trainers.config.panoptic import COCO_RECIPES, coco_rsp4d_r50
from trainers.config.paper import PAPER_RECIPES, cityscapes, differences
from trainers.config.run import LossConfig


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


def test_what_a_run_on_coco_settles_for_the_paper_is_said() -> None:
    for name, recipe in COCO_RECIPES.items():
        assert len(differences(recipe())) == 9, name
    config = coco_rsp4d_r50()
    pooled, own = (
        replace(config, model=replace(config.model, instances=replace(config.model.instances, rpn_top=top)))
        for top in ("pool", "p6")
    )
    assert any("every other cell of P_5" in line for line in differences(pooled))
    assert any("P_6 of the pyramid" in line for line in differences(own))
    changed = differences(replace(config, batch_size=8, loss=LossConfig(semantic=1.0)))[9:]
    assert changed == ["batch_size is 8, the paper's 16", "loss.semantic is 1.0, the paper's off"]
