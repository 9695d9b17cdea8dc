"""Rows as tables: every name whole and as it is."""

from __future__ import annotations

import pytest

from rsp_lab.cli.output import print_rows

NAMES = ("a-network-of-a-rather-long-name-" * 8, "net[v2]", "[/bold]", "[red]street[/red] :car:", "a {0} name", "街")


def test_a_table_in_a_pipe_has_a_line_for_each_row_and_every_name_whole(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([{"name": name, "[unit]": 1.5, "missing": None} for name in NAMES], as_json=False)

    lines = capsys.readouterr().out.splitlines()
    rows = [line for line in lines if "1.5" in line]
    assert [line.split("│")[1].strip() for line in rows] == list(NAMES)
    assert "[unit]" in lines[1]


def test_on_a_narrow_terminal_names_go_on_in_the_next_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    print_rows([{"name": "scenes-panoptic-baseline-of-a-long-name", "data": "small-panoptic-scenes"}], as_json=False)

    lines = [line.split("│") for line in capsys.readouterr().out.splitlines() if "│" in line]
    assert "".join(line[1].strip() for line in lines) == "scenes-panoptic-baseline-of-a-long-name"
    assert "".join(line[2].strip() for line in lines) == "small-panoptic-scenes"
