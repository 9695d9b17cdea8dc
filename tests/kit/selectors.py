"""The selectors behind the line above every page, in a browser."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from app.shell.chip import CHANGE


def summary(page: Page) -> Locator:
    """The line that says image, models and question."""
    return page.locator(".rsp-summary")


def open_selectors(page: Page) -> None:
    """Opens them, if they are not."""
    if not page.get_by_role("combobox", name="Image from").is_visible():
        page.get_by_role("button", name=CHANGE, exact=True).click()
        page.get_by_role("combobox", name="Image from").wait_for()


def close_selectors(page: Page) -> None:
    """Closes them, if they are open."""
    if page.get_by_role("combobox", name="Image from").is_visible():
        page.keyboard.press("Escape")
        page.get_by_role("combobox", name="Image from").wait_for(state="hidden")


def type_pixel(page: Page, label: str, value: int) -> None:
    """A number into one of the fields, and its Enter."""
    open_selectors(page)
    field = page.get_by_role("spinbutton", name=label)
    field.fill(str(value))
    field.press("Enter")
    close_selectors(page)


def expect_pixel(page: Page, *, y: float | None = None, x: float | None = None) -> None:
    """The line says this pixel, or where a click fell on the edge the one before it."""
    parts = [r"\d+" if at is None else f"(?:{round(at)}|{round(at) - 1})" for at in (y, x)]
    expect(summary(page)).to_contain_text(re.compile(rf"at y {parts[0]}, x {parts[1]}(?!\d)"))
