"""The tables beside the print, from the command line."""

from __future__ import annotations

import json

import pytest

from rsp_lab.cli import main


def test_tables_agree_with_the_print(capsys: pytest.CaptureFixture[str]) -> None:
    main.main(["tables", "--json"])
    rows = json.loads(capsys.readouterr().out)
    off = [
        (row["table"], row["row"])
        for row in rows
        if abs(row["gmacs"] - row["gmacs_paper"]) > 0.1 or abs(row["megabytes"] - row["megabytes_paper"]) > 0.06
    ]

    assert {row["table"] for row in rows} == {"I", "III", "IV", "V", "VI"}
    assert len(rows) == 35
    assert off == [("I", "RSP-2-D, ResNet-101-FPN"), ("I", "RSP-4-D, ResNet-101-FPN"), ("V", "(b) d = 1 (128)")]
    assert all(row["note"] for row in rows if (row["table"], row["row"]) in off)

    main.main(["tables"])
    printed = capsys.readouterr().out
    assert "no reading of the text gives" in printed
    assert "copy slip" in printed
