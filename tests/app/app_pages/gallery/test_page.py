"""The page Gallery without a browser: rates first, cards that filters leave, and where they lead."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.app_pages.gallery import pictures
from app.app_pages.gallery.filters import Filters
from app.app_pages.gallery.page import SHOWN, about_words, words
from app.shell.text import as_read
from app.store.scans import scans
from rsp_lab.analysis.scan.scan_file import write_scan
from tests.kit.pages import run
from tests.kit.scans import TURNED, card, small_scan

PAIR = ("scenes-baseline-tiny", "scenes-rsp4-tiny")


def _script() -> None:
    from app.app_pages.gallery import page

    page.draw()


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """Of the shipped scans and one with a card more than a page holds; pictures of scenes take time to draw."""
    cards = [card(sample=f"street {number}") for number in range(SHOWN)]
    write_scan(tmp_path / "many.json", small_scan(*cards, card(right="left", truth="road", context_used=0.1)))
    write_scan(tmp_path / "turned.json", small_scan(card(**TURNED), names=PAIR, data="scenes", split="test"))
    monkeypatch.setenv("RSP_LAB_SCANS", str(tmp_path))
    monkeypatch.delenv("CAMVID_ROOT", raising=False)
    monkeypatch.setattr(pictures, "picture", lambda *_: (_ for _ in ()).throw(ValueError("CAMVID_ROOT is not set.")))
    return AppTest.from_function(_script, default_timeout=600)


def titles(page: AppTest) -> list[str]:
    return [as_read(one.value).strip("*") for one in page.markdown if "?" in one.value and "**" in one.value]


def test_it_opens_with_the_rates_of_the_first_scan(page: AppTest) -> None:
    said = run(page)

    scan = scans()["scenes"]
    assert all(sentence in said for sentence in scan.sentences())
    assert f"Of all {scan.images} drawn scenes, split test." in said
    assert len(titles(page)) == SHOWN
    assert titles(page)[0].startswith("1. ")
    assert sum("rsp-missing" in one.proto.body for one in page.get("html")) == SHOWN


def test_filters_stand_in_the_link_and_leave_what_they_ask_for(page: AppTest) -> None:
    run(page, gallery_scan="scans: many", gallery_right="only first")

    assert page.selectbox(key="gallery_right").value == "left"
    assert titles(page) == [f"{SHOWN + 1}. sky or road?"]
    page.selectbox(key="gallery_context").set_value("used").run()
    assert "No card of this scan has all of that" in page.info[0].value


def test_a_stale_choice_is_said(page: AppTest) -> None:
    run(page, gallery_scan="gone", gallery_kind="flip")

    assert any("gallery_scan 'gone'" in as_read(one.value) for one in page.warning)
    assert any("gallery_kind 'flip'" in as_read(one.value) for one in page.warning)


def test_many_cards_are_turned_over_and_other_filters_begin_at_the_first(page: AppTest) -> None:
    run(page, gallery_scan="scans: many", gallery_page="2")
    assert titles(page) == [f"{SHOWN + 1}. sky or road?"]

    page.selectbox(key="gallery_kind").set_value("disagreement").run()
    assert len(titles(page)) == SHOWN
    page.button(key="gallery-next").click().run()
    assert titles(page) == [f"{SHOWN + 1}. sky or road?"]
    assert page.query_params["gallery_page"] in ("2", ["2"])
    assert page.button(key="gallery-next").disabled
    page.button(key="gallery-previous").click().run()
    assert "gallery_page" not in page.query_params
    run(page, gallery_page="7")
    assert any("page '7' of 2" in as_read(one.value) for one in page.warning)


def test_rates_follow_the_classes_and_never_the_cards() -> None:
    scan = scans()["scenes"]
    every, _ = words(scan, Filters())
    pair, note = words(scan, Filters(pair=frozenset({"road", "sidewalk"})))
    level, _ = words(scan, Filters(level="level 5", context="used"))

    assert every == level
    assert pair != every
    assert "road and sidewalk alone" in note
    assert scan.rate("turned", frozenset(("road", "sidewalk"))).total == 20
    assert words(scan, Filters(kind="turned"))[0] == scan.sentences()[1]


def test_a_class_whose_name_holds_an_or_is_one_class(page: AppTest, tmp_path: Path) -> None:
    write_scan(tmp_path / "or.json", small_scan(card(), card(left_class="car or truck")))

    said = run(page, gallery_scan="scans: or", gallery_classes="car or truck or sky")

    assert "part nowhere" not in said
    assert "car or truck and sky alone" in said
    assert titles(page) == ["2. sky or car or truck?"]


def test_a_card_leads_to_its_decision_where_a_page_is_there(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "picture", lambda *_: "data:,")
    run(page, gallery_scan="scans: turned")

    # Alone, without the navigation, there is no page to lead to.
    assert titles(page) == ["1. bus or car?"]
    assert any("Of the 3 logits by which the cue moves" in as_read(one.proto.body) for one in page.get("html"))


def test_a_file_that_is_no_scan_is_said(page: AppTest, tmp_path: Path) -> None:
    (tmp_path / "notes.json").write_text("[]")
    run(page)

    assert any("notes.json" in as_read(one.value) for one in page.warning)


def test_a_stranger_is_told_what_the_models_and_cards_are(page: AppTest) -> None:
    run(page)
    shown = [as_read(one.proto.body) for one in page.get("html")]

    assert about_words(scans()["scenes"]) == (
        "Two segmentation models: scenes-baseline adds context up, scenes-rsp4 (RSP) chooses where to look. A card "
        "shows where they differ or context turned a decision."
    )
    assert (
        about_words(small_scan(card())) == "Two segmentation models, first and second. A card shows where they differ."
    )
    place = next(number for number, text in enumerate(shown) if about_words(scans()["scenes"]) in text)
    legend = next(number for number, text in enumerate(shown) if "rsp-legend" in text)
    first = next(number for number, text in enumerate(shown) if "rsp-missing" in text)
    assert place < legend < first
