"""``rsp-lab segments``: what it writes and prints, and what wrong input says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rsp_lab.cli import arguments, main
from rsp_lab.models import weights
from rsp_lab.models.presets import tiny_rsp4
from rsp_lab.models.segmenter import Segmenter
from tests.kit import panoptic as kit

Fails = Callable[[list[str]], str]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("models")
    for seed, name in enumerate(("left", "right")):
        weights.save(kit.panoptic_network(seed=seed), folder / f"{name}.safetensors", {})
    weights.save(Segmenter(tiny_rsp4(("road", "sky"), "")), folder / "plain.safetensors", {})
    return [str(folder / f"{name}.safetensors") for name in ("left", "right", "plain")]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 96, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.fixture(autouse=True)
def _one_format(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arguments, "FORMATS", ("png",))


BOUNDS = ["--score", "0.28", "--stuff-area", "50"]


def test_two_models_are_told_apart_and_explained(
    photo: Path, pair: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "deep" / "out"
    words = ["segments", str(photo), "-o", str(out), "--left", pair[0], "--right", pair[1], *BOUNDS]
    main.main([*words, "--method", "gradient_x_input"])
    facts = json.loads((out / "segments.json").read_text())
    printed = capsys.readouterr().out

    stories = [f"why-{number}-{side}" for number in range(1, len(facts["why"]) + 1) for side in ("left", "right")]
    assert sorted(path.stem for path in out.iterdir()) == sorted(["captions", "segments", "segments", *stories])
    assert [model["model"] for model in facts["models"]] == ["left", "right"]
    assert [model["unaccounted"] for model in facts["models"]] == [0, 0]
    assert facts["changes"]["sentence"] in printed
    assert facts["changes"]["by_semantic_map"]["sentence"] in printed
    assert "largest" in facts["chosen"]
    for told in facts["why"]:
        for story in told:
            assert story["sentence"] in printed
            assert all(ledger["residual"] < 1e-5 for ledger in story["semantic_branch"]["ledgers"])
    assert (out / "captions.txt").read_text().count("\n\n") == len(stories)


def test_one_model_at_given_pixels(photo: Path, pair: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ["segments", str(photo), "-o", str(out), "--model", pair[1], "--method", "none"]
    main.main([*words, "--pixel", "3", "4", "60", "90"])
    facts = json.loads((out / "segments.json").read_text())

    assert [told[0]["pixel"] for told in facts["why"]] == [[3, 4], [60, 90]]
    assert (facts["changes"], facts["chosen"]) == (None, "given")
    assert all(told[0]["attribution"] is None for told in facts["why"])
    assert sorted(path.name for path in out.glob("why*")) == ["why-1.png", "why-2.png"]


def test_an_image_in_which_nothing_is_found_has_void_alone(
    photo: Path, pair: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["segments", str(photo), "-o", str(tmp_path / "out"), "--model", pair[0]]
    main.main([*words, "--score", "1", "--stuff-area", "100000"])
    (model,) = json.loads((tmp_path / "out" / "segments.json").read_text())["models"]

    assert (model["segments"], model["void"]["area"]) == ([], 64 * 96)
    assert "0 segments of left" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--pixel", "64", "3"], r"pixel (y, x) = (64, 3) lies outside the image of 64 x 96"),
        (["--method", "magic"], "no method is named 'magic'"),
        (["--method", "layer_gradcam"], "no method is named 'layer_gradcam'"),
        (["--model", "PLAIN", "--right", "PLAIN"], "--model shows one model alone: give it, or --left and --right"),
        (["--overlap", "2"], "--overlap must be from 0 to 1, got 2"),
        (["--model", "PLAIN"], "plain has no instance branch, so it finds no segments"),
    ],
)
def test_wrong_input_is_one_line(
    words: list[str], message: str, photo: Path, pair: list[str], tmp_path: Path, fails: Fails
) -> None:
    words = [pair[2] if word == "PLAIN" else word for word in words]
    model = [] if "--model" in words else ["--model", pair[0]]
    said = fails(["segments", str(photo), "-o", str(tmp_path / "out"), *model, *words])

    assert message in said
    assert not (tmp_path / "out").exists()
