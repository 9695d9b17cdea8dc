"""Waiting for the workbench in a browser, without a load of its own.

What is waited for is looked for every 25 ms. Playwright's own locators look at each frame, so that the browser draws
each frame beside a server that needs both cores: the median from a card to its story was 1.2 s by them, and 0.7 s by
this.
"""

from __future__ import annotations

from playwright.sync_api import Page

LOOK_MS = 25
IDLE = '[data-testid="stApp"][data-test-script-state="notRunning"]'
_IDLE = f"() => document.querySelector('{IDLE}')"
_SENTENCE = "() => document.querySelector('.rsp-sentence')"
# The explorer stands in a shadow tree, offline and in a notebook too.
_READY = """() => {
  const ready = root => root.querySelector('.rsp[data-ready="1"]')
    || [...root.querySelectorAll("*")].some(e => e.shadowRoot && ready(e.shadowRoot));
  return ready(document);
}"""
# A chart is drawn before it is laid out, and once more in the width that its column gets; one on its way out of the
# page, or not yet in it, has no size.
_CHARTS_REST = """() => new Promise((done) => {
  const boxes = () => [...document.querySelectorAll(".stPlotlyChart .main-svg:first-child")]
    .map((e) => e.getBoundingClientRect()).map((b) => [b.x, b.y, b.width, b.height].join()).join(" ");
  const before = boxes();
  const complete = document.querySelectorAll(".stPlotlyChart").length
    === document.querySelectorAll(".stPlotlyChart .main-svg:first-child").length;
  setTimeout(() => done(complete && !before.includes(",0,0") && before === boxes()), 250);
})"""


def until(page: Page, condition: str, given: object = None, *, timeout_ms: float | None = None) -> None:
    """Waits until a function of JavaScript, called with ``given``, says something true.

    Args:
        timeout_ms: milliseconds; None is the page's own.
    """
    page.wait_for_function(condition, arg=given, polling=LOOK_MS, timeout=timeout_ms)


def until_idle(page: Page) -> None:
    """Nothing is computed."""
    until(page, _IDLE)


def until_ready(page: Page, *, timeout_ms: float | None = None) -> None:
    """The explorer is drawn."""
    until(page, _READY, timeout_ms=timeout_ms)


def open_view(page: Page, address: str) -> None:
    """Goes to a view and waits until it is drawn and nothing more is computed."""
    page.goto(address)
    until_ready(page)
    until_idle(page)


def charts_painted(page: Page) -> None:
    """Every chart is drawn and at rest."""
    until(page, "() => !document.querySelector('[data-testid=stSkeleton]')")
    until(page, _CHARTS_REST)


def settled(page: Page, explorer: bool = False) -> None:
    """Waits until a page has its sentence, nothing is computed, and every chart is drawn and at rest."""
    until(page, _SENTENCE)
    if explorer:
        until_ready(page)
    until_idle(page)
    charts_painted(page)
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
