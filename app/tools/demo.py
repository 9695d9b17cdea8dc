"""A film of ten seconds for the README: ``python -m app.tools.demo -o docs/images/workbench.gif``.

A real session: a card of the gallery, its story, and the decision's flow, in which the widest ribbons of a level are
cut. Needs a Chromium on PATH and the ``dev`` extra.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Locator, Page, sync_playwright

from app.tools.chromium import chromium_path
from app.tools.screenshots import TIMEOUT_MS
from app.tools.serving import running_workbench
from app.tools.waiting import settled
from rsp_lab.figures.film_video import save_gif

SIZE = 1000, 620
CAPTION = 40
"""Height of the words below a frame, pixels."""
CUTS = 4
_LOGITS = re.compile(r", \+?(−?[\d.]+) logits")
# A pointer, which a picture of a page does not have.
_POINTER = """() => {
  if (document.getElementById('demo-pointer')) return;
  const shape = document.createElement('div');
  shape.id = 'demo-pointer';
  shape.innerHTML = '<svg width="26" height="34" viewBox="0 0 13 17"><path d="M1 1v13l3.3-3 2.2 5 2.2-1-2.2-4.8h4.5z" '
    + 'fill="#111" stroke="#fff" stroke-width="1.2"/></svg>';
  Object.assign(shape.style, {position: 'fixed', zIndex: 1e9, pointerEvents: 'none', left: '50%', top: '60%'});
  document.body.append(shape);
}"""
_MOVE = "([x, y]) => Object.assign(document.getElementById('demo-pointer').style, {left: x + 'px', top: y + 'px'})"
_SCROLL = "(top) => { document.querySelector('[data-testid=stMain]').scrollTop = top }"
# A place of a curved shape that a click would meet, the nearest to the middle of its box.
_PLACE_ON = """e => {
  const box = e.getBoundingClientRect();
  const found = [];
  for (let i = 1; i < 40; i += 1) for (let j = 1; j < 40; j += 1) {
    const [x, y] = [box.x + (box.width * i) / 40, box.y + (box.height * j) / 40];
    if (e.contains(e.getRootNode().elementFromPoint(x, y))) found.push([Math.hypot(i - 20, j - 20), x, y]);
  }
  return found.sort((a, b) => a[0] - b[0])[0].slice(1);
}"""
_SCROLLED = "() => document.querySelector('[data-testid=stMain]').scrollTop"


@dataclass(frozen=True)
class Demo:
    """What to film.

    Attributes:
        output: the GIF.
        card: rank of the card in the gallery's first scan.
        side: 0 cuts ribbons of the left model, 1 of the right one.
        level: whose widest ribbons are cut.
    """

    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("docs/images/workbench.gif")
    card: int = 3
    side: int = 1
    level: int = 4


@dataclass
class Reel:
    """Frames of a page with the words below them, each shown for some milliseconds."""

    page: Page
    frames: list[tuple[Image.Image, int]] = field(default_factory=list)
    words: str = ""
    pointer: tuple[float, float] = (SIZE[0] / 2, SIZE[1] * 0.6)

    def hold(self, milliseconds: int, words: str | None = None) -> None:
        self.words = self.words if words is None else words
        self.page.evaluate(_POINTER)
        self.page.evaluate(_MOVE, list(self.pointer))
        picture = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
        self.frames.append((captioned(picture, self.words), milliseconds))

    def click(self, place: Locator, milliseconds: int, hold: int = 0) -> None:
        """Moves the pointer to a place, where it rests for ``hold`` milliseconds, and clicks."""
        x, y = place.evaluate(_PLACE_ON)
        for between in steps(self.pointer, (x, y), 3):
            self.pointer = between
            self.hold(milliseconds)
        if hold:
            self.hold(hold)
        self.page.mouse.click(x, y)

    def scroll(self, place: Locator, above: float, milliseconds: int) -> None:
        """Scrolls until a place stands ``above`` pixels below the top of the window."""
        box = place.bounding_box()
        assert box is not None, f"{place} is not on the page"
        now = float(self.page.evaluate(_SCROLLED))
        for _, top in steps((0.0, now), (0.0, now + box["y"] - above), 3):
            self.page.evaluate(_SCROLL, top)
            self.hold(milliseconds)

    @property
    def seconds(self) -> float:
        return sum(milliseconds for _, milliseconds in self.frames) / 1000


def steps(start: tuple[float, float], end: tuple[float, float], count: int) -> Iterator[tuple[float, float]]:
    """Places on the way, slower at its end."""
    for step in range(1, count + 1):
        share = 1 - (1 - step / count) ** 2
        yield start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])


def captioned(picture: Image.Image, words: str) -> Image.Image:
    whole = Image.new("RGB", (picture.width, picture.height + CAPTION), "#1f2430")
    whole.paste(picture)
    font = ImageFont.load_default(size=19)
    ImageDraw.Draw(whole).text((20, picture.height + CAPTION / 2), words, "white", font, anchor="lm")
    return whole


def film(reel: Reel, address: str, demo: Demo) -> None:
    """Goes the way from the gallery to the answer that turns."""
    page = reel.page
    page.goto(address)
    settled(page)
    reel.hold(1500, "Gallery: decisions of a data set that are worth a look")
    card = page.locator(f".st-key-card-{demo.card} a")
    reel.click(card, 90, hold=500)
    page.wait_for_url("**/story?*")
    settled(page)
    reel.hold(1500, "Story: where do the models part, and what did each look at?")
    reel.scroll(page.get_by_role("heading", name="What did each level add?"), 75, 90)
    reel.hold(1400, "What did each level add?")

    page.get_by_role("link", name="Context flow", exact=True).click()
    page.wait_for_url("**/flow?*")
    settled(page, explorer=True)
    pixel = page.locator(".rsp-flow-pixel").nth(demo.side)
    pixel.evaluate("e => e.scrollIntoView({block: 'end'})")
    page.evaluate(_SCROLL, float(page.evaluate(_SCROLLED)) - 30)
    reel.hold(1300, f"Context flow: how the decision comes down through the levels, {answer(page, demo.side)} logits")
    ribbons = page.locator(f'.rsp-flow-ribbon[data-side="{demo.side}"][data-key^="{demo.level}/"]')
    for cut in range(1, CUTS + 1):
        whole = ribbons.and_(page.locator('[aria-pressed="false"]'))
        values = [_LOGITS.findall(one.get_attribute("aria-label") or "")[-1] for one in whole.all()]
        widest = whole.nth(max(range(len(values)), key=lambda place: float(values[place].replace("−", "-"))))
        reel.click(widest, 60)
        words = f"Cut what level {demo.level} passes down: the answer is now {answer(page, demo.side)} logits"
        reel.hold(1700 if cut == CUTS else 250, words)


def answer(page: Page, side: int) -> str:
    """What a side's picture comes to, as it says it."""
    return (page.locator(".rsp-flow-total").nth(side).text_content() or "").removeprefix("= ")


def main(demo: Demo) -> None:
    with running_workbench() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
        page.set_default_timeout(TIMEOUT_MS)
        page.add_init_script("localStorage.setItem('rsp-lab-tour', 'seen')")
        reel = Reel(page)
        film(reel, address, demo)
        browser.close()
    frames = [np.asarray(picture) for picture, _ in reel.frames]
    save_gif(frames, demo.output, [milliseconds / 1000 for _, milliseconds in reel.frames])
    size = demo.output.stat().st_size / 2**20
    print(f"{demo.output}: {reel.seconds:.1f} s, {len(frames)} frames, {size:.1f} MB")


if __name__ == "__main__":
    main(tyro.cli(Demo))
