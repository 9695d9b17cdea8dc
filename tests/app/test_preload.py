"""What is prepared before the server starts is what the first page needs, and its safe settings hold anywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app import preload
from app.app_pages.gallery import pictures
from app.app_pages.gallery.page import SHOWN
from app.preload import settings
from app.shell import scenes
from app.store import models
from rsp_lab.data.scenes.scene import CASES
from tests.kit.pages import ENTRY, explorer_payloads, workbench

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.usefixtures("forked_python")
SAFE = {
    "server.address": "localhost",
    "server.enableXsrfProtection": True,
    "server.enableCORS": True,
    "server.maxUploadSize": 20,
    "browser.gatherUsageStats": False,
    "client.showErrorDetails": "none",
    "client.toolbarMode": "minimal",
    "runner.magicEnabled": False,
    "theme.light.primaryColor": "#2F5FD0",
}
OPEN = """
[server]
address = "0.0.0.0"
enableXsrfProtection = false
maxUploadSize = 2000
[browser]
gatherUsageStats = true
[client]
showErrorDetails = "full"
"""
# Where Streamlit would start its server, it says what it would start it with.
_SCRIPT = """
import json, sys
from streamlit import config
from streamlit.web import bootstrap
from app import preload
from app.app_pages.gallery import pictures
from app.app_pages.gallery.page import SHOWN
bootstrap.run = lambda *_, **__: print(json.dumps({name: config.get_option(name) for name in json.loads(sys.argv[1])}))
preload.serve(sys.argv[2:])
"""


def test_the_first_views_draw_nothing_and_need_no_forward_pass_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    st.cache_resource.clear()
    st.cache_data.clear()
    scenes.reading_names.cache_clear()
    preload.preload()
    assert scenes.reading_names.cache_info().currsize == len(CASES)
    monkeypatch.setattr(pictures, "outlined_part", lambda *_: pytest.fail("a card's picture was drawn"))
    for work in ("view_model", "build_payload", "load_whole"):
        monkeypatch.setattr(models, work, lambda *_, work=work: pytest.fail(f"the first view called {work}"))

    gallery = AppTest.from_file(str(ENTRY), default_timeout=1500)
    gallery.run()
    assert not gallery.exception
    assert sum('<img class="rsp-card-picture' in element.proto.body for element in gallery.get("html")) == SHOWN

    page = workbench()
    page.run()
    assert not page.exception
    assert not page.error
    assert explorer_payloads(page)


def test_what_cannot_be_prepared_stops_no_server(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(models, "cached_pair", lambda *_: (_ for _ in ()).throw(RuntimeError("no disk")))

    preload.prepare()

    assert "could not be prepared" in caplog.text


def effective(folder: Path, *arguments: str, **environment: str) -> dict[str, Any]:
    """The settings of a workbench started from a folder."""
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))
    process = subprocess.run(
        [sys.executable, "-c", _SCRIPT, json.dumps(list(SAFE)), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths, "HOME": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    found: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    return found


def test_an_empty_folder_makes_no_difference(tmp_path: Path) -> None:
    assert effective(tmp_path) == SAFE


def test_settings_of_a_folder_and_of_the_environment_open_nothing(tmp_path: Path) -> None:
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "config.toml").write_text(OPEN)

    assert effective(tmp_path, STREAMLIT_SERVER_ADDRESS="0.0.0.0", STREAMLIT_CLIENT_SHOW_ERROR_DETAILS="full") == SAFE


def test_what_is_typed_goes_first(tmp_path: Path) -> None:
    assert effective(tmp_path, "--server.maxUploadSize", "5") == {**SAFE, "server.maxUploadSize": 5}


@pytest.mark.parametrize("name", SAFE)
def test_every_safe_setting_is_the_projects_own(name: str) -> None:
    value = SAFE[name]
    assert settings()[name] == (str(value).lower() if isinstance(value, bool) else str(value))
