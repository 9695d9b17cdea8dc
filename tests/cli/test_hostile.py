"""Requests that no command can fulfil, and names that are no text: one line and exit code 2, or the work is done."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from rsp_lab.cli import arguments, main
from rsp_lab.data.labels import CAMVID
from rsp_lab.data.sample import Sample
from rsp_lab.models import weights
from rsp_lab.models.presets import tiny_baseline, tiny_rsp4
from rsp_lab.models.segmenter import Segmenter

Fails = Callable[[list[str]], str]


@pytest.fixture
def photograph(tmp_path: Path, street: Callable[[int, int, int], Sample]) -> Path:
    """An image whose name is no UTF-8, as old archives leave them."""
    path = tmp_path / os.fsdecode(b"stra\xdfe.png")
    try:
        Image.fromarray(street(1, 64, 96).image.permute(1, 2, 0).numpy()).save(path)
    except (OSError, UnicodeError):
        pytest.skip("this file system has no names that are not UTF-8")
    return path


WORDS = {
    "compare": [],
    "explain": ["--pixel", "3", "3"],
    "flips": [],
    "attribute": ["--pixel", "3", "3", "--methods", "gradient_x_input", "--no-curves"],
    "export-html": [],
    "figures": ["fig5a", "--format", "svg", "--image"],
}


def words_for(command: str, image: Path, out: Path) -> list[str]:
    target = out / "page.html" if command == "export-html" else out
    return [command, *WORDS[command], str(image), "-o", str(target)]


@pytest.mark.parametrize("command", WORDS)
def test_a_file_name_that_is_no_text_is_spelt_out(
    command: str, photograph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arguments, "FORMATS", ())  # pictures take most of the time, and hold no names of images
    out = tmp_path / "out"
    main.main(words_for(command, photograph, out))
    files = [path for path in out.iterdir() if path.suffix in (".json", ".txt", ".html")]

    assert files
    for path in files:
        text = path.read_text("utf-8")
        if path.suffix == ".json":
            assert json.loads(text)["image"] == r"stra\xdfe.png"
        assert "\udcdf" not in text
        assert r"\udcdf" not in text


@pytest.mark.parametrize("command", WORDS)
def test_a_model_whose_answers_are_not_finite_is_named(
    command: str, photograph: Path, tmp_path: Path, fails: Fails, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Finite weights, which every reader accepts, that overflow on the way to the logits."""
    torch.manual_seed(0)
    for name, config in (("sound", tiny_baseline), ("broken", tiny_rsp4)):
        model = Segmenter(config(CAMVID.classes, CAMVID.name))
        if name == "broken":
            torch.nn.init.constant_(model.head.classifier.weight, 3e38)
        weights.save(model, tmp_path / f"{name}.safetensors", {}, dtype=torch.float32)
    monkeypatch.chdir(tmp_path)
    pair = ["--left", "sound.safetensors", "--right", "broken.safetensors"]

    assert "broken answers with values that are not finite" in fails(
        [*words_for(command, photograph, tmp_path / "out"), *pair]
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", WORDS)
def test_an_image_without_pixels(command: str, tmp_path: Path, fails: Fails) -> None:
    path = tmp_path / "nothing.ppm"
    path.write_bytes(b"P6\n0 0\n255\n")

    assert "nothing.ppm: " in fails(words_for(command, path, tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_sheet_of_no_known_format_is_refused_before_anything_is_written(tmp_path: Path, fails: Fails) -> None:
    line = fails(["scenes", "-o", str(tmp_path / "out"), "-n", "1", "--sheet", str(tmp_path / "x.xyz")])

    assert "x.xyz" in line
    assert list(tmp_path.iterdir()) == []
