"""Links of the workbench in a page that shows it already."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.sync_api import Page

# A run shows in the state of the program, or, where all of it comes in one go, in the page's words. What changes
# neither is over in less than the last bound.
_FOLLOW = """async link => {
  const app = document.querySelector("[data-testid=stApp]");
  const words = document.querySelector(".st-key-words") ?? document.querySelector("[data-testid=stMain]");
  const begun = new Promise(begin => {
    const running = () => app.dataset.testScriptState === "running" && begin();
    new MutationObserver(running).observe(app, { attributes: true });
    new MutationObserver(begin).observe(words, { childList: true, characterData: true, subtree: true });
    setTimeout(begin, 5000);
  });
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
