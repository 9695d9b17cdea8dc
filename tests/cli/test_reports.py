"""What commands write: all files of a report or none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from matplotlib.figure import Figure

from rsp_lab import __version__
from rsp_lab.cli.reports import report_facts, report_folder, write_report
from rsp_lab.interruption import Interrupted, interruptible


class Found:
    def to_dict(self) -> dict[str, Any]:
        return {"margin": 1.5, "share": float("nan")}


def test_facts_name_the_versions_before_the_result() -> None:
    facts = report_facts(Found(), image="a.png")

    assert list(facts) == ["image", "rsp_lab", "torch", "margin", "share"]
    assert (facts["rsp_lab"], facts["torch"]) == (__version__, torch.__version__)


def test_a_report_is_its_figures_and_strict_json(tmp_path: Path) -> None:
    with report_folder(tmp_path / "deep" / "out", ()) as folder:
        write_report(folder, "found", report_facts(Found()), {"curve": Figure(), "map": Figure()})

    assert sorted(path.name for path in (tmp_path / "deep" / "out").iterdir()) == [
        "curve.pdf", "curve.png", "found.json", "map.pdf", "map.png",
    ]  # fmt: skip
    assert json.loads((tmp_path / "deep" / "out" / "found.json").read_text())["share"] is None


def test_no_folder_where_no_files_are_wanted() -> None:
    with report_folder(None, ()) as folder:
        assert folder is None


def interrupted_report(out: Path) -> None:
    with interruptible(), report_folder(out, ()) as folder:
        assert folder is not None
        (folder / "half.json").write_text("{")
        raise KeyboardInterrupt


def test_an_interrupted_report_says_that_nothing_was_written(tmp_path: Path) -> None:
    with pytest.raises(Interrupted, match=r"^interrupted; nothing was written$"):
        interrupted_report(tmp_path / "out")

    assert list(tmp_path.iterdir()) == []


def test_what_is_read_is_not_replaced(tmp_path: Path) -> None:
    image = tmp_path / "curve.png"
    image.write_bytes(b"a photograph")
    with pytest.raises(ValueError, match="is what is being read"), report_folder(tmp_path, [image]) as folder:
        write_report(folder, "found", {}, {"curve": Figure()})

    assert image.read_bytes() == b"a photograph"
