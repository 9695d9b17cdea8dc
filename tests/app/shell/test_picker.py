"""What the browser tells of its window."""

from __future__ import annotations

import pytest
import streamlit as st

from app.shell import picker


@pytest.mark.parametrize(
    ("told", "narrow", "pixels"),
    [
        (None, False, 608),
        ({"window": 640}, True, 608),
        ({"window": 1280}, False, 608),
        ({"window": 1600}, False, 768),
        ({"window": 1920}, False, 928),
        ({"window": 99_999}, False, 928),
        ({"window": -3}, False, 608),
        ({"window": "1920"}, False, 608),
    ],
)
def test_what_fills_half_a_page_fills_half_of_a_wider_one(
    monkeypatch: pytest.MonkeyPatch, told: object, narrow: bool, pixels: int
) -> None:
    monkeypatch.setattr(st, "session_state", {picker.KEY: told})

    assert picker.is_narrow() == narrow
    assert picker.enlarged(608) == pixels
