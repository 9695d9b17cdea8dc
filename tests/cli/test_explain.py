"""``rsp-lab explain``: what is printed and written, and what wrong input says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from rsp_lab.cli import main
from rsp_lab.data.labels import CAMVID
from rsp_lab.data.scenes.scene import draw_scene
from rsp_lab.models import weights
from rsp_lab.models.presets import tiny_baseline, tiny_rsp4
from rsp_lab.models.segmenter import Segmenter


@pytest.fixture(scope="module")
def request_(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """An image and an untrained pair."""
    folder = tmp_path_factory.mktemp("explain")
    torch.manual_seed(0)
    for name, config in (("left", tiny_baseline), ("right", tiny_rsp4)):
        weights.save(Segmenter(config(CAMVID.classes, CAMVID.name)), folder / f"{name}.safetensors", {})
    weights.save(Segmenter(tiny_baseline(("a", "b"))), folder / "other.safetensors", {})
    Image.fromarray(draw_scene(1, 128, 256).image.permute(1, 2, 0).numpy()).save(folder / "scene.png")
    models = ["--left", str(folder / "left.safetensors"), "--right", str(folder / "right.safetensors")]
    return ["explain", str(folder / "scene.png"), *models]


def test_it_prints_and_writes_the_story(
    request_: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "deep" / "out"
    asked = ["--pixel", "70", "80", "--class", "car", "--rival", "sign symbol"]
    main.main([*request_, *asked, "-o", str(out)])
    facts = json.loads((out / "explain.json").read_text())

    assert sorted(path.name for path in out.iterdir()) == ["explain.json", "explain.pdf", "explain.png"]
    assert (facts["pixel"], facts["class"], facts["rival"]) == ([70, 80], "car", "sign symbol")
    assert facts["sentence"] in capsys.readouterr().out
    assert (out / "explain.pdf").read_bytes().startswith(b"%PDF")


def test_json_is_the_same_story(request_: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main.main([*request_, "--pixel", "5", "250", "--json"])
    facts = json.loads(capsys.readouterr().out)

    assert facts["image"] == "scene.png"
    ledger = facts["right"]["ledger"]
    assert ledger["bias"] + sum(ledger["levels"].values()) == pytest.approx(ledger["total"], abs=1e-4)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (["--pixel", "9", "9", "--class", "pedestrain"], "Did you mean 'pedestrian'?"),
        (["--pixel", "128", "0"], "outside the image of 128 x 256"),
        (["--pixel", "9", "9", "--right", "other.safetensors"], "trained on the same classes"),
        (["--pixel", "9", "9", "--left", "left.safetensors", "IMAGE"], "left.safetensors"),
    ],
    ids=["class", "pixel", "tables", "image"],
)
def test_wrong_requests_end_in_one_line_and_write_nothing(
    request_: list[str], change: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, words = Path(request_[1]).parent, list(request_)
    if change[-1] == "IMAGE":
        words[1], change = str(folder / "left.safetensors"), change[:-1]
    change = [str(folder / word) if word.endswith(".safetensors") else word for word in change]
    with pytest.raises(SystemExit) as caught:
        main.main([*words, *change, "-o", str(tmp_path / "out")])
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("rsp-lab:")]

    assert caught.value.code == 2
    assert len(lines) == 1
    assert says in lines[0]
    assert not (tmp_path / "out").exists()
