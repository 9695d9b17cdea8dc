"""The page without a browser: what it shows, what a link does to it, and what it says when something is wrong."""

from __future__ import annotations

import gc
import io
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from app.shell.errors import UNFORESEEN
from app.shell.selection import Selection
from app.shell.text import as_read
from app.store import models
from rsp_lab.explorer.payload import payload_header
from tests.kit.pages import explorer_payloads, first_sentence, tables, workbench


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.delenv("CAMVID_ROOT", raising=False)
    return workbench()


def run(page: AppTest) -> None:
    page.run()
    assert not page.exception
    assert not [error.value for error in page.error if UNFORESEEN in error.value]


def said(message: Any) -> str:
    """What a reader sees of a message."""
    return as_read(message.value)


def shown(page: AppTest) -> dict[str, Any]:
    """The header of what the explorer shows."""
    return payload_header(explorer_payloads(page)[0])


def test_a_session_keeps_no_selection(page: AppTest) -> None:
    """Streamlit keeps pages and fragments as long as a session and minutes longer; a selection is tens of megabytes."""
    run(page)
    gc.collect()

    assert page.get("bidi_component")
    assert [one for one in gc.get_objects() if isinstance(one, Selection)] == []


def test_it_opens_on_a_planted_scene_and_says_what_both_models_answer(page: AppTest) -> None:
    run(page)

    assert re.search(
        r"The region is person: scenes-baseline says [\w ]+ \(margin [+−][\d.]+ logits\), "
        r"scenes-rsp4 says [\w ]+ \([+−][\d.]+\)\.",
        first_sentence(page),
    )
    assert "Margin over rider; cue" in first_sentence(page)
    assert "The two differ on" in first_sentence(page)
    assert "Shown is the region’s innermost pixel." in first_sentence(page)
    assert "Trained on" not in first_sentence(page)
    header = shown(page)
    assert header["size"] == [256, 512]
    assert [side["name"] for side in header["sides"]] == ["scenes-baseline", "scenes-rsp4"]
    assert header["truth"] == "truth"
    assert [outline["name"] for outline in header["outlines"]] == ["region", "cue", "decoy"]
    assert any("off by at most" in caption.value for caption in page.caption)
    assert [table.shape[0] for table in tables(page)] == [5, 4]


def test_a_typed_pixel_is_what_the_sentence_is_about_and_costs_no_forward_pass(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(page)
    before = explorer_payloads(page)[0]
    monkeypatch.setattr(models, "view_model", lambda *_: pytest.fail("a new pixel ran a forward pass"))

    page.number_input(key="typed_y").set_value(10)
    run(page)
    page.number_input(key="typed_x").set_value(20)
    run(page)

    assert first_sentence(page).count("At y 10, x 20,") == 1
    assert page.query_params["pixel"] == "10,20"
    assert explorer_payloads(page)[0] == before


def test_a_link_is_a_view(page: AppTest) -> None:
    page.query_params["pixel"] = "200,77"
    page.query_params["left"] = "scenes-rsp4"
    page.query_params["channel"] = "5"

    run(page)

    assert "At y 200, x 77," in first_sentence(page)
    assert page.selectbox(key="left").value == "scenes-rsp4"
    assert list(tables(page)[0].columns) == ["left: scenes-rsp4", "logit left", "right: scenes-rsp4", "logit right"]
    assert [table.shape[0] for table in tables(page)] == [5, 8]
    assert any("Channel 5 of both models" in caption.value for caption in page.caption)
    assert not page.warning


def test_a_disagreement_is_one_click_away(page: AppTest) -> None:
    run(page)
    button = next(b for b in page.button if str(b.key).startswith("region-1"))

    button.click()
    run(page)

    assert "pixel" in page.query_params
    assert not page.warning


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("left", "camvid-rsp9", "Choose one of: camvid-baseline, camvid-rsp4"),
        ("source", "../../etc", "Choose one of: Drawn scene"),
        ("scene", "-4", "no whole number from 0 to 999"),
        ("case", "car-tram", "Choose one of: person-rider, road-pavement, car-bus"),
        ("distance", "77", "Choose one of: as drawn, 2, 3"),
        ("reading", "bus", "Choose one of: person, rider"),
        ("channel", "4000", "Choose one of: by rule"),
        ("pixel", "900,3", "outside this image of 256 x 512"),
        ("pixel", "12", "not of the form y,x"),
    ],
)
def test_a_stale_link_says_what_to_choose_instead(page: AppTest, name: str, value: str, says: str) -> None:
    page.query_params[name] = value

    run(page)

    assert len(page.warning) == 1
    assert says in said(page.warning[0])
    assert "scenes-rsp4 says" in first_sentence(page)


def test_without_camvid_the_page_says_how_to_get_it(page: AppTest) -> None:
    run(page)

    page.selectbox(key="source").select("CamVid")
    run(page)

    assert "CAMVID_ROOT is not set. Set it to the folder that holds train/" in said(page.error[0])


def test_camvid_files_are_chosen_by_name(page: AppTest, small_camvid: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMVID_ROOT", str(small_camvid))
    page.query_params["source"] = "CamVid"
    page.query_params["file"] = "train/train_2"

    run(page)

    assert page.selectbox(key="file").options == ["val/val_1", "val/val_2", "train/train_1", "train/train_2"]
    assert page.selectbox(key="file").value == "train/train_2"
    header = shown(page)
    assert header["size"] == [96, 128]
    assert header["truth"] == "truth"
    assert [side["name"] for side in header["sides"]] == ["camvid-baseline", "camvid-rsp4"]


def test_a_path_in_a_link_reaches_no_file(page: AppTest, small_camvid: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMVID_ROOT", str(small_camvid))
    page.query_params["source"] = "CamVid"
    page.query_params["file"] = "val/../train/train_1"

    run(page)

    assert "Choose one of: val/val_1" in said(page.warning[0])
    assert page.selectbox(key="file").value == "val/val_1"


def test_an_upload_is_compared(page: AppTest, upload_png: bytes) -> None:
    page.query_params["source"] = "Your image"
    run(page)
    assert "Choose a photograph under “Change” above" in said(page.info[0])

    page.file_uploader(key="upload").upload("street [1].png", upload_png, "image/png")
    run(page)

    header = shown(page)
    assert header["size"] == [96, 128]
    assert header["truth"] is None
    assert header["outlines"] == []


def _blank(height: int, width: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (width, height)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"not a picture", "Give a PNG or JPEG"),
        (_blank(200, 200)[:90], "cut short"),
        (_blank(63, 300), "too small"),
        (_blank(2049, 2048), "too large"),
    ],
    ids=["no picture", "cut short", "too small", "too large"],
)
def test_an_upload_that_cannot_be_used_says_why(page: AppTest, content: bytes, says: str) -> None:
    page.query_params["source"] = "Your image"
    run(page)

    page.file_uploader(key="upload").upload("mine.png", content, "image/png")
    run(page)

    assert says in said(page.error[0])
    assert "mine.png" in said(page.error[0])
