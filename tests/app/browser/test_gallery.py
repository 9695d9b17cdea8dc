"""From the first view to a decision in a real Chromium, and back."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from app.tools.screenshots import TIMEOUT_MS
from app.tools.waiting import settled
from tests.kit.selectors import summary

pytestmark = pytest.mark.browser
CARD = '.st-key-gallery [class*="st-key-card-"]'


@pytest.fixture(scope="module")
def page(browser: Browser, address: str) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(TIMEOUT_MS)
    page.goto(address)
    settled(page)
    yield page
    page.close()


def test_a_card_leads_to_its_decision_and_the_way_back_to_the_cards(page: Page) -> None:
    expect(page.locator("h1.rsp-sentence")).to_contain_text("Both models follow the cue")
    for place in (1, 0):
        card = page.locator(CARD).nth(place)
        link = card.get_by_role("link")
        title = link.inner_text()
        asked = parse_qs(urlsplit(str(link.get_attribute("href"))).query)
        # The whole card is its link.
        box = card.locator("img").bounding_box()
        assert box is not None
        page.mouse.click(box["x"] + 100, box["y"] + 60)
        expect(summary(page)).to_contain_text(f"scene {asked['scene'][0]} of ")
        expect(summary(page)).to_contain_text(f"{asked['class'][0]} over {asked['rival'][0]}")
        y, x = asked["pixel"][0].split(",")
        expect(summary(page)).to_contain_text(f"at y {y}, x {x}")
        expect(summary(page)).to_contain_text("scenes-rsp4")
        found = parse_qs(urlsplit(page.url).query)
        assert (found["scan"], found["card"]) == (["scenes"], [title.partition(".")[0]])
        page.go_back()
        expect(page.locator(CARD).first).to_be_visible()
        settled(page)


def test_a_card_is_opened_by_the_keyboard_and_filters_stay_in_the_link(page: Page, address: str) -> None:
    page.goto(f"{address}/?gallery_kind=disagreement&gallery_right=only+scenes-rsp4")
    settled(page)
    expect(page.get_by_role("combobox", name="Who is right")).to_have_value("only scenes-rsp4")
    for card in page.locator(CARD).all():
        expect(card.locator("dd").nth(1)).to_contain_text("✓")
        expect(card.locator("dd").nth(0)).to_contain_text("✗")
    page.locator(CARD).first.get_by_role("link").focus()
    page.keyboard.press("Enter")
    expect(summary(page)).to_contain_text("over")
    page.go_back()
    settled(page)
    assert parse_qs(urlsplit(page.url).query)["gallery_kind"] == ["disagreement"]


def test_cards_whose_images_are_not_there_say_what_is_missing(page: Page, address: str) -> None:
    page.goto(f"{address}/?gallery_scan=camvid")
    settled(page)

    expect(page.locator(".rsp-missing").first).to_contain_text("CAMVID_ROOT is not set")
    expect(page.locator(f"{CARD} a")).to_have_count(0)


def test_a_link_to_a_view_without_a_page_opens_the_decision(page: Page, address: str) -> None:
    page.goto(f"{address}/?scene=3&pixel=100,100")

    page.wait_for_url(lambda url: urlsplit(url).path == "/flow")
    expect(summary(page)).to_contain_text("at y 100, x 100")


def test_its_own_name_in_the_address_leads_to_it_with_what_is_asked(page: Page, address: str) -> None:
    page.goto(f"{address}/gallery?gallery_kind=disagreement")
    settled(page)

    expect(page.locator(CARD).first).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    found = urlsplit(page.url)
    assert (found.path, parse_qs(found.query)["gallery_kind"]) == ("/", ["disagreement"])
