"""Numbers that a link asks for are checked before a field reads them."""

from __future__ import annotations

import pytest

from app.shell.choices import _lies_between


@pytest.mark.parametrize("text", ["1e400", "-1e400", "nan", "1.5", "1e30", "-1", "9" * 400, "12abc", " ", "1000"])
def test_what_is_no_whole_number_between_the_ends_is_refused(text: str) -> None:
    assert not _lies_between(text, (0, 999), whole=True)


@pytest.mark.parametrize(("text", "whole"), [("0", True), ("999", True), ("7.0", True), ("1.5", False), ("-0", True)])
def test_what_lies_between_is_taken(text: str, whole: bool) -> None:
    assert _lies_between(text, (0, 999), whole)
