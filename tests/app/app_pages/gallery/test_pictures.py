"""A card's picture holds its region outlined, and says what is missing where there is none."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from app.app_pages.gallery import pictures
from app.app_pages.gallery.pictures import WIDE, labels_html, picture, picture_html
from tests.kit.scans import TURNED, card, small_scan

SCENES = small_scan(card(**TURNED), names=("scenes-baseline", "scenes-rsp4"), data="scenes", split="test")


def pixels(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGB")).astype(int)


def test_region_and_cue_are_outlined_and_nothing_is_darkened() -> None:
    shown = pixels(picture(SCENES, SCENES.cards[0]))

    assert shown.shape[1] == WIDE
    white = (shown > 235).all(-1)
    yellow = (shown[..., 0] > 200) & (shown[..., 1] > 170) & (shown[..., 2] < 90)
    assert white.sum() > 100
    assert yellow.sum() > 50
    # A rim changes a few pixels, and everything else is as bright as it was.
    bare = pixels(pictures.picture_uri(pictures.outlined_part(scene_image(), {}, (0, 0, 256, 512), 512), "JPEG"))
    assert abs(np.median(shown) - np.median(bare)) < 25


def scene_image():
    return pictures.photograph_of(SCENES, SCENES.cards[0]).sample.image


def test_a_picture_is_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = picture(SCENES, SCENES.cards[0])
    monkeypatch.setattr(pictures, "outlined_part", lambda *_: pytest.fail("it was drawn again"))

    assert picture(SCENES, SCENES.cards[0]) == first
    assert f'src="{first}"' in picture_html(SCENES, SCENES.cards[0])


def test_a_card_without_its_image_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CAMVID_ROOT", raising=False)
    camvid = small_scan(card(), data="camvid")

    assert "rsp-missing" in picture_html(camvid, camvid.cards[0])
    assert "CAMVID" in picture_html(camvid, camvid.cards[0])


def test_what_both_say_stands_beside_their_colours_and_marks() -> None:
    said = labels_html(card(), {"road": "#112233"})

    assert "background:#112233" in said
    assert (
        said.index("first") < said.index("road") < said.index("second") < said.index("sky") < said.index("true label")
    )
    assert said.count("✓") == 1
    assert said.count("✗") == 1
    assert "not known" in labels_html(card(right=None, truth=None), {})
    assert "✓" not in labels_html(card(right=None, truth=None), {})
    assert labels_html(card(right="neither", truth="tree"), {}).count("✗") == 2


def test_names_are_text() -> None:
    assert "<b>" not in labels_html(card(right=None, left_class="<b>x</b>"), {})
