"""What stays in a real Chromium: pictures under the cursor at their place, an upload with its view."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from app.tools.screenshots import TIMEOUT_MS
from app.tools.waiting import settled
from tests.app.browser.conftest import SMALL_PHOTOGRAPH
from tests.kit.selectors import close_selectors, expect_pixel, open_selectors

pytestmark = pytest.mark.browser
# Of methods of attribution the one that takes the least time.
PICKERS = {
    "flow": "",
    "relations": SMALL_PHOTOGRAPH,
    "key-query": SMALL_PHOTOGRAPH,
    "ledger": SMALL_PHOTOGRAPH,
    "flips": SMALL_PHOTOGRAPH,
    "change": "",
    "surgery": SMALL_PHOTOGRAPH,
    "attribution": f"{SMALL_PHOTOGRAPH}&attribution_method=Gradient+x+input",
}
"""Pages on which a pixel is picked, with what their links choose: a scene where the page needs one."""
# Everything that selects a pixel when it is clicked, in pixels from the top of the page, whatever is scrolled.
BOXES = """() => {
  const found = [], above = document.querySelector("[data-testid=stMain]").scrollTop;
  const walk = (root) => {
    for (const e of root.querySelectorAll("*")) {
      if (e.shadowRoot) walk(e.shadowRoot);
      if (e.matches(".rsp-photo, .rsp-thumbs [data-pick]") || (e.matches(".js-plotly-plot") && e.layout?.meta?.pick)) {
        const box = e.getBoundingClientRect();
        found.push([box.x, box.y + above, box.width, box.height].map(Math.round));
      }
    }
  };
  walk(document);
  return found;
}"""


def pictures(page: Page, path: str) -> Locator:
    return page.locator(".rsp-photo" if path == "flow" else ".js-plotly-plot .nsewdrag")


def resting(page: Page) -> list[list[int]]:
    """The boxes, once they are as they were a quarter of a second before: a chart is drawn in several goes."""
    before: list[list[int]] = []
    for _ in range(TIMEOUT_MS // 250):
        found: list[list[int]] = page.evaluate(BOXES)
        if found == before and all(width and height for _, _, width, height in found):
            return found
        before = found
        page.wait_for_timeout(250)
    raise AssertionError(f"nothing comes to rest: {before}")


@pytest.fixture(scope="module")
def page(browser: Browser) -> Page:
    """One for all: what a page loads is then kept, as it is for a reader."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(TIMEOUT_MS)
    return page


@pytest.mark.parametrize(("path", "width"), [*((path, 1280) for path in PICKERS), ("flow", 420), ("ledger", 420)])
def test_nothing_that_is_clicked_moves(page: Page, address: str, path: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{address}/{path}?{PICKERS[path]}")
    settled(page, explorer=path == "flow")
    boxes = resting(page)
    sentence = page.locator(".rsp-second" if path == "flow" else ".rsp-sentence").first
    for share in (0.3,) if path == "attribution" else (0.3, 0.7):
        before = sentence.inner_text()
        picture = pictures(page, path).first
        picture.scroll_into_view_if_needed()
        size = picture.bounding_box()
        assert size is not None
        picture.click(position={"x": share * size["width"], "y": (1 - share) * size["height"]})
        if path not in ("key-query", "flips"):
            expect(sentence).not_to_have_text(before)
        expect_pixel(page, x=(256 if SMALL_PHOTOGRAPH in PICKERS[path] else 512) * share)
        settled(page, explorer=path == "flow")
        assert resting(page) == boxes


def test_the_maps_stay_while_others_are_worked_out(page: Page, address: str) -> None:
    """The second run finds its maps, and so draws no bar: the bar of the third is to push nothing out of its place."""
    page.set_viewport_size({"width": 1280, "height": 900})
    for _ in range(2):
        page.goto(f"{address}/attribution?{PICKERS['attribution']}")
        settled(page)
    boxes = resting(page)
    page.get_by_label("Method").click()
    page.get_by_role("option", name="Occlusion").click()
    page.locator(".st-key-progress .stProgress").wait_for()
    assert resting(page) == boxes
    assert page.locator(".st-key-progress .stPlotlyChart").count() == 0
    page.get_by_role("button", name="Stop").click()
    settled(page)


def test_an_upload_stays_through_pages_a_flips_ways_and_a_reload(page: Page, address: str, upload_png: bytes) -> None:
    page.set_viewport_size({"width": 1280, "height": 900})

    def differing(page: Page) -> str:
        found = re.search(r"The two differ on [\d.]+\s% of the image", page.locator(".rsp-sentence").first.inner_text())
        assert found
        return found[0]

    def shown(path: str) -> None:
        page.wait_for_url(lambda url: urlsplit(url).path == f"/{path}" and "upload=" in url)
        settled(page, explorer=path == "flow")
        expect(page.get_by_text("choose a photograph")).to_have_count(0)
        # Of 96 rows and 128 columns: the picture that was uploaded, and no other one.
        open_selectors(page)
        expect(page.get_by_label("Pixel x")).to_have_attribute("max", "127")
        close_selectors(page)

    page.goto(f"{address}/flow?source=Your+image")
    settled(page)
    open_selectors(page)
    chooser = page.locator('input[type="file"]')
    chooser.set_input_files(files=[{"name": "street.png", "mimeType": "image/png", "buffer": upload_png}])
    page.locator(".rsp").wait_for()
    shown("flow")
    first = differing(page)

    page.get_by_role("link", name="Flips", exact=True).click()
    shown("flips")
    page.get_by_role("button", name="Ledger", exact=True).first.click()
    shown("ledger")
    expect(page.locator(".rsp-sentence").first).to_contain_text("Over the flip around")
    page.get_by_role("link", name="Flips", exact=True).click()
    shown("flips")
    page.get_by_role("button", name="Context flow", exact=True).first.click()
    shown("flow")

    page.reload()
    shown("flow")
    page.get_by_role("link", name="Ledger", exact=True).click()
    shown("ledger")
    page.get_by_role("link", name="Context flow", exact=True).click()
    shown("flow")
    assert differing(page) == first
