"""The list of shipped models."""

from __future__ import annotations

import json

import pytest

from rsp_lab.cli import main


def test_models_lists_what_is_shipped(capsys: pytest.CaptureFixture[str]) -> None:
    main.main(["models", "--json"])
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}

    assert {f"{data}-{head}" for data in ("camvid", "scenes") for head in ("baseline", "rsp4")} <= rows.keys()
    for name, row in rows.items():
        assert row["megabytes"] < 15
        assert 0 < row["val_miou"] < 1
        assert ("non-commercial" in row["terms"]) == name.startswith("camvid")
