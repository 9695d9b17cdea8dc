"""Decoders that are compared differ in the decoder alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rsp_lab.models.foreign import ForeignConfig
from rsp_lab.models.segmenter import SegmenterConfig
from trainers.config.makes import HEADS, MAKES, SMP
from trainers.config.recipes import camvid_lite0_baseline, study
from trainers.config.run import RunConfig

pytest.importorskip("timm", reason="timm, of the extra encoders, is not installed")


def differences(first: Callable[[], RunConfig], second: Callable[[], RunConfig]) -> set[str]:
    ours, theirs = first().fingerprint(), second().fingerprint()
    changed = {key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)}
    return {key for key in changed if not key.startswith("model.")}


def test_a_run_has_its_recipe_as_name() -> None:
    assert list(MAKES) == [recipe().name for recipe in MAKES.values()]
    assert len(MAKES) == len(HEADS) + 2 * len(SMP)


@pytest.mark.parametrize("data", ["scenes", "camvid"])
def test_runs_on_one_data_set_differ_in_name_and_network_only(data: str) -> None:
    recipes = [recipe for name, recipe in MAKES.items() if name.startswith(data)]
    assert all(differences(recipes[0], recipe) == {"name"} for recipe in recipes[1:])


def test_they_stand_beside_the_runs_that_there_are() -> None:
    # Repeated runs are scored once, at their end, whatever the recipe says of its length.
    beside = differences(MAKES["camvid_smp_fpn"], camvid_lite0_baseline)
    assert beside == {"name", "steps", "eval_every"}
    scenes = differences(MAKES["scenes_lite0_rsp4"], study("rsp4"))
    assert scenes == {"name", "steps", "eval_every", "encoder_weights", "optimiser.encoder_rate"}


@pytest.mark.parametrize("name", MAKES)
def test_all_start_from_one_encoder_and_one_normalisation(name: str) -> None:
    ours, model = MAKES["scenes_lite0_rsp4"]().model, MAKES[name]().model
    assert isinstance(ours, SegmenterConfig)
    assert model.encoder == ours.encoder == "timm/tf_efficientnet_lite0"
    own = model if isinstance(model, ForeignConfig) else model.pyramid  # type: ignore[union-attr]
    assert (own.mean, own.std) == (ours.pyramid.mean, ours.pyramid.std)
    assert MAKES[name]().encoder_weights == "package"


@pytest.mark.parametrize("decoder", SMP)
def test_the_last_map_has_the_channels_of_our_heads(decoder: str) -> None:
    pytest.importorskip("segmentation_models_pytorch", reason="smp, of the extra foreign, is not installed")
    network = MAKES[f"camvid_smp_{decoder}"]().model.build().network
    assert network.segmentation_head[0].in_channels == HEADS["rsp4"].channels == 64
