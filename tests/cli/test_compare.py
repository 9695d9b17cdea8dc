"""The command line: what is written, what is printed, and what wrong input says."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from rsp_lab.cli import compare, main, reports
from rsp_lab.data.labels import CAMVID
from rsp_lab.data.sample import Sample
from rsp_lab.figures.style import save
from rsp_lab.models import weights
from rsp_lab.models.presets import semantic_fpn, tiny_baseline, tiny_rsp4
from rsp_lab.models.pyramid import PyramidConfig
from rsp_lab.models.segmenter import Segmenter, SegmenterConfig

FIGURES = ("decision_flow", "key_query", "predictions", "relation_grids")
FILES = sorted([f"{n}.{s}" for n in FIGURES for s in ("pdf", "png")] + ["captions.txt", "summary.json"])


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Arguments that name an untrained pair."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    for name, config in (("left", tiny_baseline), ("right", tiny_rsp4)):
        weights.save(Segmenter(config(CAMVID.classes, CAMVID.name)), folder / f"{name}.safetensors", {})
    return ["--left", str(folder / "left.safetensors"), "--right", str(folder / "right.safetensors")]


@pytest.fixture
def scene(tmp_path: Path, street: Callable[[int, int, int], Sample]) -> Path:
    path = tmp_path / "scene.png"
    Image.fromarray(street(1, 120, 160).image.permute(1, 2, 0).numpy()).save(path)
    return path


def test_compare_writes_everything(
    scene: Path, tmp_path: Path, models: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "deep" / "out"
    main.main(["compare", str(scene), "-o", str(out), *models, "--pixel", "70", "80"])
    summary = json.loads((out / "summary.json").read_text())

    assert sorted(p.name for p in out.iterdir()) == FILES
    assert summary["pixel"] == [70, 80]
    assert summary["image"] == "scene.png"
    assert summary["sentence"] in capsys.readouterr().out
    with Image.open(out / "decision_flow.png") as picture:
        assert min(picture.size) > 500
    assert (out / "predictions.pdf").read_bytes().startswith(b"%PDF")
    for name in FIGURES:
        assert f"{name}: " in (out / "captions.txt").read_text()


def test_a_channel_is_drawn_on_request_and_a_column_is_one(
    scene: Path, tmp_path: Path, models: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "FIGURES", ("predictions",))
    labels = tmp_path / "labels.png"
    Image.fromarray(np.full((120, 160), 3, np.uint8)).save(labels)
    request = ["--channel", "5", "--labels", str(labels), "--width", "column"]
    main.main(["compare", str(scene), "-o", str(tmp_path / "out"), *models, *request])

    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["channel"]["channel"] == 5
    for name in ("context_flow", "predictions"):
        with Image.open(tmp_path / "out" / f"{name}.png") as picture:
            assert picture.size[0] == 1050
    assert "Truth: black where unlabelled." in (tmp_path / "out" / "captions.txt").read_text()


def test_compare_takes_images_of_any_kind(tmp_path: Path, models: list[str]) -> None:
    """Sixteen bits, palette and alpha in one go is for the image tests; here one odd image goes all the way."""
    path = tmp_path / "grey16.png"
    Image.fromarray(np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) * 16).save(path)
    main.main(["compare", str(path), "-o", str(tmp_path / "out"), *models])

    assert json.loads((tmp_path / "out" / "summary.json").read_text())["image_size"] == [64, 64]


def _bomb(path: Path) -> None:
    Image.new("1", (30000, 30000)).save(path)


def _truncated(path: Path) -> None:
    Image.effect_noise((200, 200), 90).save(path)
    path.write_bytes(path.read_bytes()[:4000])


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (lambda p: None, "no such file|does not exist|there is no"),
        (lambda p: p.mkdir(), "folder"),
        (lambda p: p.write_text("not an image"), "not an image|cannot"),
        (_truncated, "truncated|damaged|cut"),
        (_bomb, "far too many pixels"),
        (lambda p: Image.new("RGB", (63, 300)).save(p), "64"),
    ],
    ids=["missing", "folder", "text", "truncated", "bomb", "too small"],
)
def test_unusable_images(
    write: Callable[[Path], None], says: str, tmp_path: Path, models: list[str], fails: Callable[[list[str]], str]
) -> None:
    path, out = tmp_path / "image.png", tmp_path / "out"
    write(path)
    line = fails(["compare", str(path), "-o", str(out), *models])

    assert re.search(says, line, re.IGNORECASE), line
    assert "image.png" in line
    assert not out.exists()


def test_wrong_requests_write_nothing(
    scene: Path, tmp_path: Path, models: list[str], fails: Callable[[list[str]], str]
) -> None:
    out = tmp_path / "out"
    base = ["compare", str(scene), "-o", str(out), *models]

    assert "outside the image of 120 x 160" in fails([*base, "--pixel", "120", "0"])
    assert "channels 0 to 63" in fails([*base, "--channel", "64"])
    assert "neither a shipped model nor a file" in fails([*base, "--left", "camvid-rsp5"])
    assert not out.exists()


def test_a_folder_that_cannot_be_written_to_is_known_before_anything_is_computed(
    scene: Path, tmp_path: Path, models: list[str], monkeypatch: pytest.MonkeyPatch, fails: Callable[[list[str]], str]
) -> None:
    monkeypatch.setattr(compare.comparison, "compare", lambda *_, **__: pytest.fail("the models ran"))
    blocked = tmp_path / "file"
    blocked.write_text("in the way")

    for out in (blocked, blocked / "out"):
        assert "not a folder. Choose another place." in fails(["compare", str(scene), "-o", str(out), *models])


def test_a_wrong_request_on_a_large_image_is_refused_before_its_cost_is_measured(
    scene: Path, tmp_path: Path, models: list[str], monkeypatch: pytest.MonkeyPatch, fails: Callable[[list[str]], str]
) -> None:
    monkeypatch.setattr(compare, "_LARGE_PIXELS", 1)
    monkeypatch.setattr(compare.comparison, "expected_cost", lambda *_: pytest.fail("the models ran"))
    headless = tmp_path / "headless.safetensors"
    config = SegmenterConfig(PyramidConfig("tiny", 64, top=5), semantic_fpn(), CAMVID.classes)
    weights.save(Segmenter(config), headless, {})
    base = ["compare", str(scene), "-o", str(tmp_path / "out"), *models]

    assert "outside the image" in fails([*base, "--pixel", "120", "0"])
    assert "headless has no top-down steps" in fails([*base, "--right", str(headless), "--channel", "3"])


def test_an_interruption_leaves_no_folder(
    scene: Path, tmp_path: Path, models: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(compare, "figure_kind", interrupted)
    with pytest.raises(SystemExit) as caught:
        main.main(["compare", str(scene), "-o", str(tmp_path / "deep" / "out"), *models])

    assert caught.value.code == 130
    assert not (tmp_path / "deep").exists()


def test_a_folder_in_the_place_of_a_file_is_left_alone_with_all_beside_it(
    scene: Path, tmp_path: Path, models: list[str], monkeypatch: pytest.MonkeyPatch, fails: Callable[[list[str]], str]
) -> None:
    monkeypatch.setattr(compare, "FIGURES", ())
    (tmp_path / "out" / "summary.json").mkdir(parents=True)

    assert "summary.json is a folder" in fails(["compare", str(scene), "-o", str(tmp_path / "out"), *models])
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["summary.json"]


def test_captions_are_utf8_whatever_the_locale(
    scene: Path, tmp_path: Path, models: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "FIGURES", ("context_flow",))
    monkeypatch.setattr(compare.arguments, "FORMATS", ())
    monkeypatch.setattr(io, "text_encoding", lambda encoding, stacklevel=2: encoding or "ascii")
    main.main(["compare", str(scene), "-o", str(tmp_path / "out"), *models])

    assert "Q′₇" in (tmp_path / "out" / "captions.txt").read_bytes().decode()


def test_models_without_a_class_table_are_compared(scene: Path, tmp_path: Path) -> None:
    name = str(tmp_path / "bare.safetensors")
    weights.save(Segmenter(tiny_baseline(("a", "b"))), name, {})
    main.main(["compare", str(scene), "-o", str(tmp_path / "out"), "--left", name, "--right", name])

    assert json.loads((tmp_path / "out" / "summary.json").read_text())["classes"] == ["a", "b"]


def test_a_failure_while_drawing_leaves_the_old_results(
    scene: Path, tmp_path: Path, models: list[str], monkeypatch: pytest.MonkeyPatch, fails: Callable[[list[str]], str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    save(Figure(), out / "predictions.png")
    old = (out / "predictions.png").read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(reports, "save", full)
    assert "No space left" in fails(["compare", str(scene), "-o", str(out), *models])
    assert [(p.name, p.read_bytes()) for p in out.iterdir()] == [("predictions.png", old)]
