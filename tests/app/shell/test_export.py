"""Files that the browser makes of panels: numbers that programs read, and drawings that open, whatever names hold."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser

from app.shell import export

Save = Callable[[str], bytes]
SCRIPT = Path(export.__file__).with_suffix(".js").read_text("utf-8")
NAME = "👩‍🚒 & <b>e\u0301</b> \u0007bell"
TABLE = """(name) => {
  const cells = [["step", "at", "reaction", "share"], [name, "−1, −2", "−2.24e−08", "+1.5e+03"]];
  const rows = cells.map((row) => {
    const made = document.createElement("tr");
    made.append(...row.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
    return made;
  });
  const table = Object.assign(document.createElement("table"), { className: "rsp-table" });
  table.append(...rows);
  table.style.cssText = "margin-top: 100px; font-size: 20px";
  document.body.append(table);
}"""
MOUNT = """async ([source, summary]) => {
  const { default: mount } = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
  const root = document.body.appendChild(document.createElement("div"));
  mount({ parentElement: root, data: { summary, note: "two\\nlines" } });
}"""


@pytest.fixture
def save(browser: Browser, tmp_path: Path) -> Save:
    """What the one panel of a page is saved as."""
    page = browser.new_page(accept_downloads=True)
    page.set_content("<!doctype html><title>page</title>")
    page.evaluate(TABLE, NAME)
    page.evaluate(MOUNT, [SCRIPT, f"image {NAME}"])
    page.get_by_role("button", name="Export").click()

    def saved(kind: str) -> bytes:
        with page.expect_download(timeout=60_000) as download:
            page.get_by_role("button", name=f"Panel 1 as {kind}").click()
        download.value.save_as(tmp_path / kind)
        return (tmp_path / kind).read_bytes()

    return saved


@pytest.mark.browser
def test_numbers_are_as_programs_read_them(save: Save) -> None:
    lines = save("CSV").decode("utf-8-sig").splitlines()
    head = [line for line in lines if line.startswith("# ")]
    names, row = csv.reader(lines[len(head) :])

    assert names == ["step", "at", "reaction", "share"]
    assert row[1:] == ["-1, -2", "-2.24e-08", "1.5e+03"]
    assert head[-2:] == ["# Note: two", "# lines"]


@pytest.mark.browser
def test_pictures_open_and_hold_whole_letters(save: Save) -> None:
    drawn = ET.fromstring(save("SVG"))
    picture = Image.open(io.BytesIO(save("PNG")))

    words = " ".join(text.text or "" for text in drawn.iter("{http://www.w3.org/2000/svg}text"))
    assert NAME.replace("\u0007", "") in words
    assert "👩‍🚒" in (drawn.findtext("{http://www.w3.org/2000/svg}desc") or "")
    assert picture.width > 100
    assert "Note: two\nlines" in picture.text["Description"]  # type: ignore[attr-defined]
