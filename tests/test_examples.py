"""The examples run: each function of the files of models is one that every command takes."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

import rsp_lab as rl
from rsp_lab.models.functions import file_functions
from rsp_lab.models.load_any import load_any
from trainers.config.named import recipe_named

EXAMPLES = Path(__file__).parents[1] / "examples"
NEEDS = {"smp_models": "segmentation_models_pytorch", "hugging_face_models": "transformers"}
FILES = sorted(EXAMPLES.glob("*_models.py"))
IMAGE = rl.scenes.draw_scene(11, 128, 256).image

pytestmark = pytest.mark.usefixtures("one_thread", "unchecked_module")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_model_of_a_file_is_exact(file: Path) -> None:
    needed = NEEDS.get(file.stem)
    if needed and find_spec(needed) is None:
        pytest.skip(f"{needed}, of the extra foreign, is not installed")
    functions = file_functions(file)
    assert functions
    for name in functions:
        model = load_any(f"{file}:{name}")
        assert isinstance(model, rl.Subject)
        assert model.name == name
        assert rl.check(model, IMAGE).exact
        assert rl.context_ledger(model, IMAGE, rl.PixelTarget(60, 130)).residual < 1e-5
        # Of the classes of the shipped models, so that they can be set beside them.
        assert model.class_names == rl.load("scenes-rsp4").class_names
        assert torch.equal(model(IMAGE), load_any(f"{file}:{name}")(IMAGE))


def test_there_is_a_file_for_each_library_and_one_for_none() -> None:
    assert [file.stem for file in FILES] == [
        "home_made_models",
        "hugging_face_models",
        "smp_models",
        "torchvision_models",
    ]


def test_recipes_of_ones_own_make_their_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXAMPLES.parent)
    two_maps = recipe_named("examples/own_recipe.py:two_maps")()
    assert two_maps.model.build(name="mine")(IMAGE).shape[1] == len(two_maps.model.class_names)
    pytest.importorskip(NEEDS["smp_models"], reason="smp, of the extra foreign, is not installed")
    linknet = recipe_named("examples/own_recipe.py:linknet")()
    groups = linknet.optimiser.build(linknet.model.build()).param_groups
    assert [group["factor"] for group in groups] == [1.0, 0.3]
