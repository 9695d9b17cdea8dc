"""What commands share: each that runs a network says where, and hands that on."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import get_type_hints

import pytest
from PIL import Image

from rsp_lab.cli import arguments, main
from rsp_lab.cli.arguments import ModelPair
from rsp_lab.data.scenes.scene import draw_scene
from tests.kit.pretended_gpu import pretended_gpu
from trainers.commands import COMMANDS

LOADERS = {
    "load_any",
    "load_whole",
    "load_panoptic",
    "load_segmenter",
    "load_model",
    "film_of_run",
    "run_study",
    "run_repeats",
}
"""Functions of ours that give networks to a command, or run some for it."""
RUNNERS = {"export_half", "bench"}


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drawn scene of 64 x 128 pixels."""
    path = tmp_path_factory.mktemp("image") / "scene.png"
    Image.fromarray(draw_scene(1, 64, 128).image.permute(1, 2, 0).contiguous().numpy()).save(path)
    return path


def names_in(function: Callable[..., object]) -> set[str]:
    """All names in the module of a function, of ``trainers`` in the function alone: its commands share a module."""
    source = inspect.getsource(function if function.__module__ == "trainers.commands" else inspect.getmodule(function))
    nodes = ast.walk(ast.parse(source))
    return {
        node.id if isinstance(node, ast.Name) else node.attr
        for node in nodes
        if isinstance(node, ast.Name | ast.Attribute)
    }


def says_where(function: Callable[..., object]) -> bool:
    """Whether a command has --device, of its own or of its pair of models."""
    hints = get_type_hints(function)
    return "device" in hints or ModelPair in hints.values()


def rsp_lab_commands() -> dict[str, Callable[..., object]]:
    names = {name: name.replace("-", "_") for name in main.COMMANDS}
    return {name: getattr(import_module(f"rsp_lab.cli.{word}"), word) for name, word in names.items()}


def test_every_command_that_runs_a_network_says_where() -> None:
    commands = rsp_lab_commands()
    runs = {
        name for name, one in commands.items() if names_in(one) & {*LOADERS, "Models", "ModelPair", "bench_relation"}
    }

    assert {name for name, one in commands.items() if says_where(one)} == runs
    assert set(commands) - runs == {"models", "tables", "scenes", "pq"}


def test_every_command_of_the_trainers_that_runs_a_network_says_where() -> None:
    runs = {name for name, one in COMMANDS.items() if names_in(one) & (LOADERS | RUNNERS)}

    assert {name for name, one in COMMANDS.items() if says_where(one)} == runs
    assert runs == {"evaluate", "predict", "export", "study", "repeat", "effect", "bench"}


@pytest.mark.parametrize(
    "words",
    [
        ["explain", "{image}", "--pixel", "1", "1"],
        ["surgery", "{image}", "--pixel", "1", "1"],
        ["change", "{image}", "{image}", "--pixel", "1", "1"],
        ["segments", "{image}", "-o", "{out}"],
        ["figures", "fig2", "-o", "{out}"],
        ["changes", "-n", "1"],
        ["arena", "-o", "{out}"],
        ["scan", "small-scenes", "-o", "{out}.json", "--limit", "1"],
    ],
)
def test_a_device_that_is_not_there_is_one_line(
    words: list[str], tmp_path: Path, image: Path, fails: Callable[[list[str]], str]
) -> None:
    places = {"image": str(image), "out": str(tmp_path / "out")}
    said = fails([*(word.format(**places) for word in words), "--device", "cuda:900"])

    assert said.startswith("rsp-lab: device cuda:900: there is none here; there is")
    assert not (tmp_path / "out").exists()


def test_both_models_of_a_pair_are_put_there(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(arguments, "load_any", lambda name, device: asked.append((name, device)))
    ModelPair("a", "b", "cuda:1").load()

    assert asked == [("a", "cuda:1"), ("b", "cuda:1")]


PAIR = ["--left", "scenes-baseline-tiny", "--right", "scenes-rsp4-tiny"]


@pytest.mark.parametrize(
    "words",
    [
        ["explain", "{image}", "--pixel", "30", "40", *PAIR],
        ["attribute", "{image}", "--pixel", "30", "40", "--methods", "layer_gradcam", "--no-curves", *PAIR],
        ["export-html", "{image}", "-o", "{out}", *PAIR],
    ],
    ids=lambda words: words[0],
)
def test_a_command_keeps_every_tensor_where_its_network_is(
    words: list[str], tmp_path: Path, image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {"image": str(image), "out": str(tmp_path / "out")}
    words = [word.format(**places) for word in words]
    main.main([*words, "--device", "cpu"])
    expected = capsys.readouterr().out
    with pretended_gpu():
        main.main([*words, "--device", "cuda"])

    assert capsys.readouterr().out == expected
