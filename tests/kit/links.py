"""Links of the workbench in a page that shows it already."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.sync_api import Page

_FOLLOW = """async link => {
  const app = document.querySelector("[data-testid=stApp]");
  const begun = new Promise(begin => new MutationObserver((_, observer) => {
    if (app.dataset.testScriptState === "running") { observer.disconnect(); begin(); }
  }).observe(app, { attributes: true, attributeFilter: ["data-test-script-state"] }));
  history.pushState({}, "", link);
  dispatchEvent(new PopStateEvent("popstate", { state: {} }));
  await begun;
}"""


def follow(page: Page, link: str) -> None:
    """Opens a link and waits until its view is being worked out.

    Where the page shows the workbench, it goes there as by the browser's own way back and forth: without loading the
    program anew, which takes most of a view's time. Choices that the link does not name are the default ones.
    """
    if urlsplit(page.url)[:2] == urlsplit(link)[:2]:
        page.evaluate(_FOLLOW, link)
    else:
        page.goto(link)
