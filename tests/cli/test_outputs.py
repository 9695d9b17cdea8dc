"""Outputs replace neither what is being read nor what is no file, and that is known before the work."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from rsp_lab.cli import compare, export_html, main, scenes
from rsp_lab.data.labels import CAMVID
from rsp_lab.data.sample import Sample
from rsp_lab.files import UNFINISHED
from rsp_lab.models import weights
from rsp_lab.models.presets import tiny_baseline
from rsp_lab.models.segmenter import Segmenter

Fails = Callable[[list[str]], str]


@pytest.fixture
def image(tmp_path: Path, street: Callable[[int, int, int], Sample]) -> Path:
    path = tmp_path / "a.png"
    Image.fromarray(street(1, 64, 96).image.permute(1, 2, 0).numpy()).save(path)
    return path


@pytest.fixture
def models(tmp_path: Path) -> list[str]:
    torch.manual_seed(0)
    weights.save(Segmenter(tiny_baseline(CAMVID.classes, CAMVID.name)), tmp_path / "m.safetensors", {})
    return ["--left", str(tmp_path / "m.safetensors"), "--right", str(tmp_path / "m.safetensors")]


def special(path: Path, kind: str) -> Path:
    """What no file may be written over."""
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "link":
        path.with_name("theirs").write_text("kept")
        path.symlink_to(path.with_name("theirs"))
    elif kind == "folder":
        path.mkdir()
    return Path("/dev/null") if kind == "device" else path


@pytest.mark.parametrize("kind", ["image", "weights", "fifo", "link", "folder", "device"])
def test_export_html_knows_before_the_work_what_it_may_not_write_over(
    kind: str, image: Path, models: list[str], tmp_path: Path, fails: Fails, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``export-html a.png -o a.png`` replaced the photograph."""
    monkeypatch.setattr(export_html, "view_model", lambda *_, **__: pytest.fail("a model ran"))
    out = {"image": image, "weights": tmp_path / "m.safetensors"}.get(kind) or special(tmp_path / "x.html", kind)
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    mode = out.lstat().st_mode

    said = fails(["export-html", str(image), "-o", str(out), *models])

    words = "is what is being read" if kind in ("image", "weights") else "nothing is written over that"
    assert f"{out} {words}" in said or words in said
    assert str(out) in said
    assert out.lstat().st_mode == mode
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


def test_compare_replaces_none_of_its_inputs(
    image: Path, models: list[str], tmp_path: Path, fails: Fails, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "FIGURES", ())
    out = tmp_path / "out"
    out.mkdir()
    photo = image.rename(out / "summary.json")
    before = photo.read_bytes()

    said = fails(["compare", str(photo), "-o", str(out), *models])

    assert f"{photo} is what is being read" in said
    assert [(path.name, path.read_bytes()) for path in out.iterdir()] == [("summary.json", before)]


def test_a_sheet_of_another_kind_is_refused_before_scenes_are_written(
    tmp_path: Path, fails: Fails, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scenes.scene, "draw_scene", lambda *_, **__: pytest.fail("a scene was drawn"))
    special(tmp_path / "sheet.png", "fifo")

    for sheet, words in (("sheet.xyz", "change the ending"), ("sheet.png", "is a pipe")):
        assert words in fails(["scenes", "-o", str(tmp_path / "out"), "--sheet", str(tmp_path / sheet)])
    assert not (tmp_path / "out").exists()


def test_what_a_killed_command_left_is_gone_after_the_next(
    image: Path, models: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "FIGURES", ())
    for folder in (tmp_path, tmp_path / "out"):
        lock = folder / f"{UNFINISHED}0123456789abcdef.lock"
        lock.with_suffix("").mkdir(parents=True)
        lock.touch()

    main.main(["compare", str(image), "-o", str(tmp_path / "out"), *models])

    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["captions.txt", "summary.json"]


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["export-html", "{image}", "-o", "{out}/afile", "{models}"], "afile"),
        (["changes", "{left}", "-n", "1", "-o", "{out}/notes.txt"], "notes.txt"),
        (["explain", "{image}", "--pixel", "3", "4", "-o", "{out}", "{models}"], "explain.pdf"),
        (["compare", "{image}", "-o", "{out}", "{models}"], "captions.txt"),
        (["flips", "{image}", "-o", "{out}", "{models}"], "flips.json"),
        (["attribute", "{image}", "--pixel", "3", "4", "-o", "{out}", "{models}"], "attribution.png"),
        (["change", "{image}", "{image}", "--pixel", "3", "4", "-o", "{out}"], "change.txt"),
        (["segments", "{image}", "-o", "{out}"], "why-1.png"),
        (["figures", "predictions", "--image", "{image}", "-o", "{out}", "{models}"], "predictions.txt"),
        (["figures", "tables", "-o", "{out}"], "tables.md"),
        (["arena", "-o", "{out}"], "arena.csv"),
        (["arena", "-o", "{out}/new", "--page", "{out}/page.md"], "page.md"),
        (["trade", "small-scenes", "-o", "{out}"], "trade.csv"),
        (["scenes", "-o", "{out}/new", "--sheet", "{out}/sheet.png"], "sheet.png"),
    ],
    ids=lambda one: one if isinstance(one, str) else one[0],
)
def test_what_another_wrote_is_refused_before_any_model_is_read(
    words: list[str],
    name: str,
    image: Path,
    models: list[str],
    tmp_path: Path,
    fails: Fails,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All but scan replaced whatever had the name of what they write."""
    monkeypatch.setattr(weights, "load", lambda *_, **__: pytest.fail("a model was read"))
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text("mine")
    given = {"image": str(image), "out": str(out), "left": models[1]}
    split = [one for word in words for one in (models if word == "{models}" else [word.format(**given)])]

    said = fails(split)

    assert f"{out / name} is there and was not written by rsp_lab, and would be replaced" in said
    assert [(path.name, path.read_text()) for path in out.iterdir()] == [(name, "mine")]


@pytest.mark.parametrize(
    "words",
    [
        ["export-html", "{image}", "-o", "{out}/afile", "{models}"],
        ["explain", "{image}", "--pixel", "3", "4", "-o", "{out}", "{models}"],
        ["figures", "predictions", "tables", "--image", "{image}", "-o", "{out}", "{models}"],
    ],
    ids=lambda words: words[0],
)
def test_what_a_command_wrote_it_replaces(words: list[str], image: Path, models: list[str], tmp_path: Path) -> None:
    given = {"image": str(image), "out": str(tmp_path / "out")}
    split = [one for word in words for one in (models if word == "{models}" else [word.format(**given)])]
    for _ in range(2):
        main.main(split)

    assert list((tmp_path / "out").iterdir())
