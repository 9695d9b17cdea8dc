"""The story in a real Chromium: the stranger's path from the first view to "why", and panels that save themselves."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from app.shell.tour import STEPS
from app.tools.screenshots import TIMEOUT_MS
from app.tools.waiting import settled, until
from tests.kit.selectors import summary

pytestmark = pytest.mark.browser
TOP = "Math.round(e.getBoundingClientRect().top + document.querySelector('[data-testid=stMain]').scrollTop)"
NOTE = "it is the wheel, not the kerb"


@pytest.fixture(scope="module")
def page(browser: Browser) -> Page:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(TIMEOUT_MS)
    return page


@pytest.fixture
def story(page: Page, address: str) -> Page:
    """The page Story: where an earlier test left it, or else opened, so that each test can run alone."""
    if urlsplit(page.url).path != "/story":
        page.goto(f"{address}/story")
    settled(page)
    return page


def test_a_stranger_is_at_why_in_four_clicks(page: Page, address: str) -> None:
    page.goto(address)
    settled(page)

    page.locator(".st-key-gallery a").first.click()
    page.wait_for_url(lambda url: urlsplit(url).path == "/story")
    settled(page)
    asked = summary(page).inner_text()
    page.get_by_text("Numbers", exact=True).nth(2).click()
    expect(page.get_by_role("table").first).to_be_visible()
    page.get_by_role("button", name="Test it").click()
    expect(page.get_by_text("Taking away what counts most in")).to_contain_text("moves its margin")
    settled(page)
    page.get_by_role("button", name="Open in Ledger").first.click()

    page.wait_for_url(lambda url: urlsplit(url).path == "/ledger")
    settled(page)
    expect(page.locator(".rsp-sentence")).to_contain_text(re.compile(r"where level \d gives most"))
    assert summary(page).inner_text() == asked
    page.get_by_role("link", name="Story", exact=True).click()
    page.wait_for_url(lambda url: urlsplit(url).path == "/story")
    settled(page)
    assert summary(page).inner_text() == asked
    expect(page.get_by_text(re.compile(r"^Card 1 of \d+, scan scenes$")).first).to_be_visible()


def test_a_click_on_a_picture_asks_about_another_pixel_and_nothing_moves(story: Page) -> None:
    page = story
    picture = page.locator(".rsp-picture").first
    picture.scroll_into_view_if_needed()
    boxes = f"() => [...document.querySelectorAll('.rsp-picture')].map(e => {TOP})"
    before, asked = page.evaluate(boxes), summary(page).inner_text()
    size = picture.bounding_box()
    assert size is not None

    picture.click(position={"x": 0.2 * size["width"], "y": 0.3 * size["height"]})

    expect(summary(page)).not_to_have_text(asked)
    expect(summary(page)).to_contain_text(re.compile(r"at y (76|77), x (102|103)$"))
    settled(page)
    assert page.evaluate(boxes) == before


def test_a_note_and_the_link_go_with_every_file(story: Page, tmp_path: Path) -> None:
    page = story
    field = page.get_by_label("Notes")
    field.fill(NOTE)
    field.press("Control+Enter")
    page.wait_for_url(lambda url: parse_qs(urlsplit(url).query).get("note") == [NOTE])
    settled(page)
    export = page.get_by_role("button", name="Export", exact=True)
    export.click()

    def saved(kind: str) -> bytes:
        with page.expect_download() as download:
            page.get_by_role("button", name=f"Panel 1 as {kind}", exact=True).click()
        download.value.save_as(tmp_path / kind)
        return (tmp_path / kind).read_bytes()

    page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop = 0")
    svg, png = saved("SVG"), saved("PNG")
    page.get_by_text("Numbers", exact=True).first.click()
    table = page.get_by_role("button", name=re.compile(r"Panel \d+ as CSV")).first
    with page.expect_download() as download:
        table.click()
    download.value.save_as(tmp_path / "CSV")
    csv = (tmp_path / "CSV").read_text("utf-8-sig")
    number = (table.get_attribute("aria-label") or "").split()[1]
    with page.expect_download() as download:
        page.get_by_role("button", name=f"Panel {number} as SVG", exact=True).click()
    download.value.save_as(tmp_path / "table.svg")
    lines = ET.parse(tmp_path / "table.svg").findall(".//{*}line")

    root = ET.fromstring(svg)
    image = Image.open(io.BytesIO(png))
    assert root.tag.endswith("svg")
    assert len(root.findall(".//{*}image")) >= 2
    assert image.width > 1000
    for text in (svg.decode(), str(image.text), csv):  # type: ignore[attr-defined]
        assert NOTE in text
        assert "/story?" in text
        assert "left scenes-baseline" in text
    assert re.search(r"^1,person [\d.]+", csv, re.MULTILINE) or re.search(r"^rank,left", csv, re.MULTILINE)
    rows = len(re.findall(r"^\d+,", csv, re.MULTILINE))
    assert len(lines) == rows >= 2  # below each row but the last, and below the head
    assert not {"\u00a0", "\u2060"} & set(csv)
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Panel 1 as PNG", exact=True)).to_have_count(0)


def test_the_tour_is_offered_once(browser: Browser, address: str) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    page.goto(f"{address}/story")
    page.get_by_role("button", name="A tour of a minute").click()
    for step in range(1, len(STEPS)):
        expect(page.get_by_text(f"{step} of {len(STEPS)}")).to_be_visible()
        page.get_by_role("button", name="Next", exact=True).click()
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_role("region", name="Tour")).to_have_count(0)

    page.reload()
    settled(page)

    expect(page.get_by_role("region", name="Tour")).to_have_count(0)
    context.close()


def test_a_narrow_story_begins_with_its_picture(story: Page) -> None:
    page = story
    page.set_viewport_size({"width": 420, "height": 900})
    page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop = 0")
    settled(page)

    until(page, "() => document.querySelector('.rsp-picture').getBoundingClientRect().top < 300")
    until(page, "() => document.querySelector('[data-testid=stMain]').scrollWidth <= window.innerWidth")
