"""A page of the workbench as a script of its own."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest


def _script(name: str) -> None:
    from importlib import import_module

    from app.shell import frame

    page = import_module(f"app.app_pages.{name}.page")
    if (selected := frame.draw_frame()) is not None:
        page.draw(*selected)


@pytest.fixture
def page(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The page that the test's folder is named after, with the frame around it."""
    monkeypatch.delenv("CAMVID_ROOT", raising=False)
    return AppTest.from_function(_script, default_timeout=1500, args=(request.path.parent.name,))
