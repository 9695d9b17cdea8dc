"""Every page in a real Chromium: the navigation, links, uploads, downloads, themes and widths, and the server itself.

The tests share one server, one browser and one open page; each leaves the page usable and assumes no selection.
"""

from __future__ import annotations

import io
import urllib.error
import urllib.request
import xml.etree.ElementTree as ET
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from app.tools.screenshots import TIMEOUT_MS
from app.tools.waiting import IDLE, open_view, until, until_ready
from rsp_lab.capture.record import Record
from tests.kit.films import film
from tests.kit.selectors import close_selectors, expect_pixel, open_selectors, summary, type_pixel

pytestmark = pytest.mark.browser
TRY_MS = 5_000
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 420, "height": 900}
PAGES = {
    "Story": "story",
    "Relations": "relations",
    "Key and query": "key-query",
    "Ledger": "ledger",
    "Flips": "flips",
    "Segments": "segments",
    "Change": "change",
    "Surgery": "surgery",
    "Attribution": "attribution",
    "Figures": "figures",
    "Film": "film",
    "Runs": "runs",
    "Gallery": "",
    "Context flow": "flow",
}
OVERFLOW = """() => {
  const main = document.querySelector('[data-testid="stMain"]');
  return [document.documentElement.scrollWidth - window.innerWidth, main.scrollWidth - main.clientWidth];
}"""

# The top of the first picture from the top of the window; a page that draws nothing for these models has none.
TOP = """() => {
  const tops = [], above = document.querySelector("[data-testid=stMain]").scrollTop;
  const walk = (root) => {
    for (const e of root.querySelectorAll("*")) {
      if (e.shadowRoot) walk(e.shadowRoot);
      const kinds = ".rsp-photo, .rsp-card-picture, [data-pick], .js-plotly-plot, [data-testid=stImage] img";
      if (!e.matches(kinds)) continue;
      const box = e.getBoundingClientRect();
      if (box.width > 60 && box.height > 40) tops.push(box.top + above);
    }
  };
  walk(document);
  return Math.min(...tops);
}"""
# Nothing is computed, or only what a button stops.
_REST = f"""() => document.querySelector(".rsp-sentence") && (document.querySelector('{IDLE}')
  || [...document.querySelectorAll("button")].some(button => button.innerText === "Stop"))"""
# What is drawn anew for each frame, written down from now on: what moves for ever but by jumps, and fades of elements.
WATCH_FRAMES = """() => {
  window.drawnAnew = new Set();
  window.watch = setInterval(() => document.getAnimations().forEach(animation => {
    const {duration, iterations} = animation.effect.getTiming(), target = animation.effect.target;
    const jumps = animation.effect.getKeyframes().every(frame => frame.easing.startsWith("steps"));
    const fades = animation.transitionProperty === "opacity" && duration > 0 && target.matches(".stElementContainer");
    if (fades || (iterations === Infinity && !jumps)) window.drawnAnew.add(target.dataset.testid ?? target.className);
  }), 5);
}"""
DRAWN_ANEW = "() => { clearInterval(window.watch); return [...window.drawnAnew]; }"
# Where the line about image, models and question stands, from now on.
WATCH_FRAME = """() => {
  window.places = new Set();
  window.watch = setInterval(() => {
    const frame = document.querySelector(".st-key-frame"), main = document.querySelector("[data-testid=stMain]");
    if (frame) window.places.add(Math.round(frame.getBoundingClientRect().top + main.scrollTop));
  }, 5);
}"""
PLACES = "() => { clearInterval(window.watch); return [...window.places]; }"
WITHOUT_PICTURE = ("Segments", "Figures", "Runs")

# A picture twice as wide as high leaves no blank strip below it.
LOW = """() => {
  const charts = [...document.querySelectorAll(".js-plotly-plot")].filter(chart => chart.layout?.meta?.pick);
  return charts.length && charts.every(chart => chart.clientHeight < 0.6 * chart.clientWidth);
}"""


@pytest.fixture(scope="module")
def problems() -> list[str]:
    return []


@pytest.fixture(scope="module")
def page(browser: Browser, address: str, problems: list[str]) -> Page:
    page = browser.new_page(viewport=WIDE, color_scheme="light")  # type: ignore[arg-type]
    page.set_default_timeout(TIMEOUT_MS)
    page.on("pageerror", lambda error: problems.append(str(error)))
    # Of methods of attribution the one that takes the least time.
    open_view(page, f"{address}/flow?pixel=100,100&attribution_method=Gradient+x+input")
    return page


def at_rest(page: Page) -> None:
    """The page has its sentence and computes nothing, or only what it shows the progress of, with a button to stop."""
    until(page, _REST)


