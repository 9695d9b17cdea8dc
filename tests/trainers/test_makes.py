"""Networks of other makes, the whole way: a recipe of one's own, trained, resumed, scored, exported, recorded."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import rsp_lab as rl
from rsp_lab.data.camvid import CamVid
from rsp_lab.data.labels import CAMVID
from rsp_lab.data.sample import Sample
from rsp_lab.models import weights
from rsp_lab.models.functions import made_network
from rsp_lab.models.run_state import LAST
from rsp_lab.models.whole import build_model
from trainers.commands import main
from trainers.config.named import recipe_named
from trainers.runs.records import read_records
from trainers.training import loop
from trainers.training.checkpoint import BEST
from trainers.training.evaluate import evaluate

pytestmark = pytest.mark.usefixtures("unchecked_module")
SMALL = ["--augment.crop", "64", "64", "--batch-size", "4", "--num-threads", "1", "--workers", "0", "--steps", "4"]
FILE = """
from dataclasses import replace
from torch import nn
import rsp_lab as rl
from rsp_lab.models.foreign import ForeignConfig
from rsp_lab.models.functions import FunctionConfig
from trainers.config.recipes import camvid_tiny_baseline

PLAIN = camvid_tiny_baseline()
NAMES = PLAIN.model.class_names

def deeplab():
    model = ForeignConfig("DeepLabV3Plus", "timm/test_efficientnet", NAMES, "camvid", (("decoder_channels", 8),))
    return replace(PLAIN, name="deeplab", model=model, optimiser=replace(PLAIN.optimiser, encoder_rate=0.5))

def home():
    return replace(PLAIN, name="home", model=FunctionConfig(__file__ + ":network", NAMES, "camvid"))

def network():
    layers = nn.Sequential(nn.Conv2d(3, 8, 4, 4), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, len(NAMES), 1))
    return rl.adapt(layers.eval(), class_names=NAMES, cut=("2",))

def nothing():
    return 3
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, street: Callable[[int, int, int], Sample]) -> Path:
    """CamVid's layout; no side of an image is a multiple of 16."""
    folder = tmp_path_factory.mktemp("camvid")
    for split, seeds in (("train", range(3)), ("val", range(3, 5))):
        for seed in seeds:
            scene = street(seed, 70, 90)
            assert scene.label is not None
            for kind, values in ((split, scene.image.permute(1, 2, 0).contiguous()), (f"{split}annot", scene.label)):
                (folder / kind).mkdir(exist_ok=True)
                Image.fromarray(values.numpy()).save(folder / kind / f"{seed}.png")
    return folder


