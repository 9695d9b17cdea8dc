"""From card to card: what a card selects, and which neighbour can be opened."""

from __future__ import annotations

from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from app.shell import cards
from app.shell.sources import Source
from app.shell.text import as_read
from app.store.scans import scans
from rsp_lab.data.scenes.dataset import FIRST_SEED
from tests.kit.pages import first_sentence


def _script() -> None:
    from app.app_pages.story import page
    from app.shell import frame

    if (selected := frame.draw_frame()) is not None:
        page.draw(*selected)


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.delenv("CAMVID_ROOT", raising=False)
    return AppTest.from_function(_script, default_timeout=1500)


def asked(page: AppTest) -> str:
    return as_read(next(e.proto.body for e in page.get("html") if "rsp-summary" in e.proto.body))


def test_a_card_selects_its_image_models_classes_and_pixel() -> None:
    scan = scans()["scenes"]
    card = next(one for one in scan.cards if one.scene is not None)
    assert card.scene is not None

    found = cards.selected(scan, card)

    assert (found["source"], found["case"], found["reading"]) == (Source.SCENE, card.scene.case, card.scene.reading)
    assert (found["left"], found["right"]) == scan.names
    assert (found["class"], found["rival"]) == card.classes
    photograph = cards.selected(scans()["camvid"], scans()["camvid"].cards[0])
    assert photograph["source"] == Source.CAMVID
    assert photograph["file"] == f"val/{scans()['camvid'].cards[0].sample}"


def test_the_neighbour_is_one_that_can_be_opened() -> None:
    scan = scans()["scenes"]
    first, second, third = scan.cards[:3]
    assert second.scene is not None
    far = replace(second, scene=second.scene._replace(seed=1))
    few = replace(scan, cards=(first, far, third))

    assert cards.neighbour(few, 0, 1) == 2
    assert cards.neighbour(few, 2, -1) == 0
    assert cards.neighbour(few, 2, 1) is None
    assert cards.neighbour(replace(scan, names=("gone", "too")), 1, -1) is None


def show(page: AppTest, number: int) -> None:
    """A card of the shipped scan, as its link opens it."""
    card = scans()["scenes"].cards[number - 1]
    assert card.scene is not None
    scene = {"case": card.scene.case, "scene": str(card.scene.seed - FIRST_SEED["test"])}
    question = dict(zip(("class", "rival"), card.classes, strict=True))
    link = {"scan": "scenes", "card": str(number), "pixel": f"{card.pixel[0]},{card.pixel[1]}"}
    for name, value in {**scene, "reading": str(card.scene.reading), **question, **link}.items():
        page.query_params[name] = value
    page.run()


def test_what_was_changed_since_is_no_card_any_more(page: AppTest) -> None:
    show(page, 2)
    assert any(as_read(one.value).startswith("Card 2 of ") for one in page.caption)

    y, x = scans()["scenes"].cards[1].pixel
    page.query_params["pixel"] = f"{y + 1},{x}"
    page.run()

    assert not page.exception
    assert any(as_read(one.value).startswith("Changed since card 2 of ") for one in page.caption)
    page.button(key="story-card-above-1").click().run()
    assert any(as_read(one.value).startswith("Card 3 of ") for one in page.caption)


def test_next_and_previous_lead_from_story_to_story(page: AppTest) -> None:
    scan = scans()["scenes"]
    show(page, 2)
    assert not page.exception
    assert any(f"Card 2 of {len(scan.cards)}, scan scenes" in as_read(one.value) for one in page.caption)

    for step, place in ((1, 2), (-1, 1)):
        page.button(key=f"story-card-above-{step}").click()
        page.run()

        card = scan.cards[place]
        assert not page.exception
        assert f"{card.classes[0]} over {card.classes[1]} at y {card.pixel[0]}, x {card.pixel[1]}" in asked(page)
        assert card.scene is not None
        assert f"of {card.scene.case}, reading" in asked(page)
        assert page.query_params["card"] in (str(place + 1), [str(place + 1)])
    assert page.button(key="undo").disabled is False


def test_undo_leads_back_to_the_card_too(page: AppTest) -> None:
    show(page, 2)
    first = asked(page)
    page.button(key="story-card-above-1").click().run()
    assert asked(page) != first

    page.button(key="undo").click().run()

    assert not page.exception
    assert asked(page) == first
    assert page.query_params["card"] in ("2", ["2"])
    assert any("Card 2 of " in as_read(one.value) for one in page.caption)
    assert page.button(key="undo").disabled


@pytest.mark.parametrize(("scan", "card"), [("none", "1"), ("scenes", "0"), ("scenes", "9999999"), ("scenes", "x")])
def test_a_link_that_names_no_card_has_no_neighbours(page: AppTest, scan: str, card: str) -> None:
    page.query_params["scan"], page.query_params["card"] = scan, card

    page.run()

    assert not page.exception
    assert not [button for button in page.button if "story-card" in str(button.key)]
    assert first_sentence(page)
