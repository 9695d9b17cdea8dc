"""How long the workbench lets its readers wait, and what it holds: ``python -m app.tools.measure --json``.

Times are of a browser on this machine, from the outside: what a reader sees. They say as much about the machine and
what else it does as about the workbench, so nothing is asserted about them. Needs a Chromium on PATH.
"""

from __future__ import annotations

import json as json_module
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

import tyro
from playwright.sync_api import Browser, Page, sync_playwright

from app.tools.chromium import chromium_path
from app.tools.screenshots import TIMEOUT_MS
from app.tools.serving import Serving, served
from app.tools.waiting import IDLE, charts_painted, until, until_ready

_PAGES = (
    *("story", "relations", "key-query", "ledger", "flips", "segments"),
    *("change", "surgery", "figures", "film", "runs"),
)
SENTENCE = ".rsp-sentence"
_CARDS = 12
_REST = f"""text => document.querySelector(".rsp-sentence")
  && document.querySelector('{IDLE}')
  && (!text || document.querySelector(".rsp-summary")?.innerText.includes(text))"""
_PAINTED = """count => {
  const pictures = [...document.querySelectorAll(".rsp-card-picture")];
  return pictures.length === count && pictures.every(picture => picture.complete && picture.naturalWidth);
}"""


@dataclass(frozen=True)
class Wanted:
    """What to measure.

    Attributes:
        json: as JSON instead of lines of text.
        wait: seconds from the server's first answer to the first browser; 0 is a reader who is there at once.
        clicks: how many pixels are clicked, for the median.
        images: how many images are looked at one after the other, for the memory.
        tabs: browser tabs open at once in the soak; 0 leaves it out.
        seconds: how long the soak lasts.
    """

    json: Annotated[bool, tyro.conf.arg(name="json")] = False
    wait: float = 0.0
    clicks: int = 10
    images: int = 50
    tabs: int = 10
    seconds: float = 60.0


@dataclass(frozen=True)
class Soak:
    """Many tabs at once.

    Attributes:
        actions: clicks and page changes that were answered.
        errors: messages of pages or browser about a failure.
        memory_mb: of the server at the start, the highest seen, and at the end.
    """

    tabs: int
    seconds: float
    actions: int
    errors: tuple[str, ...]
    memory_mb: tuple[float, float, float]


@dataclass(frozen=True)
class Measured:
    """Seconds unless named otherwise; memory is the resident set of the server's process.

    Attributes:
        start: until the server answers, from the start of its process; the first view is prepared within.
        first_view: of the first browser that ever connects, until all pictures of the gallery are painted.
        second_view: the same of a second browser, with everything cached.
        card_to_decision: median from a click on a card of the gallery to the line that says its decision on a page that
            is at rest.
        click_to_sentence: median from a click on a photograph to the sentence about its pixel.
        click_to_ledger: median from a click on a map of the page of ledgers to that page at rest.
        pages: from a click in the navigation until the page is at rest, by address.
        attribution_maps: on the way there, until both maps are painted; what proves them comes after.
        memory_mb: after the first view, and after every quarter of ``images`` images.
    """

    start: float
    first_view: float
    second_view: float
    card_to_decision: float
    click_to_sentence: float
    click_to_ledger: float
    pages: dict[str, float]
    attribution_maps: float
    memory_mb: dict[str, float]
    images: int
    soak: Soak | None


def resident_mb(pid: int) -> float:
    """Resident memory of a process, in MB; of Linux's /proc.

    Raises:
        OSError: where there is no such process, or no /proc.
    """
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(float(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))


