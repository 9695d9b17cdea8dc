"""``rsp-lab attribute``: what is printed and written, and what wrong input says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from rsp_lab.analysis.attribution.attribute import attribute
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.cli import main
from rsp_lab.data.images import read_image
from rsp_lab.data.labels import CAMVID
from rsp_lab.data.scenes.scene import draw_scene
from rsp_lab.models import weights
from rsp_lab.models.presets import tiny_baseline, tiny_rsp4
from rsp_lab.models.segmenter import Segmenter


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image and an untrained pair."""
    folder = tmp_path_factory.mktemp("attribute")
    torch.manual_seed(0)
    for name, config in (("left", tiny_baseline), ("right", tiny_rsp4)):
        weights.save(Segmenter(config(CAMVID.classes, CAMVID.name)), folder / f"{name}.safetensors", {})
    picture = draw_scene(1, 64, 128).image[:, :, :96].permute(1, 2, 0).numpy()
    Image.fromarray(picture).save(folder / "scene.png")
    return folder


@pytest.fixture(scope="module")
def asked(folder: Path) -> list[str]:
    models = ["--left", str(folder / "left.safetensors"), "--right", str(folder / "right.safetensors")]
    return ["attribute", str(folder / "scene.png"), *models, "--methods", "layer_gradcam", "feature_ablation"]


def test_it_prints_and_writes_maps_and_curves(
    asked: list[str], folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "deep" / "out"
    main.main([*asked, "--pixel", "40", "50", "--class", "car", "--rival", "sky", "-o", str(out), "--json"])
    facts = json.loads(capsys.readouterr().out)

    assert sorted(path.name for path in out.iterdir()) == ["attribution.json", "attribution.pdf", "attribution.png"]
    assert json.loads((out / "attribution.json").read_text()) == facts
    assert facts["target"] == "car over sky at pixel (40, 50)"
    image = read_image(folder / "scene.png")[None].float() / 255
    for side in ("left", "right"):
        model = weights.load(folder / f"{side}.safetensors")
        expected = attribute(model, image, PixelTarget(40, 50, "car", "sky"), "layer_gradcam")
        told = facts[side]["methods"]["layer_gradcam"]
        assert told["values"]["sum"] == pytest.approx(float(expected.values.sum()), abs=1e-4)
        assert told["faithfulness"]["deletion"][0] == pytest.approx(expected.target_value, abs=1e-4)
        assert set(facts[side]["methods"]) == {"layer_gradcam", "feature_ablation"}


def test_without_curves_it_says_the_maps_alone(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main.main([*asked[:6], "--methods", "gradient_x_input", "--pixel", "40", "50", "--no-curves"])
    printed = capsys.readouterr().out
    assert printed.count("gradient x input of") == 2
    assert "random orders" not in printed


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (["--pixel", "9", "9", "--class", "pedestrain"], "Did you mean 'pedestrian'?"),
        (["--pixel", "64", "0"], "outside the image of 64 x 96"),
        (["--pixel", "9", "9", "--methods", "layer_gradcom"], "Did you mean 'layer_gradcam'"),
        (["--pixel", "9", "9", "--methods", "occlusion", "occlusion"], "each of them once"),
        (["--pixel", "9", "9", "--reference", "grey"], "no reference is named 'grey'"),
    ],
)
def test_wrong_requests_end_in_one_line_and_write_nothing(
    asked: list[str], change: list[str], says: str, tmp_path: Path, fails: Callable[[list[str]], str]
) -> None:
    words = asked[:6] if "--methods" in change else asked
    assert says in fails([*words, *change, "-o", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()
