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

    of_coco = {row["row"]: row["scores_paper"] for row in rows if row["table"] == "III"}
    assert of_coco["RSP-4-D head"] == {"mIoU": "42.7", "PQ": "40.2", "Mask AP": "34.5", "Box AP": "37.5"}

    main.main(["tables"])
    printed = capsys.readouterr().out
    assert "no reading of the text gives" in printed
    assert "copy slip" in printed
    assert "Box AP" in printed


def test_systems_are_measured_reconstructed_or_cited(capsys: pytest.CaptureFixture[str]) -> None:
    main.main(["tables", "--systems", "--json"])
    rows = {row["row"]: row for row in json.loads(capsys.readouterr().out)}
    assert [row["kind"] for row in rows.values()].count("reconstructed") == 2
    assert {row["tmacs"] for row in rows.values() if row["kind"] == "cited"} == {None}

    main.main(["tables", "--systems"])
    printed = capsys.readouterr().out
    assert "reconstructed: a head rebuilt here" in printed
    assert "768 x 768" in printed
