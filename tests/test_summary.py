from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import pytest
import torch
from torch import Tensor

from rsp_lab.summary import COLUMNS, LINES, Rows, Summarised, short


@dataclass(frozen=True)
class Small(Summarised):
    step: str
    value: float
    box: tuple[int, int] = (1, 2)


@dataclass(frozen=True, eq=False)
class Large(Summarised):
    name: str
    maps: dict[int, Tensor]
    parts: tuple[Small, ...]
    model: torch.nn.Module = field(default_factory=torch.nn.Identity)
    text: str = "two\nlines"


@dataclass(frozen=True)
class Derived(Large):
    extra: int = 0


class Titled(Summarised):
    def __init__(self, title: str, rows: Rows) -> None:
        self.title, self.rows = title, rows

    def _summary(self) -> tuple[str, Rows]:
        return self.title, self.rows


class _Cells(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not attrs
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def cells(page: str) -> _Cells:
    parser = _Cells()
    parser.feed(page)
    return parser


def large(**changes: Any) -> Large:
    facts = {"name": "x" * 200, "maps": {2: torch.zeros(3, 5), 3: torch.zeros(())}, "parts": (Small("a", 1.0),) * 3}
    return Large(**{**facts, **changes})


def test_a_small_result_is_one_line() -> None:
    assert repr(Small("step54", 1 / 3)) == "Small(step=step54, value=0.3333, box=(1, 2))"


def test_a_large_result_is_a_few_short_lines_without_numbers_of_tensors() -> None:
    lines = repr(large()).splitlines()

    assert lines[0] == "Large"
    assert lines[1].startswith("  name   xxx")
    assert lines[1].endswith("...")
    assert len(lines[1]) == COLUMNS
    assert lines[2:] == [
        "  maps   {2: float32 3 x 5, 3: float32 0}",
        "  parts  3 x Small",
        "  model  Identity",
        "  text   two lines",
    ]


def test_a_subclass_of_a_result_keeps_the_short_form() -> None:
    derived = Derived("x", {}, (Small("a", 1.0),))

    assert repr(derived).splitlines()[0].startswith("Derived(name=x, maps={}, parts=(Small)")


@pytest.mark.parametrize("count", [0, 1, LINES - 1, LINES, 40])
def test_no_summary_is_longer_than_a_dozen_lines(count: int) -> None:
    result = Titled("A title of words", [(f"row {i}", i) for i in range(count)])

    lines = repr(result).splitlines()
    assert len(lines) == min(count + 1, LINES)
    if count >= LINES:
        assert lines[-1].split() == ["...", str(count - LINES + 2), "more"]
    page = cells(result._repr_html_())
    assert page.tags.count("tr") == min(count, LINES - 1)
    assert page.texts[0] == "A title of words"


def test_what_comes_from_outside_is_text() -> None:
    page = Titled("<img src=x>", [("<b>", "![x](https:127.0.0.1) & </td><script>")])._repr_html_()

    assert cells(page).tags == ["table", "caption", "tbody", "tr", "th", "td"]
    assert cells(page).texts == ["<img src=x>", "<b>", "![x](https:127.0.0.1) & </td><script>"]


def test_values_on_one_line() -> None:
    assert short(float("nan")) == "nan"
    assert (short(-1.5), short(-0.0), short(float("-inf"))) == ("−1.5", "0", "−inf")
    assert short(None) == "None"
    assert short(torch.float16) == "torch.float16"
    assert short(torch.ones(2, 3).numpy()) == "float32 2 x 3"
    assert short(list(range(20))) == "(0, 1, 2, 3, 4, 5, 6, 7, ... 12 more)"
    assert short({}) == "{}"
    assert short(()) == "()"
    assert short(Titled("another result", ())) == "another result"


def test_what_is_0_has_no_sign() -> None:
    assert short(-0.0) == "0"
