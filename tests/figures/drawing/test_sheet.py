"""Words on a sheet keep to the room that they are given."""

from __future__ import annotations

import pytest

from rsp_lab.figures.drawing.sheet import fill, text_width
from rsp_lab.figures.style import plot_style


@pytest.mark.parametrize("words", ["one_word_" * 12, f"before {'x' * 70} and after", "a few words " * 9, "", "y"])
def test_lines_fit_also_where_a_word_is_longer_than_one(words: str) -> None:
    with plot_style():
        lines = fill(words, 1.5).split("\n")

        assert all(text_width(line) <= 1.5 for line in lines)
    # Nothing is lost, and words are broken only where they must be.
    assert "".join(lines).replace(" ", "") == words.replace(" ", "")
    assert all(word in lines[place] for word, place in (("before", 0), ("after", -1)) if word in words)


def test_a_line_too_narrow_for_a_letter_has_one() -> None:
    with plot_style():
        assert fill("wide", 0.01) == "w\ni\nd\ne"
