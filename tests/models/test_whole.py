"""Whole models of both kinds: what is saved comes back, and what takes a segmenter takes the semantic branch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import rsp_lab as rl
from rsp_lab.models import weights
from rsp_lab.models.adapt import adapt
from rsp_lab.models.config_json import config_from_json, config_to_json
from rsp_lab.models.inspection.dataflow import step_dataflow
from rsp_lab.models.load_any import load_any, load_segmenter
from rsp_lab.models.panoptic import presets
from rsp_lab.models.panoptic.segmenter import PanopticSegmenter
from rsp_lab.models.segmenter import Segmenter, SegmenterConfig
from rsp_lab.models.whole import build_model
from tests.kit import panoptic as kit

CONFIG = presets.tiny_panoptic_rsp4(kit.THINGS, kit.STUFF, "mine")


@pytest.fixture(scope="module", autouse=True)
def _one_thread(one_thread: None) -> None: ...


@pytest.fixture(scope="module")
def model() -> PanopticSegmenter:
    return kit.panoptic_network(CONFIG)


@pytest.fixture(scope="module")
def file(model: PanopticSegmenter, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "mine.safetensors"
    weights.save(model, path, {"seed": 3}, torch.float32)
    return path


@torch.no_grad()
def test_a_panoptic_model_comes_back_from_its_file(model: PanopticSegmenter, file: Path) -> None:
    loaded = rl.load(file)

    assert weights.read_header(file) == (CONFIG, {"seed": 3})
    assert isinstance(loaded, PanopticSegmenter)
    assert (loaded.config, loaded.name, loaded.training) == (CONFIG, "mine", False)
    image = torch.rand(3, 67, 93)
    expected, answer = model(image), loaded(image)
    assert torch.equal(answer.logits, expected.logits)
    for part in ("boxes", "scores", "classes", "masks"):
        assert torch.equal(getattr(answer.detections, part), getattr(expected.detections, part)), part


def test_a_panoptic_state_dict_comes_back(model: PanopticSegmenter, tmp_path: Path) -> None:
    torch.save(model.state_dict(), tmp_path / "plain.pth")

    loaded = weights.load_pth(tmp_path / "plain.pth", CONFIG)

    assert all(torch.equal(value, model.state_dict()[name]) for name, value in loaded.state_dict().items())


@torch.no_grad()
def test_half_precision_on_disk_changes_little(model: PanopticSegmenter, tmp_path: Path) -> None:
    weights.save(model, tmp_path / "half.safetensors", {})
    loaded, image = weights.load(tmp_path / "half.safetensors"), torch.rand(3, 64, 96)

    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    expected = model(image).logits
    assert (loaded.semantic.coarse_logits(image) - expected).abs().max() < 0.02 * expected.abs().max()
    for name, value in loaded.instances.state_dict().items():
        assert (value - model.instances.state_dict()[name]).abs().max() < 1e-3, name


def test_the_structure_of_a_model_is_that_of_its_semantic_head(model: PanopticSegmenter) -> None:
    assert rl.head_structure(model) == rl.head_structure(model.semantic)
    assert rl.head_structure(model).name == "RSP-4"
    assert step_dataflow(model, "step54", (128, 256)) == step_dataflow(model.semantic, "step54", (128, 256))


def test_the_semantic_branch_exports_and_compiled_models_are_saved(model: PanopticSegmenter, tmp_path: Path) -> None:
    image = torch.rand(1, 3, 32, 64)
    program = torch.export.export(model.semantic, (image,))
    with torch.no_grad():
        torch.testing.assert_close(program.module()(image), model.semantic(image))

    weights.save(torch.compile(model), tmp_path / "compiled.safetensors", {}, torch.float32)
    loaded = weights.load(tmp_path / "compiled.safetensors")
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in loaded.state_dict().items())


@torch.no_grad()
def test_what_takes_a_segmenter_takes_the_semantic_branch(model: PanopticSegmenter, file: Path) -> None:
    image = torch.rand(3, 40, 72)
    for branch in (load_any(file), load_segmenter(file), adapt(model)):
        assert isinstance(branch, Segmenter)
        assert branch.class_names == ("things", *kit.STUFF)
        assert torch.equal(branch.coarse_logits(image), model(image).logits)
    assert load_any(file).name == "mine"
    assert adapt(model) is model.semantic
    assert model.semantic.semantic is model.semantic


def test_a_ledger_of_the_semantic_branch_is_one_of_the_panoptic_logits(model: PanopticSegmenter) -> None:
    image = torch.rand(3, 67, 93)  # sides that no stride divides
    ledger = rl.context_ledger(model.semantic, image, rl.PixelTarget(30, 40, "road", "things"))

    with torch.no_grad():
        logits = torch.nn.functional.interpolate(model(image).logits, size=(67, 93), mode="bilinear")[0, :, 30, 40]
    assert ledger.total == pytest.approx(float(logits[1] - logits[0]), abs=1e-4)
    assert ledger.residual < 1e-4


@pytest.mark.usefixtures("unchecked")
def test_an_analysis_asks_for_one_branch(model: PanopticSegmenter) -> None:
    image, target = torch.rand(3, 32, 32), rl.PixelTarget(3, 4)
    calls: list[Any] = [
        lambda: rl.context_ledger(model, image, target),  # type: ignore[arg-type]
        lambda: rl.compare(model, model, image),  # type: ignore[arg-type]
        lambda: rl.attribute(model, image, target, "gradient_x_input"),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"pass model\.semantic"):
            call()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["instances"].update(box_channels=10**9), "InstanceConfig.box_channels is 1000000000"),
        (lambda d: d["instances"].update(sizes=[[8]] * 9), "InstanceConfig.sizes is 9 of them"),
        (lambda d: d["instances"].update(ratios=["1"]), "InstanceConfig.ratios is"),
        (lambda d: d["instances"].update(rpn_top="p9"), "expected one of 'pool', 'p6'"),
        (lambda d: d.update(things=["a\nb"]), "PanopticConfig.things holds"),
        (lambda d: d.update(things=[]), "PanopticConfig.things is 0 of them"),
        (lambda d: d.pop("semantic"), "PanopticConfig lacks its field semantic"),
        (lambda d: d.update(semantic=d["instances"]), "PanopticConfig.semantic is"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_a_header_is_checked_whole(change: Any, message: str) -> None:
    data = config_to_json(CONFIG)
    assert config_from_json(data) == CONFIG
    change(data)

    with pytest.raises(ValueError, match=message):
        config_from_json(data)


def test_weights_of_one_kind_are_not_those_of_the_other(model: PanopticSegmenter, tmp_path: Path) -> None:
    torch.save(model.semantic.state_dict(), tmp_path / "half.pth")

    with pytest.raises(weights.WeightsError, match=r"tensors do not fit the configuration: .* missing"):
        weights.load_pth(tmp_path / "half.pth", CONFIG)
    assert isinstance(weights.load_pth(tmp_path / "half.pth", CONFIG.semantic), Segmenter)


def test_a_configuration_says_which_kind_it_is() -> None:
    assert isinstance(build_model(CONFIG, name="one"), PanopticSegmenter)
    semantic = build_model(replace(CONFIG.semantic), name="two")
    assert isinstance(semantic, Segmenter)
    assert semantic.name == "two"
    assert isinstance(CONFIG.semantic.semantic, SegmenterConfig)
