"""Pictures of the running workbench for the documentation: ``python -m app.screenshots -o docs/images``.

Needs a Chromium on PATH and the ``dev`` extra.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
READY = '.rsp[data-ready="1"]'
IDLE = '[data-testid="stApp"][data-test-script-state="notRunning"]'
TIMEOUT_MS = 120_000


@dataclass(frozen=True)
class Shots:
    """What to photograph.

    Attributes:
        output: folder of the pictures.
        query: the view, as it stands in the workbench's address after the question mark.
        names: pictures to take.
    """

    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("docs/images")
    query: str = ""
    names: tuple[Literal["workbench", "workbench-dark", "workbench-flow", "workbench-narrow"], ...] = ("workbench",)


@contextmanager
def running_workbench(environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """A workbench of its own on a free port; its address. It is ended with the block, and only it."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app" / "streamlit_app.py")]
    options = {
        "server.address": "localhost",
        "server.port": str(port),
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "server.showEmailPrompt": "false",
    }
    command += [part for name, value in options.items() for part in (f"--{name}", value)]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **(environment or {})}, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            address = f"http://localhost:{port}"
            _wait_until_healthy(process, address)
            yield address
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_healthy(process: subprocess.Popen[bytes], address: str) -> None:
    deadline = time.monotonic() + TIMEOUT_MS / 1000
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the workbench ended with code {process.returncode}: run `make app` to see why.")
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the workbench did not answer in time: run `make app` to see why.")


def open_view(page: Page, address: str) -> None:
    """Goes to a view and waits until it is drawn and nothing more is computed."""
    page.goto(address)
    page.locator(READY).wait_for(timeout=TIMEOUT_MS)
    page.locator(IDLE).wait_for(timeout=TIMEOUT_MS)


def take(shots: Shots) -> list[Path]:
    """Writes the pictures, and returns their paths."""
    browser_path = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if browser_path is None:
        raise SystemExit(
            f"No Chromium on PATH (looked for {', '.join(CHROMIUM_NAMES)}). Install one, e.g. `make chromium`."
        )
    shots.output.mkdir(parents=True, exist_ok=True)
    written = []
    with running_workbench() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        for name in shots.names:
            page = browser.new_page(
                viewport={"width": 420 if name == "workbench-narrow" else 1280, "height": 800},
                color_scheme="dark" if name == "workbench-dark" else "light",
            )
            open_view(page, f"{address}/?{shots.query}")
            if name == "workbench-flow":
                page.locator(".stPlotlyChart .heatmaplayer image").last.wait_for(timeout=TIMEOUT_MS)
                page.get_by_text("Context flow, level by level").evaluate("element => element.scrollIntoView()")
            path = shots.output / f"{name}.png"
            page.screenshot(path=path)
            written.append(path)
        browser.close()
    return written


if __name__ == "__main__":
    for picture in take(tyro.cli(Shots)):
        print(picture)
