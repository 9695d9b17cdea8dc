"""Pictures of the running workbench: ``python -m app.tools.screenshots``.

The documentation shows four: ``python -m app.tools.screenshots -o docs/images --names workbench workbench-gallery
workbench-story workbench-decision``. Needs a Chromium on PATH and the ``dev`` extra. The page of runs is photographed
where there are runs, see :mod:`app.store.run_folders`.
"""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import numpy as np
import tyro
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from app.store.run_folders import run_folders, runs_root
from app.tools.chromium import chromium_path
from app.tools.serving import running_workbench
from app.tools.waiting import settled
from rsp_lab.files import write_atomic

TIMEOUT_MS = 120_000
NARROW = 420
MOST_BYTES = 250_000


@dataclass(frozen=True)
class Shot:
    """One picture.

    Attributes:
        page: address of the page below the workbench's own.
        height: of the window, in pixels.
        width: the same; 420 is a telephone's.
        dark: theme.
        at: heading that the page is scrolled to; empty stays at its top.
        press: name of a button to press first; empty presses none.
        query: of the address, where none is asked for.
    """

    page: str = ""
    height: int = 800
    width: int = 1280
    dark: bool = False
    at: str = ""
    press: str = ""
    query: str = ""


PANOPTIC = "left=scenes-panoptic-baseline&right=scenes-panoptic-rsp4d"
SHOTS: dict[str, Shot] = {
    "workbench": Shot("flow"),
    "workbench-gallery": Shot(height=1000),
    "workbench-dark": Shot("flow", dark=True),
    "workbench-narrow": Shot("flow", width=NARROW, height=900),
    "workbench-decision": Shot("flow", height=1300, at="How the decision comes down"),
    "workbench-flow": Shot("flow", height=860, at="Context flow, level by level", query="raw_channel=true"),
    "workbench-step": Shot("flow", height=1100, at="One step, large", query="raw_channel=true"),
    "workbench-story": Shot("story", height=1100),
    "workbench-relations": Shot("relations", height=1000),
    "workbench-key-query": Shot("key-query", height=1000),
    "workbench-ledger": Shot("ledger", height=1000),
    "workbench-flips": Shot("flips", height=1000),
    "workbench-segments": Shot("segments", height=1100, query=PANOPTIC),
    "workbench-change": Shot("change", height=1100),
    "workbench-surgery": Shot("surgery", height=1000),
    "workbench-attribution": Shot("attribution", height=1000),
    "workbench-film": Shot("film", height=1000),
    "workbench-runs": Shot("runs", height=1000),
    "workbench-figures": Shot("figures", height=1000),
}
Name: TypeAlias = Literal[
    "workbench",
    "workbench-gallery",
    "workbench-dark",
    "workbench-narrow",
    "workbench-decision",
    "workbench-flow",
    "workbench-step",
    "workbench-story",
    "workbench-relations",
    "workbench-key-query",
    "workbench-ledger",
    "workbench-flips",
    "workbench-segments",
    "workbench-change",
    "workbench-surgery",
    "workbench-attribution",
    "workbench-film",
    "workbench-runs",
    "workbench-figures",
]


@dataclass(frozen=True)
class Shots:
    """What to photograph.

    Attributes:
        output: folder of the pictures.
        query: the view, as it stands in the workbench's address after the question mark.
        names: pictures to take; all by default.
        theme: light or dark instead of each picture's own.
        width: of the window in pixels instead of each picture's own; 420 is a telephone's.
        height: the same, upwards.
    """

    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("build/screenshots")
    query: str = ""
    names: tuple[Name, ...] = field(default_factory=lambda: tuple(SHOTS))  # type: ignore[arg-type]
    theme: Literal["light", "dark"] | None = None
    width: int | None = None
    height: int | None = None


def take(shots: Shots) -> list[Path]:
    """Writes the pictures, and returns their paths."""
    path, written = chromium_path(), []
    shots.output.mkdir(parents=True, exist_ok=True)
    with running_workbench() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for name in shots.names:
            if SHOTS[name].page == "runs" and not run_folders(runs_root()):
                print(f"{name}: left out, as there is no run below {runs_root()}.", file=sys.stderr)
                continue
            picture = shots.output / f"{name}.png"
            write_atomic(picture, quantised(_photograph(browser, address, SHOTS[name], shots)))
            written.append(picture)
        browser.close()
    return written


def _photograph(browser: Browser, address: str, shot: Shot, shots: Shots) -> bytes:
    dark = shot.dark if shots.theme is None else shots.theme == "dark"
    page = browser.new_page(
        viewport={"width": shots.width or shot.width, "height": shots.height or shot.height},
        color_scheme="dark" if dark else "light",
    )
    page.set_default_timeout(TIMEOUT_MS)
    # As whoever has taken the tour sees it.
    page.add_init_script("localStorage.setItem('rsp-lab-tour', 'seen')")
    try:
        page.goto(f"{address}/{shot.page}?{shots.query or shot.query}")
        settled(page, explorer=shot.page == "flow")
        if shot.press:
            page.get_by_role("button", name=shot.press).click()
            settled(page)
        if shot.at:
            page.get_by_role("heading", name=shot.at).evaluate("e => e.scrollIntoView()")
            page.mouse.move(0, 0)
            settled(page)
        return page.screenshot()
    finally:
        page.close()


def quantised(content: bytes, most: int = MOST_BYTES) -> bytes:
    """A PNG in at most 256 colours; in fewer, down to 32, while it has more than ``most`` bytes.

    The most frequent colours stay as they are: grounds, letters, the classes' palette. The others stand for all the
    rest, in which a rare colour counts for more than its share, so that a thin outline keeps its own.
    """
    picture, smaller = Image.open(io.BytesIO(content)).convert("RGB"), content
    pixels = np.asarray(picture)
    colours, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_counts=True)
    frequent = colours[np.argsort(-counts, kind="stable")]
    weighed = Image.fromarray(np.repeat(colours, np.ceil(counts**0.4).astype(int), axis=0)[None])
    for number in (256, 128, 64, 32):
        exact = frequent[: number // 4]
        found = weighed.quantize(number - len(exact), Image.Quantize.MEDIANCUT, kmeans=2).getpalette() or []
        palette = Image.new("P", (1, 1))
        palette.putpalette([*exact.flatten().tolist(), *found[: 3 * (number - len(exact))]])
        drawn = picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
        # Pillow looks colours up by their upper bits only: white would come out as nearly white.
        places = np.asarray(drawn).copy()
        for place, colour in enumerate(exact):
            places[(pixels == colour).all(-1)] = place
        drawn.putdata(places.ravel())
        held = io.BytesIO()
        drawn.save(held, "PNG", optimize=True)
        smaller = held.getvalue()
        if len(smaller) <= most:
            break
    return smaller


if __name__ == "__main__":
    for picture in take(tyro.cli(Shots)):
        print(picture)
