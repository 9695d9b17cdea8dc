"""The page of figures: the chosen one alone is drawn, and what is drawn is a valid file with its caption."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from streamlit.testing.v1 import AppTest

from app.app_pages.figures import shelf
from app.shell.text import escape
from app.store import models
from app.store.results import Results
from rsp_lab.analysis.comparison.compare import assemble
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.capture.record import Record
from rsp_lab.data.scenes.dataset import FIRST_SEED
from rsp_lab.figures.figure_kind import DrawnFigure
from rsp_lab.figures.letters import missing_notice
from tests.kit.pages import run


def test_the_chosen_figure_alone_is_drawn(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    written: list[str] = []
    whole, save = shelf._draw, shelf.save
    monkeypatch.setattr(shelf, "save", lambda *asked, **how: (written.append(asked[1].name), save(*asked, **how))[1])
    monkeypatch.setattr(shelf, "_draw", lambda *asked: (drawn.append(asked[1]), whole(*asked))[1])
    page.query_params["pixel"] = "11,12"

    said = run(page)

    assert "12 figures for print, about" in said
    assert "at y 11, x 12" in said
    assert drawn == ["predictions"]
    assert written == ["preview.png"]
    # Files are written when pressed, the offline file and the two records too.
    assert [b.proto.label.split(",")[0] for b in page.get("download_button")] == [
        "PDF",
        "SVG",
        "PNG",
        "Offline HTML",
        "scenes-baseline",
        "scenes-rsp4",
    ]


def test_a_figure_is_drawn_once_with_its_caption(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    page.query_params["pixel"] = "20,30"
    page.query_params["figure"] = "Relation weights"
    run(page)

    assert [button.proto.label.split(",")[0] for button in page.get("download_button")][:3] == ["PDF", "SVG", "PNG"]
    assert not page.warning
    assert "Relation weights of scenes-rsp4 at one pixel" in page.code[0].value
    assert "Ring: pixel y 20, x 30" in page.code[0].value
    monkeypatch.setattr(Figure, "savefig", lambda *_, **__: pytest.fail("a figure was drawn again"))
    run(page)
    assert page.code


def test_a_file_is_written_when_asked_for_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    kept = Results()
    monkeypatch.setattr(shelf, "results", lambda: kept)
    monkeypatch.setattr(shelf, "key_of", lambda *asked: asked[1:])
    monkeypatch.setattr(shelf, "figure_input", lambda *_: None)
    monkeypatch.setitem(
        shelf.FIGURES, "predictions", SimpleNamespace(draw=lambda _: DrawnFigure(Figure(), "words", {}))
    )
    whole = shelf.save
    monkeypatch.setattr(shelf, "save", lambda *asked, **how: (written.append(asked[1].name), whole(*asked, **how))[1])
    selection: Any = None

    seen = shelf.drawn(selection, "predictions")
    assert not shelf.is_written(selection, "predictions")
    with_one = shelf.drawn(selection, "predictions", endings=("pdf",))
    again = shelf.drawn(selection, "predictions")
    whole_shelf = shelf.drawn(selection, "predictions", endings=shelf.FORMATS)

    assert with_one.files["pdf"].startswith(b"%PDF-")
    assert again is with_one
    assert seen.preview is with_one.preview is whole_shelf.preview
    assert set(whole_shelf.files) == set(shelf.FORMATS)
    assert shelf.is_written(selection, "predictions")
    assert written == ["preview.png", "predictions.pdf", "predictions.svg", "predictions.png"]


def test_without_relations_their_figures_are_not_offered(page: AppTest) -> None:
    page.query_params["right"] = "scenes-baseline"
    run(page)

    assert not {"Key and query", "Relation weights", "Gaze fields"} & set(page.selectbox(key="figure").options)
    assert "Context flow" in page.selectbox(key="figure").options


def test_files_are_what_their_endings_say() -> None:
    shown, _ = models.cached_pair("person-rider", FIRST_SEED["test"], None)
    loaded = [models.loaded_model(name) for name in ("scenes-baseline", "scenes-rsp4")]
    views = models.view_of(loaded[0], shown), models.view_of(loaded[1], shown)
    result = assemble(shown.sample.image, (loaded[0].model, loaded[1].model), views, pixel=(5, 6))
    target = PixelTarget(5, 6, "road", "car")
    selection: Any = SimpleNamespace(
        shown=shown, loaded=loaded, names=("left", "right"), result=result, target=target, passes=()
    )

    found = shelf._draw(selection, "predictions", "page", tuple(shelf.FORMATS))
    narrow = shelf._draw(selection, "predictions", "column", ("png",))

    assert found.files["pdf"].startswith(b"%PDF-")
    assert b"<svg" in found.files["svg"][:2000]
    assert Image.open(io.BytesIO(found.files["png"])).size[0] == round(7.16 * 300)
    assert Image.open(io.BytesIO(narrow.files["png"])).size[0] == round(3.5 * 300)
    assert Image.open(io.BytesIO(narrow.preview)).size[0] == round(3.5 * shelf.PREVIEW_DPI)
    assert list(narrow.files) == ["png"]
    assert f"Image: {shown.sample.name}, " in found.caption
    assert not found.notice
    with zipfile.ZipFile(io.BytesIO(shelf.archive({"one": found}))) as zipped:
        assert sorted(zipped.namelist()) == ["captions.txt", "one.pdf", "one.png", "one.svg"]
        assert zipped.read("one.pdf") == found.files["pdf"]
        assert zipped.read("captions.txt").decode() == f"one: {found.caption}\n"
    assert shelf.archive({"one": found}) == shelf.archive({"one": found})


def test_letters_that_no_font_has_are_said(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    notice = missing_notice({"車"})
    picture = io.BytesIO()
    Image.new("RGB", (8, 8)).save(picture, "PNG")
    files = shelf.FigureFiles(picture.getvalue(), {}, "words", notice)
    monkeypatch.setattr(shelf, "_draw", lambda *_: files)
    page.query_params["pixel"] = "21,31"
    run(page)

    assert [element.value for element in page.warning] == [escape(notice)]


def test_a_record_comes_back_from_its_bytes(tmp_path: Path) -> None:
    shown, _ = models.cached_pair("person-rider", FIRST_SEED["test"], None)
    record = models.view_of(models.loaded_model("scenes-rsp4"), shown).record

    content = shelf.record_bytes(record)

    (tmp_path / "record.safetensors").write_bytes(content)
    back = Record.load(tmp_path / "record.safetensors")
    assert list(back) == list(record)
    assert torch.equal(back["step54.weights"], record["step54.weights"])
    assert len(content) == pytest.approx(shelf.record_size(record), rel=0.02)


def test_the_offline_file_holds_the_view_and_takes_names_as_text() -> None:
    shown, _ = models.cached_pair("person-rider", FIRST_SEED["test"], None)
    sample = replace(shown.sample, name="<script>alert(1)</script>")
    loaded = models.loaded_model("scenes-baseline"), models.loaded_model("scenes-rsp4")
    selection: Any = SimpleNamespace(
        shown=replace(shown, sample=sample),
        loaded=loaded,
        views=tuple(models.view_of(model, shown) for model in loaded),
        names=(loaded[0].name, loaded[1].name),
        result=SimpleNamespace(pixel=(7, 9)),
    )

    text = shelf.explorer_file(selection).decode()

    assert text.startswith("<!doctype html>")
    assert "Where do scenes-baseline and scenes-rsp4 look?" in text
    assert 'data-view="pixel=7,9"' in text
    assert "<script>alert" not in text
    assert len(text) < 3e6


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("street.png", "street"),
        ("../../etc/passwd", "passwd"),
        ("C:\\secret\\a b.jpeg", "a-b"),
        ('<img src=x onerror="alert(1)">.png', "img-src-x-onerror-alert-1"),
        ("...", "image"),
        ("", "image"),
    ],
)
def test_an_uploads_name_makes_a_harmless_file_name(name: str, stem: str) -> None:
    selection: Any = SimpleNamespace(shown=SimpleNamespace(sample=SimpleNamespace(name=name)))

    assert shelf.file_stem(selection) == stem
