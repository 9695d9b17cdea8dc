"""How much is drawn on the explorer's canvases."""

from __future__ import annotations

from playwright.sync_api import Locator, Page

# The explorer draws in the frame after what asked for it, so two frames later it is drawn.
_PAINTED = """async canvas => {
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let count = 0;
  for (let i = 3; i < data.length; i += 4) count += data[i] > 0;
  return count;
}"""


def photograph(page: Page, side: str) -> Locator:
    return page.locator(f'.rsp-photo[data-side="{side}"]')


def overlay(page: Page, side: str) -> Locator:
    """The canvas over a photograph: windows, outlines, cursor."""
    return photograph(page, side).locator("canvas").nth(1)


def painted(canvas: Locator) -> int:
    """Pixels of a canvas that are not transparent."""
    return int(canvas.evaluate(_PAINTED))
