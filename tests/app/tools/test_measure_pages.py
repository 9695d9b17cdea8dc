"""The measure of a page's server part."""

from __future__ import annotations

import pytest

from app.app_pages.pages import PAGES
from app.tools.measure_pages import Measure, measure


@pytest.fixture(autouse=True)
def _given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    # The measure tells the simulated script its page by the environment.
    monkeypatch.setenv("RSP_LAB_MEASURED_PAGE", "")
    monkeypatch.setenv("RSP_LAB_MEASURED_PROFILE", "")


def test_a_page_is_measured_over_its_clicks() -> None:
    found = measure(Measure("ledger", clicks=1, threads=0))

    assert (found["rows"], found["columns"]) == (256, 512)
    assert 0 < found["click_median_s"] == found["click_largest_s"]
    assert found["charts_kilobytes"] > 1


def test_an_unknown_page_is_refused_with_the_pages_there_are() -> None:
    with pytest.raises(ValueError, match="'ledgers' is no page about a selection") as refused:
        measure(Measure("ledgers"))
    assert all(path in str(refused.value) for _, path, _ in PAGES)


def test_what_the_page_shows_as_an_error_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FOLDER_ROOT", raising=False)
    with pytest.raises(ValueError, match="FOLDER_ROOT is not set"):
        measure(Measure("ledger", ("source=Your folder",), clicks=1, threads=0))
