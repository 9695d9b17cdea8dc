"""How fast the explorer answers and how large it is: ``python -m app.tools.measure_explorer``, for a quiet machine.

It writes the offline file for drawn scenes, opens it in Chromium, and measures inside the page with performance.now:
handling and drawing of pointer moves over both photographs, and the first paint after the data was there. Needs a
Chromium on PATH and the ``dev`` extra.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from playwright.sync_api import Browser, sync_playwright

from app.tools.chromium import chromium_path
from app.tools.screenshots import TIMEOUT_MS
from app.tools.waiting import until_ready
from rsp_lab.analysis.passes.view import view_model
from rsp_lab.data.labels import CITYSCAPES
from rsp_lab.data.scenes.scene import draw_scene
from rsp_lab.explorer.html import explorer_page, file_budget
from rsp_lab.explorer.payload import build_payload
from rsp_lab.models.weights import load

# Each move is timed from its dispatch to the end of the drawing that it asked for, without the wait for the frame.
_MOVES = """async (count) => {
  const frames = [...document.querySelectorAll(".rsp-photo")];
  const times = [];
  for (let i = 0; i < count; i++) {
    const frame = frames[i % 2];
    const box = frame.getBoundingClientRect();
    const [down, along] = [(i * 0.754878) % 1, (i * 0.618034) % 1];
    const at = { clientX: box.left + box.width * along, clientY: box.top + box.height * down };
    window.spent = 0;
    const began = performance.now();
    frame.dispatchEvent(new PointerEvent("pointermove", { ...at, bubbles: true, pointerType: "mouse" }));
    const handled = performance.now() - began;
    await new Promise((done) => window.plainFrame(() => setTimeout(done)));
    times.push([handled, handled + window.spent]);
  }
  return times;
}"""
_TIMED_FRAMES = """
window.spent = 0;
window.plainFrame = window.requestAnimationFrame.bind(window);
window.requestAnimationFrame = (callback) => window.plainFrame((now) => {
  const began = performance.now();
  callback(now);
  window.spent += performance.now() - began;
});
"""


@dataclass(frozen=True)
class Measurement:
    """What to measure.

    Attributes:
        moves: pointer moves for each figure.
        left, right: shipped names or paths of models.
    """

    moves: int = 500
    left: str = "scenes-baseline"
    right: str = "scenes-rsp4"


def measure(about: Measurement) -> Iterator[dict[str, Any]]:
    """A row for each image size and for windows and chain; times in milliseconds, sizes in megabytes."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(whole=True), args=["--no-sandbox"])
        for size in ((512, 1024), (1024, 2048)):
            file = Path(folder) / f"{size[0]}.html"
            payload = _payload(about, size)
            file.write_text(explorer_page(payload, "Measured"), encoding="utf-8")
            facts = {"image": f"{size[0]} x {size[1]}", "payload_mb": len(payload) / 1e6}
            facts["file_mb"] = file.stat().st_size / 1e6
            for view in _VIEWS:
                row = facts | _in_browser(browser, f"{file.as_uri()}#{view}", about.moves)
                yield {k: round(v, 2) if isinstance(v, float) else v for k, v in row.items()}
        browser.close()


_VIEWS = ("", "spread=chain&gaze=1", "spread=chain&grids=content&second=100,100")


def _payload(about: Measurement, size: tuple[int, int]) -> bytes:
    scene = draw_scene(3, *size)
    models = load(about.left).semantic, load(about.right).semantic
    views = view_model(models[0], scene.image), view_model(models[1], scene.image)
    return build_payload(scene.image, models, views, CITYSCAPES, scene.label, budget=file_budget(size))


def _in_browser(browser: Browser, address: str, moves: int) -> dict[str, Any]:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.add_init_script(_TIMED_FRAMES)
    page.goto(address)
    until_ready(page, timeout_ms=TIMEOUT_MS)
    paint = page.evaluate("performance.getEntriesByName('rsp-lab-first-paint')[0].duration")
    handled, whole = np.array(page.evaluate(_MOVES, moves)).T
    page.close()
    return {
        "view": address.partition("#")[2] or "windows",
        "first_paint_ms": float(paint),
        "handler_p50_ms": float(np.percentile(handled, 50)),
        "handler_p95_ms": float(np.percentile(handled, 95)),
        "with_drawing_p50_ms": float(np.percentile(whole, 50)),
        "with_drawing_p95_ms": float(np.percentile(whole, 95)),
    }


if __name__ == "__main__":
    for row in measure(tyro.cli(Measurement)):
        print(json.dumps(row), flush=True)
