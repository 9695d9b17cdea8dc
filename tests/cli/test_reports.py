"""What commands write: all files of a report or none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from matplotlib.figure import Figure

from rsp_lab import __version__
from rsp_lab.cli.reports import ReportFiles, check_output, kept_state, report_facts, report_folder, write_report
from rsp_lab.files import FileError
from rsp_lab.interruption import Interrupted, interruptible

FILES = ReportFiles("found.json", ("curve", "map-*"), ("captions.txt",))


class Found:
    def to_dict(self) -> dict[str, Any]:
        return {"margin": 1.5, "share": float("nan")}


def test_facts_name_the_versions_before_the_result() -> None:
    facts = report_facts(Found(), image="a.png")

    assert list(facts) == ["image", "rsp_lab", "torch", "margin", "share"]
    assert (facts["rsp_lab"], facts["torch"]) == (__version__, torch.__version__)


def test_a_report_is_its_figures_and_strict_json(tmp_path: Path) -> None:
    with report_folder(tmp_path / "deep" / "out", (), FILES) as folder:
        write_report(folder, "found", report_facts(Found()), {"curve": Figure(), "map": Figure()})

    assert sorted(path.name for path in (tmp_path / "deep" / "out").iterdir()) == [
        "curve.pdf", "curve.png", "found.json", "map.pdf", "map.png",
    ]  # fmt: skip
    assert json.loads((tmp_path / "deep" / "out" / "found.json").read_text())["share"] is None


def test_no_folder_where_no_files_are_wanted() -> None:
    with report_folder(None, (), FILES) as folder:
        assert folder is None


def interrupted_report(out: Path) -> None:
    with interruptible(), report_folder(out, (), FILES) as folder:
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
    with pytest.raises(ValueError, match="is what is being read"), report_folder(tmp_path, [image], FILES) as folder:
        write_report(folder, "found", {}, {"curve": Figure()})

    assert image.read_bytes() == b"a photograph"


def write(out: Path) -> None:
    with report_folder(out, (), FILES) as folder:
        assert folder is not None
        (folder / "captions.txt").write_text("what the curve shows")
        write_report(folder, "found", report_facts(Found()), {"curve": Figure(), "map-1": Figure()})


def test_a_second_run_replaces_what_the_first_wrote(tmp_path: Path) -> None:
    write(tmp_path)
    write(tmp_path)

    assert len(list(tmp_path.iterdir())) == 6


@pytest.mark.parametrize("name", ["found.json", "curve.png", "curve.pdf", "map-2.png", "captions.txt"])
def test_what_another_wrote_is_refused_before_the_work_and_stays(name: str, tmp_path: Path) -> None:
    """``explain -o DIR`` replaced whatever was called explain.png there."""
    (tmp_path / name).write_text('{"mine": 1}')
    with (
        pytest.raises(FileError, match=rf"{tmp_path / name} is there and was not written by rsp_lab") as refused,
        report_folder(tmp_path, (), FILES),
    ):
        pytest.fail("the work began")

    assert str(refused.value).endswith("would be replaced: move it, or choose another place with -o.")
    assert (tmp_path / name).read_text() == '{"mine": 1}'
    assert len(list(tmp_path.iterdir())) == 1


def write_more(out: Path) -> None:
    with report_folder(out, (), FILES) as folder:
        assert folder is not None
        (folder / "more.txt").write_text("theirs")


def test_what_a_command_did_not_name_is_not_replaced_either(tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("mine")
    with pytest.raises(FileError, match="not written by rsp_lab"):
        write_more(tmp_path)

    assert (tmp_path / "more.txt").read_text() == "mine"


def test_another_place_is_chosen_by_the_option_that_named_this_one(tmp_path: Path) -> None:
    (tmp_path / "sheet.png").write_text("mine")
    with pytest.raises(FileError, match=r"choose another place with --sheet\.$"):
        check_output(tmp_path / "sheet.png", option="--sheet")


def test_an_interruption_before_anything_is_kept_says_so(tmp_path: Path) -> None:
    """scan named a state that was not there."""
    note = kept_state(tmp_path / "a.state.json", tmp_path, "a.state*.json")
    assert note() == "nothing was kept yet"

    (tmp_path / "a.state.p1.json").touch()
    assert note() == f"what is done is kept in {tmp_path / 'a.state.json'}, and the same command goes on"
