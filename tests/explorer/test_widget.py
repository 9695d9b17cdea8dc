"""The explorer in a notebook: its traits in Python, and the widget in a real JupyterLab."""

from __future__ import annotations

import contextlib
import html
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

import rsp_lab as rl
from app.tools.serving import ended
from rsp_lab.data.labels import CAMVID
from rsp_lab.explorer.html import explorer_page
from rsp_lab.explorer.payload import build_payload
from tests.kit.chromium import running_chromium

ROOT = Path(__file__).parents[2]
CELLS = (
    "import rsp_lab as rl\n"
    "from rsp_lab.data.scenes.scene import draw_scene\n"
    'explorer = rl.explore("scenes-baseline", "scenes-rsp4", draw_scene(3, 128, 256).image, pixel=(64, 100))\n'
    "explorer",
    'print("pinned", explorer.pixel, explorer.second)\nexplorer.show("pixel=5,6&spread=chain")',
)


def test_without_anywidget_the_error_says_what_to_install(small: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    image, _, models, _ = small
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "rsp_lab.explorer.notebook", raising=False)

    with pytest.raises(ImportError, match=r"pip install anywidget.*export-html"):
        rl.explore(*models, image)


def test_the_widget_carries_the_payload_and_its_pixel(small: Any) -> None:
    pytest.importorskip("anywidget", reason="the notebooks extra is not installed")
    image, label, models, views = small

    widget = rl.explore(*models, image, pixel=(3, 4), truth=label)

    assert widget.payload == build_payload(image, models, views, CAMVID, label)
    assert (widget.pixel, widget.second, widget.view) == ([3, 4], None, "pixel=3,4")
    widget.show("pixel=1,2&spread=chain")
    assert widget.view == "pixel=1,2&spread=chain"
    assert "export default { render }" in widget._esm
    with pytest.raises(ValueError, match="not an explorer payload"):
        widget.payload = b"PNG"


def test_what_has_no_kernel_finds_the_offline_page_beside_the_widget(small: Any) -> None:
    pytest.importorskip("anywidget", reason="the notebooks extra is not installed")
    image, _, models, _ = small

    widget = rl.explore(*models, image, pixel=(3, 4))
    widget.show("pixel=1,2&spread=chain")
    bundle = widget._repr_mimebundle_()
    assert bundle is not None
    data, _ = bundle

    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == widget.model_id
    (page,) = re.findall(r'^<iframe srcdoc="([^"]+)" title="Explorer" style="[^"]+"></iframe>$', data["text/html"])
    left, right = (model.name for model in models)
    assert html.unescape(page) == explorer_page(
        widget.payload, f"Where do {left} and {right} look?", view="pixel=1,2&spread=chain"
    )


def test_what_cannot_be_compared_is_refused_before_anything_is_computed(small: Any) -> None:
    pytest.importorskip("anywidget", reason="the notebooks extra is not installed")
    image, _, models, _ = small
    with pytest.raises(ValueError, match="outside the image"):
        rl.explore(*models, image, pixel=(97, 0))
    with pytest.raises(ValueError, match="same classes"):
        rl.explore(models[0], "scenes-rsp4", image)


@contextlib.contextmanager
def running_jupyter(folder: Path) -> Iterator[str]:
    """A JupyterLab of its own on a free port of localhost, without a token, its settings and kernels in ``folder``."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    options = ["--no-browser", "--allow-root", "--ServerApp.ip=localhost", f"--ServerApp.port={port}"]
    options += ["--IdentityProvider.token=", f"--ServerApp.root_dir={folder}", "--ServerApp.port_retries=0"]
    own = {name: str(folder / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    environment = {**os.environ, **own, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "2"}
    log = (folder / "jupyter.log").open("w")
    command = [sys.executable, "-m", "jupyterlab", *options]
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
    with log, ended(process):
        deadline = time.monotonic() + 600
        while True:
            assert process.poll() is None, (folder / "jupyter.log").read_text()
            assert time.monotonic() < deadline, "JupyterLab did not answer in time"
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://localhost:{port}/api", timeout=5):
                break
            time.sleep(0.2)
        yield f"http://localhost:{port}"


def write_notebook(path: Path) -> None:
    cells = [
        {
            "cell_type": "code",
            "id": f"cell{i}",
            "metadata": {},
            "source": source,
            "outputs": [],
            "execution_count": None,
        }
        for i, source in enumerate(CELLS)
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(notebook))


def run_cell(page: Page, number: int) -> None:
    """Runs a cell; what is asked for before the kernel is connected is lost without a word, so it is asked again."""
    cell = page.locator(".jp-CodeCell").nth(number)
    for _ in range(300):
        cell.locator(".cm-content").click()
        page.keyboard.press("Control+Enter")
        page.wait_for_timeout(1000)
        if cell.locator(".jp-InputPrompt").inner_text().strip() != "[ ]:":
            return
    raise AssertionError(f"cell {number} was not run")


@pytest.mark.browser
@pytest.mark.usefixtures("forked_python")
def test_the_widget_in_a_real_jupyterlab(chromium: str, tmp_path: Path) -> None:
    for needed in ("anywidget", "jupyterlab", "ipykernel"):
        pytest.importorskip(needed, reason="the notebooks extra is not installed")
    write_notebook(tmp_path / "explore.ipynb")
    with running_jupyter(tmp_path) as address, running_chromium(chromium) as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(120_000)
        expect.set_options(timeout=600_000)
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(f"{address}/lab/tree/explore.ipynb")
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()

        run_cell(page, 0)
        explorer = page.locator(".rsp")
        page.locator('.rsp[data-ready="1"]').wait_for()
        expect(explorer).to_have_attribute("data-pick", "64,100")
        photo = page.locator('.rsp-photo[data-side="right"]')
        painted = (
            photo.locator("canvas")
            .nth(1)
            .evaluate("""canvas => canvas.getContext("2d")
          .getImageData(0, 0, canvas.width, canvas.height).data.filter((v, i) => i % 4 === 3 && v > 0).length""")
        )
        assert painted > 500
        if os.environ.get("RSP_LAB_SHOTS"):
            page.screenshot(path=f"{os.environ['RSP_LAB_SHOTS']}/jupyterlab.png")

        photo.click(position={"x": 50, "y": 40})
        photo.click(position={"x": 90, "y": 60}, modifiers=["Shift"])
        pinned, second = (
            [int(n) for n in str(explorer.get_attribute(name)).split(",")] for name in ("data-pick", "data-second")
        )
        page.wait_for_timeout(500)
        run_cell(page, 1)
        expect(page.locator(".jp-OutputArea-output pre").last).to_have_text(f"pinned {pinned} {second}")
        expect(explorer).to_have_attribute("data-pick", "5,6")
        expect(page.get_by_role("button", name="Chain")).to_have_attribute("aria-pressed", "true")
        assert problems == []
