"""Table III's runs by the schedule that fits its print, and a small pair that differs in its head alone."""

from __future__ import annotations

import pytest

from rsp_lab.data.panoptic.categories import COCO_PANOPTIC, STREET_PANOPTIC
from rsp_lab.data.sources import SOURCES
from rsp_lab.models import presets
from trainers.config.panoptic import COCO_RECIPES, SCENES_RECIPES, coco
from trainers.config.run import RunConfig

ALL = COCO_RECIPES | SCENES_RECIPES


def differing(first: RunConfig, second: RunConfig) -> set[str]:
    ours, theirs = first.fingerprint(), second.fingerprint()
    return {key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)}


def test_the_rows_of_table_iii_differ_in_their_head_alone() -> None:
    configs = {name: recipe() for name, recipe in COCO_RECIPES.items()}
    own = ("name", "model.semantic.head.", "model.semantic.pyramid.top")
    for config in configs.values():
        assert all(key.startswith(own) for key in differing(config, configs["coco_rsp4d_r50"]))
    heads = [config.model.semantic.head for config in configs.values()]
    assert heads == [presets.semantic_fpn(), presets.rsp2_d(), presets.rsp4_d(), presets.baseline_q67()]


def test_rates_fall_as_in_the_schedule_that_fits_the_print() -> None:
    config = coco("mine", presets.semantic_fpn())
    rates = [config.learning_rate(step) for step in (0, 500, 1000, 59_999, 60_000, 80_000, 89_999)]
    assert rates == pytest.approx([2e-5, 0.01001, 0.02, 0.02, 0.002, 2e-4, 2e-4])
    assert (config.steps, config.batch_size) == (90_000, 16)
    assert (config.loss.instances, config.loss.semantic) == (1.0, 0.5)
    assert config.model.semantic.pyramid.frozen_batch_norm


def test_the_small_pair_differs_in_name_and_head_alone() -> None:
    pytest.importorskip("timm", reason="timm, of the extra encoders, is not installed")
    first, second = (recipe() for recipe in SCENES_RECIPES.values())
    assert differing(first, second) == {"name", "model.semantic.head.fusions"}
    assert first.augment.largest == (128, 256)
    assert first.steps == first.eval_every


@pytest.mark.parametrize("name", ALL)
def test_a_run_has_its_recipe_as_name_and_a_model_for_its_data(name: str) -> None:
    if name in SCENES_RECIPES:
        pytest.importorskip("timm", reason="timm, of the extra encoders, is not installed")
    config = ALL[name]()
    table = COCO_PANOPTIC if name in COCO_RECIPES else STREET_PANOPTIC
    assert config.name == name
    assert config.data in SOURCES or config.data == "coco"
    assert config.model.class_names == table.semantic.classes
    assert config.model.things == tuple(category.name for category in table.things)