def measure(wanted: Wanted) -> Measured:
    """Starts a workbench of its own and measures it from a browser."""
    began = time.perf_counter()
    with served() as serving, sync_playwright() as playwright:
        started = time.perf_counter() - began
        browser = playwright.chromium.launch(executable_path=chromium_path(whole=True), args=["--no-sandbox"])
        time.sleep(wanted.wait)
        page, first = _opened(browser, serving.address)
        memory = {"after the first view": resident_mb(serving.pid)}
        other, second = _opened(browser, serving.address)
        other.close()
        cards = statistics.median(_card(page, place) for place in range(min(wanted.clicks, _CARDS)))
        _look_at_image(page, serving.address, 0)
        clicks = statistics.median(_click(page, place) for place in range(wanted.clicks))
        pages = {path: _visit(page, path) for path in _PAGES}
        maps, pages["attribution"] = _visit_attribution(page)
        ledger = statistics.median(_click_on_map(page, place) for place in range(wanted.clicks))
        # Memory that is bounded stops growing.
        quarters = {-(-wanted.images * part // 4) for part in (1, 2, 3, 4)}
        for seen in range(1, wanted.images + 1):
            _look_at_image(page, serving.address, seen - 1)
            if seen in quarters:
                memory[f"after {seen} images"] = resident_mb(serving.pid)
        page.close()
        soak = soaked(browser, serving, wanted.tabs, wanted.seconds) if wanted.tabs else None
        browser.close()
    return Measured(started, first, second, cards, clicks, ledger, pages, maps, memory, wanted.images, soak)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _opened(browser: Browser, address: str) -> tuple[Page, float]:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(TIMEOUT_MS)

    def look() -> None:
        page.goto(address)
        until(page, _PAINTED, _CARDS)

    seconds = _timed(look)
    at_rest(page)
    return page, seconds


def at_rest(page: Page, summary: str = "") -> None:
    """Waits until the page computes nothing, and its line about image, models and question holds some words."""
    until(page, _REST, summary)


def _card(page: Page, place: int) -> float:
    link = page.locator(".st-key-gallery a").nth(place)
    asked = parse_qs(urlsplit(str(link.get_attribute("href"))).query)
    y, x = asked["pixel"][0].split(",")

    def look() -> None:
        link.click()
        at_rest(page, f"at y {y}, x {x}")

    seconds = _timed(look)
    page.go_back()
    until(page, _PAINTED, _CARDS)
    at_rest(page)
    return seconds


def _click(page: Page, place: int) -> float:
    photograph = page.locator('.rsp-photo[data-side="right"]')

    def click() -> None:
        photograph.click(position={"x": 60 + 17 * place, "y": 120})
        y, x = str(page.locator(".rsp").get_attribute("data-pick")).split(",")
        said = "text => document.querySelector('.rsp-second')?.innerText.includes(text)"
        until(page, said, f"At y {y}, x {x},")

    seconds = _timed(click)
    at_rest(page)
    return seconds


def _go(page: Page, path: str) -> None:
    page.locator(f'a[href$="/{path}"], a[href*="/{path}?"]').first.click()
    page.wait_for_url(lambda url: f"/{path}" in url)


def _visit(page: Page, path: str) -> float:
    def visit() -> None:
        _go(page, path)
        page.wait_for_timeout(50)
        at_rest(page)

    seconds = _timed(visit) - 0.05
    # Charts are painted after that, the first with a library that the browser loads then: no part of the next page.
    charts_painted(page)
    return seconds


def _visit_attribution(page: Page) -> tuple[float, float]:
    """Until both maps are painted, and until the page is at rest."""

    def until_maps() -> None:
        _go(page, "attribution")
        until(page, "() => document.querySelector('.st-key-attribution-map-right .js-plotly-plot .main-svg')")

    maps = _timed(until_maps)
    return maps, maps + _timed(lambda: at_rest(page))


def _click_on_map(page: Page, place: int) -> float:
    """On the page of ledgers: from a click on a map to a page about that pixel that is at rest again."""
    if "/ledger" not in page.url:
        _go(page, "ledger")
        at_rest(page)
    picture = page.locator(".js-plotly-plot .nsewdrag").first
    picture.scroll_into_view_if_needed()
    before = page.locator(SENTENCE).first.inner_text()

    def settle() -> None:
        picture.click(position={"x": 40 + 15 * place, "y": 60})
        until(page, "before => document.querySelector('.rsp-sentence')?.innerText !== before", before)
        at_rest(page)

    return _timed(settle)


def _look_at_image(page: Page, address: str, scene: int) -> None:
    page.goto(f"{address}/flow?scene={scene}")
    until_ready(page)
    at_rest(page)


def soaked(browser: Browser, serving: Serving, tabs: int, seconds: float) -> Soak:
    """Many tabs with scenes of their own, each clicked and moved in turn; what went wrong, and what memory did."""
    errors: list[str] = []
    pages = [browser.new_page(viewport={"width": 1280, "height": 800}) for _ in range(tabs)]
    before = highest = resident_mb(serving.pid)
    for number, page in enumerate(pages):
        page.set_default_timeout(TIMEOUT_MS)
        page.on("pageerror", lambda error: errors.append(str(error)))
        # All at once: nothing is waited for before all have asked.
        page.goto(f"{serving.address}/flow?scene={number}", wait_until="commit")
    actions, deadline = 0, time.monotonic() + seconds
    while actions < tabs or time.monotonic() < deadline:
        page = pages[actions % tabs]
        until_ready(page)
        place = {"x": 30.0 + 7 * (actions % 50), "y": 60.0 + 5 * (actions % 30)}
        page.locator('.rsp-photo[data-side="left"]').click(position=place)
        alerts = page.locator('.stAlert, [data-testid="stException"]')
        errors += [alerts.nth(i).inner_text() for i in range(alerts.count())]
        highest = max(highest, resident_mb(serving.pid))
        actions += 1
    for page in pages:
        at_rest(page)
        page.close()
    return Soak(tabs, seconds, actions, tuple(errors), (before, highest, resident_mb(serving.pid)))


def lines(found: Measured) -> list[str]:
    """The same for people."""
    said = [
        f"server answers after {found.start:.1f} s",
        f"first view {found.first_view:.2f} s after the browser connects, second {found.second_view:.2f} s",
        f"card to its decision {found.card_to_decision:.2f} s",
        f"click to its sentence {found.click_to_sentence:.2f} s, click to its ledger {found.click_to_ledger:.2f} s",
        *(f"page {path} {seconds:.2f} s" for path, seconds in found.pages.items()),
        f"maps of attribution painted after {found.attribution_maps:.2f} s",
        *(f"memory {when} {value:.0f} MB" for when, value in found.memory_mb.items()),
    ]
    if found.soak is not None:
        soak = found.soak
        memory = ", ".join(f"{value:.0f}" for value in soak.memory_mb)
        said.append(
            f"{soak.tabs} tabs for {soak.seconds:g} s: {soak.actions} clicks, {len(soak.errors)} errors, "
            f"memory before, highest, after: {memory} MB"
        )
    return said


if __name__ == "__main__":
    asked = tyro.cli(Wanted)
    result = measure(asked)
    print(json_module.dumps(asdict(result), indent=1) if asked.json else "\n".join(lines(result)))
