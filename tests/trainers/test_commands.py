"""The whole way from a recipe to shipped weights and their card, on a made-up CamVid folder."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from rsp_lab.data.camvid import CamVid
from rsp_lab.data.labels import CAMVID
from rsp_lab.data.sample import Sample
from rsp_lab.models import timm_encoder, weights
from rsp_lab.models.presets import tiny_baseline
from rsp_lab.models.run_state import LAST
from rsp_lab.models.segmenter import Segmenter
from trainers import commands
from trainers.commands import main
from trainers.config.recipes import camvid_tiny_baseline, camvid_tiny_rsp4
from trainers.training.checkpoint import BEST
from trainers.training.evaluate import evaluate

PAIR = (camvid_tiny_rsp4.__name__, camvid_tiny_baseline.__name__)
SMALL = ["--augment.crop", "64", "64", "--batch-size", "2", "--num-threads", "1", "--workers", "0", "--log-every", "1"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, street: Callable[[int, int, int], Sample]) -> Path:
    folder = tmp_path_factory.mktemp("camvid")
    for split, seeds in (("train", range(3)), ("val", range(3, 5))):
        (folder / split).mkdir()
        (folder / f"{split}annot").mkdir()
        for seed in seeds:
            scene = street(seed, 64, 96)
            assert scene.label is not None
            Image.fromarray(scene.image.permute(1, 2, 0).contiguous().numpy()).save(folder / split / f"{seed}.png")
            Image.fromarray(scene.label.numpy()).save(folder / f"{split}annot" / f"{seed}.png")
    return folder


@pytest.fixture(autouse=True)
def _environment(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMVID_ROOT", str(root))


@pytest.fixture(scope="module")
def pair(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of each recipe, three updates long."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAMVID_ROOT", str(root))
        for recipe in PAIR:
            assert main([recipe, "--out", str(folder / recipe), "--steps", "3", *SMALL]) == 0
    return folder


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_evaluate_agrees_with_the_run(pair: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = pair / "camvid_tiny_rsp4"
    assert main(["evaluate", str(run), "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    _, metadata = weights.read_header(run / BEST)
    assert scores == metadata["validation"]
    logged = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [line["val"] for line in logged if "val" in line] == [scores]
    assert main(["evaluate", str(run / BEST)]) == 0
    assert "bicyclist" in capsys.readouterr().out


def test_exported_weights_carry_their_own_scores_and_a_card(
    pair: Path, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = []
    for recipe in PAIR:
        files.append(tmp_path / f"{recipe}.safetensors")
        assert main(["export", str(pair / recipe), "-o", str(files[-1]), "--name", recipe.replace("_", "-")]) == 0
        _, metadata = weights.read_header(files[-1])
        model = weights.load(files[-1])
        assert metadata["validation"] == evaluate(model, CamVid(root, "val"), CAMVID.classes).to_dict()
        assert metadata["precision"] == "float16"
        assert "non-commercial" in metadata["terms"]
        best = weights.load(pair / recipe / BEST).state_dict()
        assert all(torch.equal(value.half(), best[key].half()) for key, value in model.state_dict().items())
    assert set(tmp_path.iterdir()) == set(files)

    card = tmp_path / "docs" / "card.md"
    assert main(["card", *map(str, files), "-o", str(card)]) == 0
    text = card.read_text()
    for wanted in ("| bicyclist |", "**mIoU**", "non-commercial", "step54: relation over 7 x 7", "| 64 x 64 |", "seed"):
        assert wanted in text
    capsys.readouterr()


def test_a_card_needs_what_a_card_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights.save(Segmenter(tiny_baseline(CAMVID.classes)), tmp_path / "bare.safetensors", {"name": "bare"})
    assert main(["card", str(tmp_path / "bare.safetensors"), "-o", str(tmp_path / "card.md")]) == 2
    assert "lacks data, terms" in one_line(capsys)


def test_weights_of_other_classes_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights.save(Segmenter(tiny_baseline(("cat", "dog"))), tmp_path / "pets.safetensors", {})
    assert main(["evaluate", str(tmp_path / "pets.safetensors"), "--data", "camvid"]) == 2
    assert "cat, dog" in one_line(capsys)


def test_weights_that_name_no_data_set_are_asked_for_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights.save(Segmenter(tiny_baseline(("cat", "dog"))), tmp_path / "pets.safetensors", {})
    assert main(["evaluate", str(tmp_path / "pets.safetensors")]) == 2
    assert "--data camvid | cityscapes" in one_line(capsys)


def test_weights_are_exported_with_scores_on_what_they_were_trained_on_alone(
    pair: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    silent, output = tmp_path / "silent.safetensors", tmp_path / "half.safetensors"
    weights.save(Segmenter(replace(tiny_baseline(CAMVID.classes), label_table="")), silent, {})
    export = ["export", "--name", "half", "-o", str(output)]
    assert main([*export, str(silent)]) == 2
    assert "does not say on which data it was trained. Name it: --data camvid" in one_line(capsys)
    assert main([*export, str(pair / PAIR[0]), "--data", "small-scenes"]) == 2
    assert "was trained on camvid, not on small-scenes" in one_line(capsys)
    assert not output.exists()

    assert main([*export, str(silent), "--data", "camvid"]) == 0
    assert weights.read_header(output)[1]["data"] == "camvid"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["evaluate", "nowhere"], "no such run"),
        (["camvid_tiny_rsp4", "--steps", "0"], "steps must be at least 1"),
        (["camvid_tiny_rsp4", "--device", "gpu"], "device must be auto, cpu, cuda, cuda:N or mps"),
        (["camvid_tiny_rsp4", "--device", "cuda:900"], "device cuda:900: there is none here; there is"),
        (["evaluate", "nowhere", "--device", "cuda:900"], "device cuda:900: there is none here"),
        (["card", "none.safetensors", "-o", "card.md"], "none.safetensors"),
    ],
)
def test_a_wrong_input_is_one_line(command: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command) == 2
    assert said in one_line(capsys)


@pytest.mark.parametrize(("option", "said"), [("--augment.flip=3", "probability"), ("--colour=green", "--colour")])
def test_a_wrong_option_is_said_by_the_command_line(option: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["camvid_tiny_rsp4", option])
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err


def test_without_the_data_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delenv("CAMVID_ROOT")
    assert main(["camvid_tiny_rsp4", "--out", str(tmp_path / "run")]) == 2
    assert "CAMVID_ROOT is not set" in one_line(capsys)


def test_without_the_package_of_its_encoder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(timm_encoder.importlib.util, "find_spec", lambda name: None if name == "timm" else find(name))
    assert main(["camvid_lite0_rsp4", "--out", str(tmp_path / "run")]) == 2
    assert "timm, not installed: pip install timm" in one_line(capsys)
    assert not (tmp_path / "run").exists()


def test_another_configuration_is_refused(pair: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["camvid_tiny_rsp4", "--out", str(pair / "camvid_tiny_rsp4"), "--steps", "4", *SMALL]) == 2
    assert "steps 3 -> 4" in one_line(capsys)


@pytest.mark.usefixtures("forked_python")
def test_a_signal_saves_and_the_same_command_resumes(root: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = [sys.executable, "-m", "trainers", "camvid_tiny_baseline", "--out", str(run), "--steps", "100000", *SMALL]
    command[command.index("--workers") + 1] = "1"
    for before, number in ((False, signal.SIGTERM), (True, signal.SIGINT)):
        log = run / "log.jsonl"
        process = subprocess.Popen(
            command,
            cwd=Path(__file__).parents[2],
            env=os.environ | {"CAMVID_ROOT": str(root), "OMP_NUM_THREADS": "1"},
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            deadline, lines = time.monotonic() + 900, len(log.read_text().splitlines()) if before else 0
            while not log.exists() or len(log.read_text().splitlines()) <= lines:
                assert process.poll() is None, process.communicate()[1]
                assert time.monotonic() < deadline
                time.sleep(0.1)
            # To the whole group, as a terminal does.
            os.killpg(process.pid, number)
            said = process.communicate(timeout=900)[1]
        finally:
            process.kill()
        assert process.returncode == 130
        assert "the same command resumes" in said
        assert ("resumes" in said.splitlines()[0]) == before
        assert "Traceback" not in said
        assert (run / LAST).exists()


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
    ],
)
def test_too_little_memory_is_one_line_and_other_errors_are_not_hidden(
    error: Exception, pair: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(commands, "load_model", fail)
    assert main(["evaluate", str(pair / PAIR[0])]) == 2
    assert capsys.readouterr().err.startswith("error: there is not enough memory: take a smaller --batch-size")

    error = RuntimeError("a fault of the program")
    with pytest.raises(RuntimeError, match="a fault of the program"):
        main(["evaluate", str(pair / PAIR[0])])
