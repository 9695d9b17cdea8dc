"""Six questions of a user are answered by public names alone; the answers are held against plain PyTorch."""

from __future__ import annotations

import ast
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

SCRIPT = Path(__file__).parents[1] / "examples" / "six_questions.py"

pytestmark = pytest.mark.usefixtures("one_thread", "unchecked_module")


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The names of the script after it ran in an empty folder, and that folder."""
    folder = tmp_path_factory.mktemp("answers")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return {**runpy.run_path(str(SCRIPT)), "folder": folder}


def logits(names: dict[str, Any], model: str = "model") -> Tensor:
    with torch.no_grad():
        found: Tensor = names[model](names["image"])[0]
    return found


def test_it_uses_public_names_alone() -> None:
    tree = ast.parse(SCRIPT.read_text("utf-8"))
    imported = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]

    assert sorted(imported) == ["rsp_lab", "torch"]
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    private = [node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr.startswith("_")]
    assert private == []


def test_which_level_decided_a_pixel(answers: dict[str, Any]) -> None:
    ledger, names = answers["ledger"], answers["model"].class_names
    here = logits(answers)[:, 75, 130]
    first, second = here.topk(2).indices.tolist()

    assert (ledger.target.class_name, ledger.target.rival) == (names[first], names[second])
    assert ledger.total == pytest.approx(float(here[first] - here[second]), abs=1e-4)
    sums = {level: float(values.sum()) for level, values in ledger.maps.items()}
    assert ledger.deciding_level == max(sums, key=lambda level: sums[level])
    assert ledger.bias + sum(sums.values()) == pytest.approx(ledger.total, abs=1e-4)


def test_what_happens_if_step_54_looks_uniformly(answers: dict[str, Any]) -> None:
    model, edited = answers["model"], answers["edited"]
    step = next(module for name, module in model.named_modules() if getattr(module, "name", "") == "step54.weights")

    def uniform(module: object, inputs: object, weights: Tensor) -> Tensor:
        there = torch.nn.functional.unfold(torch.ones(1, 1, *weights.shape[-2:]), 7, padding=3)
        there = there.view(1, 7, 7, *weights.shape[-2:])
        return there / there.sum((1, 2), keepdim=True)

    handle = step.register_forward_hook(uniform)
    try:
        after = logits(answers)
    finally:
        handle.remove()
    changed = after.argmax(0) != logits(answers).argmax(0)

    assert answers["share"] == pytest.approx(float(changed.float().mean()), abs=1e-4)
    names = model.class_names
    first, second = (names.index(name) for name in (edited.target.class_name, edited.target.rival))
    assert edited.after.target_value == pytest.approx(float(after[first, 75, 130] - after[second, 75, 130]), abs=1e-3)


def test_the_weights_of_a_pixel_are_drawn_on_the_image(answers: dict[str, Any]) -> None:
    with Image.open(answers["folder"] / "weights.png") as picture:
        assert min(picture.size) > 100
        colours = np.unique(np.array(picture.convert("RGB")).reshape(-1, 3), axis=0)
    assert len(colours) > 1000, "a photograph and maps"
    assert "pixel y 75, x 130" in answers["grids"].caption
    steps = [grid["step"] for grid in answers["grids"].data["models"][0]["relation_grids"]]
    assert steps == ["step76", "step65", "step54", "step43"]


def test_how_far_a_cell_sees(answers: dict[str, Any]) -> None:
    field, model = answers["field"], answers["model"]
    image = (answers["image"][None] / 255).requires_grad_()
    found: list[Tensor] = []
    tap = next(module for module in model.modules() if getattr(module, "name", "") == "q5")
    handle = tap.register_forward_hook(lambda module, inputs, output: found.append(output))
    try:
        model(image)
    finally:
        handle.remove()
    (gradient,) = torch.autograd.grad(found[0][0, :, 2, 4].sum(), image)
    mass = gradient[0].abs().sum(0)

    torch.testing.assert_close(field.shares[0].float(), mass / mass.sum(), rtol=1e-3, atol=1e-6)
    y, x = torch.meshgrid(torch.arange(128.0), torch.arange(256.0), indexing="ij")
    near = torch.hypot(y - field.points[0][0], x - field.points[0][1]) <= field.radius(0.5) + 1e-3
    assert float(field.shares[0][near].sum()) == pytest.approx(0.5, abs=0.01)


def test_two_checkpoints_over_five_images(answers: dict[str, Any]) -> None:
    assert len(answers["comparisons"]) == 5
    for sample, comparison in zip(answers["samples"], answers["comparisons"], strict=True):
        with torch.no_grad():
            left, right = (answers[name](sample.image).argmax(1) for name in ("left", "model"))
        assert comparison.disagreeing_share == pytest.approx(float((left != right).float().mean()), abs=1e-6)
        assert (comparison.left.name, comparison.right.name) == ("scenes-baseline", "scenes-rsp4")
    trade = answers["trade"]
    assert (trade.names, trade.seen) == (("scenes-baseline", "scenes-rsp4"), 5)
    assert trade.residual < 1e-5


def test_what_a_region_is_made_of(answers: dict[str, Any]) -> None:
    ledger, mask = answers["region_ledger"], answers["region"].mask
    labels = logits(answers).argmax(0)
    assert mask[75, 130]
    assert labels[mask].unique().tolist() == [int(labels[75, 130])]
    means = logits(answers)[:, mask].mean(1)
    names = answers["model"].class_names
    first, second = means.topk(2).indices.tolist()

    assert (ledger.target.class_name, ledger.target.rival) == (names[first], names[second])
    assert ledger.total == pytest.approx(float(means[first] - means[second]), abs=1e-4)
