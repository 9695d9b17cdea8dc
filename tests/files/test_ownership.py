"""What rsp_lab wrote is known again, and nothing else is replaced."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image

from rsp_lab.explorer.html import offline_page
from rsp_lab.figures.style import save
from rsp_lab.files import FileError, check_replaceable, is_ours


def written(folder: Path, name: str) -> Path:
    path = folder / name
    if path.suffix in (".png", ".pdf", ".svg"):
        return save(Figure(), path)
    if path.suffix == ".html":
        path.write_text(offline_page("page", "", ("rsp-payload", b"x"), "a page"))
    elif path.suffix == ".json":
        path.write_text(json.dumps({"format": "rsp_lab.scan/0"} if "scan" in name else {"image": 1, "rsp_lab": "0"}))
    elif path.suffix == ".md":
        path.write_text("# The arena\n\nWritten by `rsp-lab arena`.\n")
    return path


@pytest.mark.parametrize("name", ["a.png", "a.PNG", "a.pdf", "a.svg", "a.html", "a.json", "scan.json", "a.md"])
def test_what_we_wrote_says_so(name: str, tmp_path: Path) -> None:
    written(tmp_path, name.lower()).rename(tmp_path / name)

    assert is_ours(tmp_path / name)
    check_replaceable(tmp_path / name)


@pytest.mark.parametrize(
    "name", ["a.png", "a.pdf", "a.svg", "a.html", "a.json", "a.md", "a.txt", "a.csv", "a", "a.gif"]
)
@pytest.mark.parametrize("content", [b"", b"rsp_lab", b'{"about": "rsp_lab"}', b"[1", b"# Notes\nrsp_lab is good\n"])
def test_what_another_wrote_stays(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)

    assert not is_ours(tmp_path / name)
    with pytest.raises(FileError, match=r"was not written by rsp_lab, and would be replaced: move it"):
        check_replaceable(tmp_path / name)
    check_replaceable(tmp_path / name, vouched=True)


def test_a_photograph_is_not_ours(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")

    assert not is_ours(tmp_path / "a.png")


def test_a_caption_is_ours_beside_its_figure(tmp_path: Path) -> None:
    (tmp_path / "flow.txt").write_text("what the figure shows")
    (tmp_path / "notes.txt").write_text("mine")
    written(tmp_path, "flow.pdf")

    check_replaceable(tmp_path / "flow.txt")
    with pytest.raises(FileError, match=r"notes\.txt is there"):
        check_replaceable(tmp_path / "notes.txt")


def test_a_figure_of_another_beside_ours_stays(tmp_path: Path) -> None:
    """No figure vouches for another one, since each says itself whose it is."""
    Image.new("RGB", (8, 8)).save(tmp_path / "flow.png")
    written(tmp_path, "flow.pdf")

    with pytest.raises(FileError, match=r"flow\.png is there"):
        check_replaceable(tmp_path / "flow.png")


def test_a_file_of_another_kind_is_not_replaced_though_it_is_ours(tmp_path: Path) -> None:
    """``export-html -o film.json`` would cost a film."""
    with pytest.raises(FileError, match="not written by rsp_lab"):
        check_replaceable(written(tmp_path, "a.json"), ending=".html")


def test_nothing_is_in_the_way_of_a_new_file(tmp_path: Path) -> None:
    check_replaceable(tmp_path / "new.png")