def go(page: Page, title: str) -> None:
    """To a page by the navigation, which is built anew when the window's width changes: a click that falls into that
    moment is lost, and made again as a reader would."""
    for _ in range(TIMEOUT_MS // TRY_MS):
        page.get_by_role("link", name=title, exact=True).click()
        try:
            page.wait_for_url(lambda url: urlsplit(url).path == f"/{PAGES[title]}", timeout=TRY_MS)
        except PlaywrightTimeout:
            continue
        break
    else:
        pytest.fail(f"no click leads to the page {title!r}")
    # The new view is asked for a moment after its address stands there.
    page.wait_for_timeout(100)
    at_rest(page)


def pick(page: Page, label: str, option: str) -> None:
    """Chooses from a list. Scrolling closes an open list, even when late, so it is opened again as a reader would."""
    box, choice = page.get_by_role("combobox", name=label), page.get_by_role("option", name=option, exact=True)
    for _ in range(TIMEOUT_MS // TRY_MS):
        at_rest(page)
        open_selectors(page)
        if not choice.is_visible():
            box.scroll_into_view_if_needed()
            box.click()
        try:
            choice.click(timeout=TRY_MS)
        except PlaywrightTimeout:
            page.keyboard.press("Escape")
        else:
            break
    else:
        pytest.fail(f"no option {option!r} of {label!r} could be clicked")
    at_rest(page)
    close_selectors(page)


def saved(page: Page, button: str, path: Path) -> bytes:
    """Presses a button that downloads; what came."""
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    download.value.save_as(path)
    return path.read_bytes()


def test_a_page_that_waits_leaves_the_cores_to_the_answer(page: Page) -> None:
    page.evaluate(WATCH_FRAMES)
    for title in ("Ledger", "Figures", "Ledger"):
        go(page, title)

    assert page.evaluate(DRAWN_ANEW) == []


def test_what_stands_above_a_page_has_its_place_before_the_page_has_its_words(page: Page) -> None:
    go(page, "Context flow")
    page.evaluate(WATCH_FRAME)
    for title in ("Key and query", "Surgery", "Attribution"):
        go(page, title)

    assert len(page.evaluate(PLACES)) == 1


@pytest.mark.parametrize("title", PAGES)
def test_a_page_opens_with_its_sentence_and_fits_a_telephone(page: Page, problems: list[str], title: str) -> None:
    go(page, title)

    expect(page.locator(".rsp-sentence").first).not_to_be_empty()
    expect(page.locator('[data-testid="stException"], [data-testid="stAlertContentError"]')).to_have_count(0)
    expect(page.locator("h1")).to_have_count(1)
    if title not in WITHOUT_PICTURE:
        until(page, f"() => ({TOP})() < 300")
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    until(page, f"() => ({OVERFLOW})().every(left => left <= 0)")
    if title not in WITHOUT_PICTURE:
        until(page, f"() => ({TOP})() < 300")
    if title in ("Relations", "Flips", "Surgery"):
        until(page, LOW)
    page.set_viewport_size(WIDE)  # type: ignore[arg-type]
    assert problems == []


def test_pages_follow_the_readers_theme(page: Page) -> None:
    go(page, "Relations")
    ink = """() => {
      const level = (e, name) => Math.max(...getComputedStyle(e)[name].match(/[0-9.]+/g).slice(0, 3));
      const app = document.querySelector('[data-testid="stApp"]');
      return [level(app, "backgroundColor"), level(document.querySelector(".rsp-sentence"), "color")];
    }"""

    for scheme, dark in (("dark", True), ("light", False)):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        until(
            page,
            f"dark => {{ const [ground, ink] = ({ink})(); return dark ? ground < 60 && ink > 200 : ground > 230; }}",
            dark,
        )
        at_rest(page)
        # As it is painted: a ground of its own behind the words would be found here alone.
        with Image.open(io.BytesIO(page.locator(".st-key-words").screenshot())) as painted:
            bright = np.asarray(painted.convert("L")) > 128
        assert bright.mean() < 0.2 if dark else bright.mean() > 0.8


def test_another_model_is_another_sentence(page: Page) -> None:
    go(page, "Context flow")
    pick(page, "Left model", "scenes-rsp4")

    expect(page.locator(".rsp-sentence").first).not_to_contain_text("scenes-baseline")
    pick(page, "Left model", "scenes-baseline")
    expect(page.locator(".rsp-sentence").first).to_contain_text("scenes-baseline")


def test_another_film_is_shown_when_it_is_chosen(page: Page) -> None:
    go(page, "Film")
    sentence = page.locator(".rsp-sentence").first
    expect(sentence).not_to_contain_text(film().sentence())

    page.get_by_role("combobox", name="Film").click()
    page.get_by_role("option", name="runs: one", exact=True).click()

    expect(sentence).to_contain_text(film().sentence())
    expect(page.get_by_role("combobox", name="Film")).to_have_value("runs: one")
    go(page, "Context flow")


@pytest.mark.parametrize("title", ["Relations", "Key and query", "Surgery", "Attribution"])
def test_a_click_on_a_chart_selects_the_pixel_under_it(page: Page, title: str) -> None:
    go(page, title)
    area = page.locator(".js-plotly-plot .nsewdrag").first
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    assert box is not None
    # Another share of the way down and across the picture of 256 x 512 pixels on every page.
    share = {"Relations": 0.25, "Key and query": 0.3, "Surgery": 0.35, "Attribution": 0.4}[title]
    area.click(position={"x": share * box["width"], "y": share * box["height"]})

    expect_pixel(page, y=256 * share, x=512 * share)
    at_rest(page)


def test_a_link_carries_the_whole_view(page: Page, browser: Browser) -> None:
    go(page, "Context flow")
    pick(page, "Class", "car")
    type_pixel(page, "Pixel y", 77)
    expect(page.locator(".rsp-second")).to_contain_text("At y 77,")
    page.get_by_text("Raw maps of one channel").click()
    at_rest(page)
    channel = (
        page.get_by_role("button", name="(", exact=False)
        .filter(has_text=").")
        .or_(page.locator(".stButton button", has_text="("))
    )
    number = channel.nth(2).inner_text().partition(" ")[0]
    channel.nth(2).click()
    page.wait_for_url(lambda url: f"channel={number}" in url)
    expect(page.get_by_text("of both models. Red is above 0")).to_contain_text(f"Channel {number} of")
    at_rest(page)
    words = page.locator(".rsp-second").inner_text()
    caption = page.get_by_text("of both models. Red is above 0").inner_text()

    other = browser.new_page(viewport=WIDE)  # type: ignore[arg-type]
    other.set_default_timeout(TIMEOUT_MS)
    open_view(other, page.url)

    try:
        expect(other.locator(".rsp-second")).to_have_text(words)
        expect(other.get_by_text("of both models. Red is above 0")).to_have_text(caption)
        expect(other.locator(".rsp")).to_have_attribute(
            "data-pick", str(page.locator(".rsp").get_attribute("data-pick"))
        )
        expect(summary(other)).to_have_text(str(summary(page).text_content()))
        expect(summary(other)).to_contain_text("car over")
    finally:
        other.close()
        pick(page, "Class", "as predicted")


def test_files_that_are_downloaded_open(page: Page, tmp_path: Path) -> None:
    go(page, "Figures")
    page.get_by_role("button", name="PDF").wait_for()
    at_rest(page)

    pdf = saved(page, "PDF", tmp_path / "a.pdf")
    svg = saved(page, "SVG", tmp_path / "a.svg")
    png = saved(page, "PNG", tmp_path / "a.png")
    offline = saved(page, "Offline HTML", tmp_path / "a.html")
    saved(page, "scenes-rsp4, safetensors", tmp_path / "a.safetensors")

    assert pdf.startswith(b"%PDF-")
    assert b"%%EOF" in pdf[-32:]
    assert ET.fromstring(svg).tag.endswith("svg")
    assert Image.open(io.BytesIO(png)).size[0] == round(7.16 * 300)
    record = Record.load(tmp_path / "a.safetensors")
    assert record.image_size == (256, 512)
    assert record.meta["model"] == "scenes-rsp4"
    assert offline.startswith(b"<!doctype html>")
    assert b"</html>" in offline[-20:]


def test_an_upload_is_shown_and_one_too_large_refused(page: Page, upload_png: bytes, tmp_path: Path) -> None:
    go(page, "Context flow")
    pick(page, "Image from", "Your image")
    open_selectors(page)
    chooser = page.locator('input[type="file"]')

    large = tmp_path / "large.png"
    large.write_bytes(bytes(21 * 2**20))
    chooser.set_input_files(large)
    page.get_by_text("20.0MB or smaller").or_(page.get_by_text("20MB or smaller")).first.wait_for()
    name = "<img src=x onerror=alert(1)>.png"
    chooser.set_input_files(files=[{"name": name, "mimeType": "image/png", "buffer": upload_png}])
    until_ready(page)
    at_rest(page)

    expect(page.locator(".rsp-sentence").first).to_contain_text("The two differ on")
    assert page.locator('img[src="x"]').count() == 0
    pick(page, "Image from", "Drawn scene")


def answer(request: str | urllib.request.Request) -> tuple[int, bytes]:
    """Status and body of what the server says."""
    try:
        with urllib.request.urlopen(request, timeout=60) as said:
            return said.status, said.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()


def test_the_server_gives_no_file_and_takes_none_without_its_token(address: str) -> None:
    for path in ("/../../../../etc/passwd", "/static/%2e%2e/%2e%2e/%2e%2e/etc/passwd", "/media/../../etc/passwd"):
        assert b"root:" not in answer(address + path)[1]
    upload = urllib.request.Request(f"{address}/_stcore/upload_file/none/none", b"x", method="PUT")
    assert answer(upload)[0] in (400, 403)
