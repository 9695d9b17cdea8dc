"""The page in a real Chromium: one linked cursor without the server, picks that come back, every width and theme.

The tests share one open page, since opening one takes seconds; each leaves it usable and assumes no pixel.
"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from app.tools.screenshots import TIMEOUT_MS
from app.tools.waiting import open_view, until, until_idle
from tests.kit.canvas import overlay, painted, photograph
from tests.kit.selectors import close_selectors, expect_pixel, open_selectors, type_pixel

pytestmark = pytest.mark.browser
SCREEN = {"width": 1280, "height": 800}


class Traffic:
    """What a page asked for, what its sockets carried, and what went wrong in it."""

    def __init__(self, page: Page) -> None:
        self.urls: list[str] = []
        self.frames = 0
        self.problems: list[str] = []
        page.on("request", lambda request: self.urls.append(request.url))
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("websocket", self._listen)

    def _listen(self, socket: object) -> None:
        for event in ("framesent", "framereceived"):
            socket.on(event, lambda _: self._count())  # type: ignore[attr-defined]

    def _count(self) -> None:
        self.frames += 1


@pytest.fixture(scope="module")
def opened(browser: Browser, address: str) -> tuple[Page, Traffic]:
    page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme="light")
    page.set_default_timeout(TIMEOUT_MS)
    traffic = Traffic(page)
    open_view(page, f"{address}/flow?pixel=100,100")
    return page, traffic


@pytest.fixture
def page(opened: tuple[Page, Traffic]) -> Page:
    page = opened[0]
    page.mouse.move(0, 0)
    until_idle(page)
    return page


@pytest.fixture
def traffic(opened: tuple[Page, Traffic]) -> Traffic:
    return opened[1]


def explorer(page: Page) -> Locator:
    return page.locator(".rsp")


def test_a_link_opens_on_its_pixel(page: Page) -> None:
    expect(explorer(page)).to_have_attribute("data-pick", "100,100")
    expect(page.locator(".rsp-second")).to_contain_text("At y 100, x 100,")
    caption = photograph(page, "right").locator("xpath=../figcaption/span").inner_text()
    said = page.locator(".rsp-second").inner_text()
    exact = re.search(r"([\d.]+) logits over ([\w ]+)", said)
    assert exact is not None
    if "by at least" in caption:  # on an edge between cells the caption states a bound
        bound = re.search(r"by at least ([\d.]+) logits", caption)
        assert bound is not None
        assert float(bound[1]) <= 1.03 * float(exact[1])
    else:
        shown = re.search(r"([\d.]+) logits over ([\w ]+)", caption)
        assert shown is not None
        assert shown[2] == exact[2]
        assert float(shown[1]) == pytest.approx(float(exact[1]), rel=0.06)


def test_one_screen_holds_it_all_and_nothing_comes_from_elsewhere(page: Page, traffic: Traffic, address: str) -> None:
    box = explorer(page).bounding_box()

    assert box is not None
    assert box["y"] + box["height"] <= SCREEN["height"]
    sizes = page.locator(".rsp-pair canvas:visible").evaluate_all(
        "all => all.map(c => [c.clientWidth, c.clientHeight].join())"
    )
    assert len(sizes) == 8
    assert len(set(sizes)) == 1
    assert traffic.problems == []
    assert [url for url in traffic.urls if not url.startswith((address, "data:", "blob:"))] == []


def test_hovering_moves_both_cursors_and_all_grids_without_the_server(page: Page, traffic: Traffic) -> None:
    pinned = str(explorer(page).get_attribute("data-cursor"))
    grids = page.locator(".rsp-strip").inner_text()
    before = traffic.frames
    assert before > 0

    photograph(page, "left").hover(position={"x": 40, "y": 200})
    photograph(page, "left").hover(position={"x": 60, "y": 210})

    expect(explorer(page)).not_to_have_attribute("data-cursor", pinned)
    assert page.locator(".rsp-strip").inner_text() != grids
    for side in ("left", "right"):
        assert painted(overlay(page, side)) > 500
        expect(photograph(page, side).locator("xpath=../figcaption/span")).to_have_text(re.compile(r"^says .+"))
    page.mouse.move(0, 0)
    expect(explorer(page)).to_have_attribute("data-cursor", pinned)
    assert traffic.frames == before


def test_a_click_pins_the_pixel_under_the_cursor_and_the_sentence_follows(page: Page) -> None:
    photograph(page, "right").click(position={"x": 100, "y": 200})

    y, x = str(explorer(page).get_attribute("data-pick")).split(",")
    expect(page.locator(".rsp-second")).to_contain_text(f"At y {y}, x {x},")
    expect_pixel(page, y=float(y), x=float(x))
    page.wait_for_url(lambda url: f"pixel={y}%2C{x}" in url or f"pixel={y},{x}" in url)


def test_the_last_of_quick_picks_wins_and_a_typed_pixel_wins_over_it(page: Page) -> None:
    for x in (100, 140, 180):
        photograph(page, "left").click(position={"x": x, "y": 220})
    last = str(explorer(page).get_attribute("data-pick"))
    expect(page.locator(".rsp-second")).to_contain_text("At y {}, x {},".format(*last.split(",")))
    expect(explorer(page)).to_have_attribute("data-pick", last)
    until_idle(page)

    type_pixel(page, "Pixel x", 7)

    expect(explorer(page)).to_have_attribute("data-pick", f"{last.split(',')[0]},7")


def test_the_keyboard_moves_and_pins(page: Page) -> None:
    photograph(page, "left").focus()
    y, x = map(int, str(explorer(page).get_attribute("data-cursor")).split(","))

    page.keyboard.press("Shift+ArrowRight")
    expect(explorer(page)).to_have_attribute("data-cursor", f"{y},{x + 1}")
    page.keyboard.press("ArrowUp")
    expect(explorer(page)).to_have_attribute("data-cursor", f"{y - 8},{x + 1}")
    page.keyboard.press("Enter")

    expect(page.locator(".rsp-second")).to_contain_text(f"At y {y - 8}, x {x + 1},")


def test_chain_and_second_pixel_cost_no_message_and_a_link_brings_them_back(
    page: Page, traffic: Traffic, browser: Browser, address: str
) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=address)
    before = traffic.frames
    page.get_by_role("button", name="Chain").click()
    page.get_by_role("button", name="Content").click()
    photograph(page, "right").click(position={"x": 300, "y": 200}, modifiers=["Shift"])
    expect(explorer(page)).not_to_have_attribute("data-second", "")
    photograph(page, "left").hover(position={"x": 60, "y": 210})
    page.mouse.move(0, 0)
    pinned = {name: explorer(page).get_attribute(name) for name in ("data-pick", "data-second")}
    assert traffic.frames == before

    page.get_by_role("button", name="Copy a link to exactly this view").click()
    expect(page.get_by_role("button", name="Copy a link to exactly this view")).to_have_text("Copied")
    link = page.evaluate("navigator.clipboard.readText()")
    page.get_by_role("button", name="Pin a second pixel beside the first one").click()
    page.get_by_role("button", name="Windows").click()
    page.get_by_role("button", name="Weights").click()

    other = browser.new_page(viewport=SCREEN)
    open_view(other, link)
    for name, value in pinned.items():
        expect(explorer(other)).to_have_attribute(name, str(value))
    for name in ("Chain", "Content"):
        expect(other.get_by_role("button", name=name)).to_have_attribute("aria-pressed", "true")
    other.close()


def test_a_grid_position_shows_its_weight(page: Page) -> None:
    grid = page.locator('.rsp-step[data-step="step43"] canvas[role="img"]').nth(1)

    grid.hover()

    expect(page.locator(".rsp-hint")).to_contain_text("Share of weight")


def test_a_narrow_page_has_no_horizontal_scroll(page: Page) -> None:
    page.set_viewport_size({"width": 420, "height": 900})
    expect(explorer(page)).to_have_attribute("data-width", "narrow")
    page.locator(".rsp-flow-svg").wait_for()

    widths = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    main = page.locator('[data-testid="stMain"]').evaluate("e => [e.scrollWidth, e.clientWidth]")
    page.set_viewport_size({"width": 1280, "height": 800})
    expect(explorer(page)).to_have_attribute("data-width", "wide")

    assert widths[0] <= widths[1]
    assert main[0] <= main[1]


def test_both_themes_draw_on_their_own_ground(page: Page) -> None:
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        until(
            page,
            """dark => {
              const parts = (element, name) => getComputedStyle(element)[name].match(/[0-9.]+/g);
              const level = (element, name) => Math.max(...parts(element, name).slice(0, 3));
              const app = document.querySelector("[data-testid=stApp]");
              const host = [...document.querySelectorAll("*")].find((e) => e.shadowRoot?.querySelector(".rsp"));
              const ink = level(host.shadowRoot.querySelector(".rsp"), "color");
              const ground = level(app, "backgroundColor");
              return dark ? ground < 60 && ink > 200 : ground > 230 && ink < 90;
            }""",
            scheme == "dark",
        )
        until_idle(page)
        assert painted(page.locator(".rsp-pair canvas:visible").last) > 5000


def test_outlines_are_drawn_until_they_are_switched_off(page: Page) -> None:
    canvas = overlay(page, "left")
    toggle = page.get_by_label("Outlines")
    expect(page.locator(".rsp-outlines li")).to_have_count(3)
    drawn = painted(canvas)

    toggle.uncheck()
    without = painted(canvas)
    toggle.check()

    assert drawn > without + 300
    assert painted(canvas) == drawn


def test_the_other_reading_is_a_link_and_keeps_the_pixel(page: Page) -> None:
    pixel = f"{str(explorer(page).get_attribute('data-pick')).split(',')[0]},90"
    type_pixel(page, "Pixel x", 90)
    expect(explorer(page)).to_have_attribute("data-pick", pixel)

    open_selectors(page)
    page.get_by_role("radio", name="rider").click()
    close_selectors(page)

    expect(page.locator(".rsp-sentence")).to_contain_text("The region is rider")
    expect(explorer(page)).to_have_attribute("data-pick", pixel)
    page.wait_for_url(lambda url: "reading=rider" in url and "pixel=" in url)


def test_another_scene_brings_another_picture_and_no_old_pixel(page: Page) -> None:
    before = str(explorer(page).get_attribute("data-pick"))

    type_pixel(page, "Scene", 1)

    expect(page.locator(".rsp-second")).to_contain_text("Shown is the")
    expect(explorer(page)).not_to_have_attribute("data-pick", before)
    page.wait_for_url(lambda url: "scene=1" in url and "pixel=" not in url)
