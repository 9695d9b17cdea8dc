"""Numbers in words, tables and numbers cut for JSON."""

from __future__ import annotations

import io
import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from rsp_lab.text import (
    MINUS,
    MISSING,
    aligned,
    fixed,
    in_short,
    listed,
    markdown_table,
    percent,
    plain_table,
    points,
    rounded,
    share,
    signed,
    signed_fixed,
    significant,
    spell_out,
    spread,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (significant(1.2345), "1.23"),
        (significant(-1.2), "−1.2"),
        (significant(1e-7), "1e−07"),
        (significant(1234.5, 2), "1.2e+03"),
        (significant(0.0), "0"),
        (significant(None), "–"),
        (significant(math.nan), "–"),
        (signed(1.2), "+1.2"),
        (signed(-1.2345), "−1.23"),
        (signed(0.0), "0"),
        (signed(-0.00012345, 2), "−0.00012"),
        (signed(None), "–"),
        (fixed(2), "2.00"),
        (fixed(-1.005, 1), "−1.0"),
        (fixed(-0.001), "0.00"),
        (fixed(math.nan), "–"),
        (signed_fixed(1.2), "+1.20"),
        (signed_fixed(-1.2), "−1.20"),
        (signed_fixed(0.004), "0.00"),
        (signed_fixed(-0.004), "0.00"),
        (signed_fixed(-3.4, 0), "−3"),
        (signed_fixed(-0.4, 0), "0"),
        (signed_fixed(math.inf), "+inf"),
        (signed_fixed(None), "–"),
        (significant(np.float32(0.5)), "0.5"),
        (signed(torch.tensor(-0.25)), "−0.25"),
        (signed(7), "+7"),
        (share(0.25), "0.250"),
        (share(0.0), "0.000"),
        (share(0.0001), "< 0.001"),
        (percent(0.12345), "12.3 %"),
        (percent(0.12345, 0), "12 %"),
        (percent(5.78e-16), "< 0.001 %"),
        (percent(-1e-9), "> −0.001 %"),
        (percent(0), "0 %"),
        (percent(0.12345, 1, unit=False), "12.3"),
        (percent(None), "–"),
        (percent(math.nan, 1), "–"),
        (points(-0.0123), "−1.2"),
        (points(0.0), "0.0"),
        (points(None), "–"),
        (spread([0.5]), "50.0"),
        (spread([0.1, 0.3, 0.2]), "20.0 (10.0 to 30.0)"),
        (spread([-0.1, 0.3, 0.0], difference=True), "0.0 (−10.0 to +30.0)"),
    ],
)
def test_numbers_in_words(text: str, expected: str) -> None:
    assert text == expected


def test_a_plain_table_lines_up() -> None:
    rows = [("name", "a", "long title"), ("a longer name", "1.00", ""), ("b", "−12.00", "3")]

    assert plain_table(rows).splitlines() == [
        "name                a  long title",
        "a longer name    1.00",
        "b              −12.00           3",
    ]


def test_a_markdown_table_stays_one_whatever_things_are_called() -> None:
    lines = markdown_table(["class", "left | right", "n"], [["a|b", "two\nlines", "3"]], left=2)

    assert lines == ["| class | left \\| right | n |", "| --- | --- | ---: |", "| a\\|b | two lines | 3 |"]


def test_a_stream_of_few_letters_spells_out_the_others() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    spell_out(stream)

    stream.write(f"{signed(-1.5)} \udcff")
    stream.seek(0)

    assert stream.read() == "\\u22121.5 \\udcff"


def test_rounding_walks_what_results_are_made_of() -> None:
    value = {
        "float": 1 / 3,
        "numpy": np.float32(0.1),
        "int": np.int64(7),
        "flag": True,
        "none": None,
        "text": "0.123456789",
        "tuple": (1 / 3, (2, [np.float64(2 / 3)])),
        "tensor": torch.tensor([[0.125, math.nan]]),
        "array": np.array([1.23456, -math.inf]),
        "scalar": torch.tensor(0.5),
        3: 4,
    }

    assert rounded(value, 3) == {
        "float": 0.333,
        "numpy": 0.1,
        "int": 7,
        "flag": True,
        "none": None,
        "text": "0.123456789",
        "tuple": [0.333, [2, [0.667]]],
        "tensor": [[0.125, None]],
        "array": [1.235, None],
        "scalar": 0.5,
        3: 4,
    }
    assert isinstance(rounded(value)["int"], int)
    assert type(rounded(np.float64(0.5))) is float
    json.dumps(rounded(value), allow_nan=False)


def test_what_was_given_is_told_in_short() -> None:
    assert in_short((40, 50)) == "(40, 50)"
    assert in_short(torch.zeros(3, 4)) == "a Tensor of shape (3, 4)"
    assert in_short(nn.Sequential(nn.ReLU())) == "a Sequential"


def test_a_pair_or_table_has_one_number_of_decimals() -> None:
    assert aligned((48.6, 40.0)) == ["48.6", "40.0"]
    assert aligned((12.7, 13.0)) == ["12.7", "13.0"]
    assert aligned((0.000763, 1.07)) == ["< 0.01", "1.07"]
    assert aligned((-1.86e-06, 0.25, -0.25), sign=True) == ["< 0.001", "+0.250", f"{MINUS}0.250"]
    assert aligned((-1.86e-06, 12.3), sign=True, least=2) == ["< 0.01", "+12.30"]
    assert aligned((1234.5, -0.06, None, 0.0)) == ["1234.5", f"{MINUS}0.1", MISSING, "0"]
    assert aligned((9.996,)) == ["10.0"]
    assert aligned((1e-9, math.nan)) == ["< 0.001", MISSING]
    assert aligned((0.0,)) == ["0"]
    assert aligned((0.2731,), sign=True, beside=(8.34, None)) == ["+0.27"]
    assert aligned(()) == []


@pytest.mark.parametrize(("names", "words"), [("a", "a"), ("ab", "a and b"), ("abc", "a, b and c")])
def test_names_are_listed(names: str, words: str) -> None:
    assert listed(tuple(names)) == words
