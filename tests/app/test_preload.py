"""What is prepared before the server starts is what the first page needs."""

from __future__ import annotations

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app import preload
from app.store import models
from tests.kit.pages import explorer_payloads

ENTRY = Path(__file__).parents[2] / "app" / "streamlit_app.py"


def test_the_first_view_needs_no_forward_pass_and_no_payload_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    st.cache_resource.clear()
    st.cache_data.clear()
    preload.preload()
    for work in ("view_model", "build_payload", "load"):
        monkeypatch.setattr(models, work, lambda *_, work=work: pytest.fail(f"the first view called {work}"))

    page = AppTest.from_file(str(ENTRY), default_timeout=1500)
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