@pytest.fixture(autouse=True)
def _environment(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMVID_ROOT", str(root))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("own") / "mine.py"
    path.write_text(FILE)
    return path


@pytest.fixture(scope="module")
def runs(root: Path, file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of each recipe."""
    pytest.importorskip("segmentation_models_pytorch", reason="smp, of the extra foreign, is not installed")
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAMVID_ROOT", str(root))
        for name in ("deeplab", "home"):
            assert main([f"{file}:{name}", "--out", str(folder / f"{name}-0"), *SMALL]) == 0
    return folder


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


@pytest.mark.parametrize("name", ["deeplab", "home"])
def test_resuming_is_exact(name: str, runs: Path, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, calls = loop.update, []

    def update_then_signal(*arguments: Any) -> float:
        calls.append(1)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return plain(*arguments)

    command = [f"{file}:{name}", "--out", str(tmp_path), *SMALL]
    with monkeypatch.context() as context:
        context.setattr(loop, "update", update_then_signal)
        assert main(command) == 130
    assert (tmp_path / LAST).exists()
    assert main(command) == 0
    for kept in (LAST, BEST):
        assert (tmp_path / kept).read_bytes() == (runs / f"{name}-0" / kept).read_bytes()


def test_weights_of_another_library_are_read_and_scored_alone(
    runs: Path, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = runs / "deeplab-0"
    config, metadata = weights.read_header(run / BEST)
    assert type(config).__name__ == "ForeignConfig"
    assert main(["evaluate", str(run), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == metadata["validation"]

    assert main(["predict", str(run), "-o", str(tmp_path / "png")]) == 0
    assert len(list((tmp_path / "png").iterdir())) == 4

    half = tmp_path / "half.safetensors"
    assert main(["export", str(run), "-o", str(half), "--name", "half"]) == 0
    model = rl.load(half)
    assert isinstance(model, rl.Subject)
    assert evaluate(model, CamVid(root, "val"), CAMVID.classes).to_dict() == weights.read_header(half)[1]["validation"]
    assert main(["card", str(half), "-o", str(tmp_path / "card.md")]) == 0
    text = (tmp_path / "card.md").read_text()
    assert "DeepLabV3Plus of segmentation_models_pytorch, options: decoder_channels 8" in text
    assert rl.context_ledger(model, CamVid(root, "val")[0].image, rl.PixelTarget(69, 89)).residual < 1e-5


def test_weights_of_a_network_of_ones_own_need_its_function(
    runs: Path, file: Path, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, network = runs / "home-0", ["--network", f"{file}:network"]
    metadata = weights.read_header(run / BEST)[1]
    assert main(["evaluate", str(run)]) == 2
    assert "a weights file runs no code" in one_line(capsys)
    for checkpoint in (run, run / LAST):
        assert main(["evaluate", str(checkpoint), "--json", *network]) == 0
        assert json.loads(capsys.readouterr().out) == metadata["validation"]
    assert main(["predict", str(run), "-o", str(tmp_path / "png"), *network]) == 0
    half = tmp_path / "half.safetensors"
    assert main(["export", str(run), "-o", str(half), "--name", "half", *network]) == 0
    model = rl.load(half, made_network(f"{file}:network"))
    assert evaluate(model, CamVid(root, "val"), CAMVID.classes).to_dict() == weights.read_header(half)[1]["validation"]
    assert main(["card", str(half), "-o", str(tmp_path / "card.md")]) == 0
    assert f"made by `{file}:network`" in (tmp_path / "card.md").read_text()


def test_their_records_are_kept(runs: Path, tmp_path: Path) -> None:
    assert main(["records", str(runs), "-o", str(tmp_path)]) == 0
    kept = {record.name: record for record in read_records(tmp_path)}
    assert list(kept) == ["deeplab-0", "home-0"]
    model = rl.load(runs / "deeplab-0" / BEST)
    assert kept["deeplab-0"].parameters == sum(p.numel() for p in model.parameters())
    assert kept["deeplab-0"].header["run"]["model"]["architecture"] == "DeepLabV3Plus"


def test_the_encoder_moves_at_its_own_rate(file: Path) -> None:
    pytest.importorskip("segmentation_models_pytorch", reason="smp, of the extra foreign, is not installed")
    config = recipe_named(f"{file}:deeplab")()
    model = build_model(config.model)
    groups = config.optimiser.build(model).param_groups
    assert [group["factor"] for group in groups] == [1.0, 0.5]
    encoder = {id(p) for p in model.encoder.parameters()}
    assert {id(p) for p in groups[1]["params"]} == encoder
    assert {id(p) for p in groups[0]["params"]} == {id(p) for p in model.parameters()} - encoder


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing"], "nothing of .* answers a int, expected a recipe"),
        (["missing"], "has no function 'missing' without arguments. Functions in it: deeplab, home"),
        (["deeplab", "--batch-size", "1"], r"a map that is pooled to one cell needs more crops at a time"),
        (["deeplab", "--encoder-weights", "package"], r"no package ships weights of timm/test_efficientnet"),
        (["home", "--encoder-weights", "package"], "not known what the encoder of this network is"),
        (["home", "--encoder-weights", "library"], "leave encoder_weights at scratch"),
        (["home", "--optimiser.encoder-rate", "0.5"], "this network has no encoder; leave it at 1"),
        (["home", "--optimiser.relation-rate", "0.5"], "this network has no relation module"),
        (["home", "--data", "small-scenes"], "this network knows the classes sky, .* not those of cityscapes"),
    ],
)
def test_what_cannot_be_trained_is_said(
    words: list[str], said: str, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if words[0] == "deeplab":
        pytest.importorskip("segmentation_models_pytorch", reason="smp, of the extra foreign, is not installed")
    assert main([f"{file}:{words[0]}", "--out", str(tmp_path / "run"), *SMALL, *words[1:]]) == 2
    assert re.search(said, one_line(capsys))
    assert not (tmp_path / "run").exists()
