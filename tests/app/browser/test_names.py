"""Names from outside on every page in a real Chromium: no request to anywhere else, no element, no formula, no icon.

Models, their classes, runs and image files have names that are pictures, links, formulas, icons, colours and elements
to some reader of markup; every view is to show them as they are.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from urllib.parse import urlencode

import pytest
import torch
from PIL import Image
from playwright.sync_api import Browser, Page

from app.shell.text import JOINER
from app.tools.screenshots import TIMEOUT_MS
from app.tools.serving import running_workbench
from app.tools.waiting import settled
from rsp_lab.data.sample import Sample
from rsp_lab.models import presets
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.weights import save
from tests.app.hostile import NAMES
from tests.kit.runs import write_run
from tests.kit.selectors import open_selectors

pytestmark = pytest.mark.browser
CLASSES = tuple(" ".join(name.split()) for name in NAMES)
# A folder's name holds no slash: what looks like an address spans folders.
LEFT = "![x](https:127.0.0.1:9/cls) $a^2$ www.hostile.example"
RIGHT = "<img src=x onerror=alert(1)> :red[hostile] :material-home: me@hostile.example"
FILE = ":smile: $$b_2$$ ![x](https:127.0.0.1:9) <b class=hostile>b<b> **c**"
VIEWS: tuple[tuple[str, dict[str, str]], ...] = (
    ("", {}),
    ("story", {"note": "<b class=hostile>b</b> ![x](https:127.0.0.1:9)"}),
    ("flow", {}),
    ("relations", {}),
    ("key-query", {}),
    ("ledger", {"ledger_split": "class"}),
    ("ledger", {"ledger_reading": "selection gain"}),
    ("ledger", {"ledger_reading": "rejection"}),
    ("ledger", {"ledger_reading": "whole image", "ledger_whole": "5"}),
    ("ledger", {"ledger_target": "class zone"}),
    ("flips", {"flips_least": "1"}),
    ("segments", {}),
    ("change", {}),
    ("surgery", {}),
    ("surgery", {"surgery_edit": "transplant from the other model"}),
    ("attribution", {"attribution_method": "Feature ablation"}),
    ("figures", {}),
    ("runs", {}),
)
"""Pages with choices on which names stand elsewhere, errors that name them among these."""
ELEMENTS = """() => {
  const found = [], hostile = /hostile|127\\.0\\.0\\.1:9/;
  const walk = (root) => {
    for (const e of root.querySelectorAll("*")) {
      if (e.shadowRoot) walk(e.shadowRoot);
      const text = [e.getAttribute("href"), e.getAttribute("src"), e.className?.baseVal ?? e.className].join(" ");
      if (hostile.test(text) || e.hasAttribute("onerror") || e.matches('img[src="x"]')) found.push(e.outerHTML);
      if (e.matches("em, del, blockquote, hr, .stMarkdownColoredText, .stMarkdownBadge")) found.push(e.outerHTML);
      const kinds = 'ul, ol, h1, h2, h3, h4, table, img, a:not([href^="#"])';
      if (e.matches(`[data-testid=stMarkdownContainer] :is(${kinds})`)) found.push(e.outerHTML);
      if (e.matches("[data-testid=stIconMaterial]") && e.textContent === "home") found.push(e.outerHTML);
    }
  };
  walk(document);
  return found.map((html) => html.slice(0, 300));
}"""
FORMULAS = "() => document.querySelectorAll('.katex, math').length"
TEXT = """() => {
  const parts = [];
  const walk = (node) => {
    if (node.nodeType === Node.TEXT_NODE) parts.push(node.data);
    if (["STYLE", "SCRIPT"].includes(node.nodeName)) return;
    for (const child of node.shadowRoot?.childNodes ?? []) walk(child);
    for (const child of node.childNodes) walk(child);
  };
  walk(document.body);
  return parts.join("");
}"""


@pytest.fixture(scope="module")
def address(
    tmp_path_factory: pytest.TempPathFactory, street: Callable[[int, int, int], Sample], forked_python: None
) -> Iterator[str]:
    """Of a workbench whose models, classes, runs and images all have such names."""
    runs, data = tmp_path_factory.mktemp("runs"), tmp_path_factory.mktemp("data")
    for name, preset in ((LEFT, presets.tiny_baseline), (RIGHT, presets.tiny_rsp4)):
        write_run(runs, name)
        torch.manual_seed(0)
        save(Segmenter(preset(CLASSES, CLASSES[0])).eval(), runs / name / "best.safetensors", {"data": CLASSES[1]})
    sample = street(1, 96, 128)
    assert sample.label is not None
    for folder, pixels in (("images", sample.image.permute(1, 2, 0)), ("labels", sample.label)):
        (data / folder).mkdir()
        Image.fromarray(pixels.numpy()).save(data / folder / f"{FILE}.png")
    with (data / "classes.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("name",), *((name,) for name in CLASSES)])
    environment = {"OMP_NUM_THREADS": "1", "CAMVID_ROOT": "", "CITYSCAPES_ROOT": ""}
    with running_workbench({**environment, "FOLDER_ROOT": str(data), "RSP_LAB_RUNS": str(runs)}) as address:
        yield address


@pytest.fixture(scope="module")
def foreign() -> list[str]:
    """Addresses elsewhere that the page asked for."""
    return []


@pytest.fixture(scope="module")
def page(browser: Browser, address: str, foreign: list[str]) -> Page:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(TIMEOUT_MS)
    page.on(
        "request", lambda sent: None if sent.url.startswith((address, "data:", "blob:")) else foreign.append(sent.url)
    )
    page.on("dialog", lambda dialog: foreign.append(f"dialog {dialog.message}"))
    return page


def read(page: Page) -> str:
    """All text of the page, in shadow trees too."""
    return " ".join(str(page.evaluate(TEXT)).replace(JOINER, "").split())


def check(page: Page, foreign: list[str]) -> None:
    """Nothing on the page is made of a name."""
    assert foreign == []
    assert page.evaluate(ELEMENTS) == []
    assert page.evaluate(FORMULAS) == 0


@pytest.mark.parametrize("number", range(len(VIEWS)))
def test_a_view_shows_names_as_they_are(page: Page, address: str, foreign: list[str], number: int) -> None:
    path, choices = VIEWS[number]
    # Each view is about two other classes.
    class_name, rival = CLASSES[2 * number % len(CLASSES)], CLASSES[(2 * number + 1) % len(CLASSES)]
    link = {
        "source": "Your folder",
        "file": f"all/{FILE}",
        "left": f"runs: {LEFT}/best",
        "right": f"runs: {RIGHT}/best",
        "class": class_name,
        "rival": rival,
        **choices,
    }

    page.goto(f"{address}/{path}?{urlencode({'runs': [LEFT, RIGHT]} if path == 'runs' else link, doseq=True)}")
    settled(page, explorer=path == "flow")

    text = read(page)
    if path == "runs":
        assert LEFT in text
        assert RIGHT in text
        for expander in page.locator("[data-testid=stExpander] summary").all():
            expander.click()
        settled(page)
    elif path == "figures":
        assert class_name in text
    else:
        # Before anything is painted over, the page Change says no more than that.
        assert f"runs: {RIGHT}/best" in text or path == "change"
        # The other pages are about relation weights alone, or say why there is nothing to show.
        if path not in ("relations", "key-query", "segments", "change") and "transplant" not in str(choices):
            assert class_name in text
    check(page, foreign)


def test_what_a_link_and_an_upload_are_called_is_text(
    page: Page, address: str, foreign: list[str], upload_png: bytes
) -> None:
    names = ("left", "right", "class", "rival", "case", "scene", "reading", "channel", "pixel", "flow_step")
    page.goto(f"{address}/flow?{urlencode(dict(zip(names, NAMES, strict=False)))}")
    settled(page, explorer=True)
    assert NAMES[0] in read(page)
    check(page, foreign)

    page.goto(f"{address}/flow?source=Your+image")
    settled(page)
    open_selectors(page)
    chooser = page.locator('input[type="file"]')
    for content in (b"no picture", upload_png):
        chooser.set_input_files(files=[{"name": f"{FILE}.png", "mimeType": "image/png", "buffer": content}])
        page.get_by_text("Give a PNG or JPEG").or_(page.locator(".rsp")).first.wait_for()
        settled(page)
        check(page, foreign)
