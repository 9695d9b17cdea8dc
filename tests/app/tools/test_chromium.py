"""Which Chromium is taken where several are there, and what is said where none is."""

from __future__ import annotations

import pytest

from app.tools import chromium


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names that are on PATH."""
    names: set[str] = set()
    monkeypatch.setattr(chromium.shutil, "which", lambda name: f"/bin/{name}" if name in names else None)
    return names


def test_the_headless_shell_comes_first_but_where_the_whole_browser_is_asked_for(there: set[str]) -> None:
    there |= {"google-chrome", "chromium", chromium.SHELL}

    assert chromium.find_chromium() == f"/bin/{chromium.SHELL}"
    assert chromium.find_chromium(whole=True) == "/bin/chromium"


def test_either_stands_in_for_the_other(there: set[str]) -> None:
    there.add(chromium.SHELL)
    assert chromium.chromium_path(whole=True) == f"/bin/{chromium.SHELL}"
    there ^= {chromium.SHELL, "google-chrome"}
    assert chromium.chromium_path() == "/bin/google-chrome"


def test_where_there_is_none_the_names_and_the_remedy_are_said(there: set[str]) -> None:
    assert not there
    with pytest.raises(SystemExit, match=r"no Chromium on PATH .*chromium-headless-shell.*`make chromium`"):
        chromium.chromium_path()
