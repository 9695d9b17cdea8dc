"""A Chromium for tests, which leave it after seconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Containers run as root, for whom the sandbox does not start. Pages live too short for what the optimising compilers
# take to pay: without them a page takes a tenth less.
_OPTIONS = ("--no-sandbox", "--js-flags=--no-opt,--no-maglev")


@contextmanager
def running_chromium(path: str) -> Iterator[Browser]:
    """A browser of the block's own.

    Args:
        path: of the program.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_OPTIONS)
        yield browser
        browser.close()
