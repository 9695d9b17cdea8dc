"""Every command and every example of the docs runs, page by page, in the order of the page."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from rsp_lab.cli import main
from trainers.commands import main as trainers

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "```sh" in path.read_text() or "```python" in path.read_text())
BLOCK = re.compile(r"^ *```(sh|python)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


def run_command(line: str) -> None:
    words = shlex.split(line, comments=True)
    if not words:
        return
    program, arguments = (main.main, words[1:]) if words[0] == "rsp-lab" else (trainers, words[3:])
    assert program is main.main or words[:3] == ["python", "-m", "trainers"], f"how is this run? {line}"
    code: object = None
    try:
        code = program(arguments)
    except SystemExit as stopped:
        code = stopped.code
    assert code in (None, 0), f"{line} ended with {code}"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(DOCS).as_posix())
@pytest.mark.usefixtures("unchecked_module")
def test_a_page_does_what_it_says(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if "timm/" in page.read_text():
        pytest.importorskip("timm", reason="timm, of the extra encoders, is not installed")
    names: dict[str, object] = {}
    for kind, text in BLOCK.findall(page.read_text()):
        block = "\n".join(line.strip() if kind == "sh" else line for line in text.splitlines())
        if kind == "python":
            exec(compile(block, str(page), "exec"), names)
            continue
        for line in block.splitlines():
            run_command(line)


def test_every_page_is_in_the_table_of_contents():
    listed = set(re.findall(r"^[\w/-]+$", (DOCS / "index.md").read_text(), re.MULTILINE))
    pages = {path.relative_to(DOCS).with_suffix("").as_posix() for path in DOCS.rglob("*.md")} - {"index"}
    assert pages == listed


def headings(page: Path) -> set[str]:
    """Anchors of a page's headings, as MyST and GitHub write them."""
    lines = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


def test_every_link_leads_to_a_file_and_a_heading():
    pages = [*DOCS.rglob("*.md"), DOCS.parent / "README.md"]
    lost = []
    for page in pages:
        for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)):
            path, _, anchor = link.partition("#")
            target = page.parent / path if path else page
            if target.parent == DOCS / "notebooks":  # where they are copied when the site is built
                target = DOCS.parent / path
            if "://" not in link and not (target.exists() and (not anchor or anchor in headings(target))):
                lost.append(f"{page.relative_to(DOCS.parent)}: {link}")
    assert len(pages) > 40
    assert lost == []


def test_every_picture_is_shown_somewhere():
    pages = [*DOCS.rglob("*.md"), DOCS.parent / "README.md"]
    shown = {name for page in pages for name in re.findall(r"images/([\w-]+\.\w+)", page.read_text("utf-8"))}
    assert {path.name for path in (DOCS / "images").iterdir()} == shown


@pytest.mark.usefixtures("forked_python")
def test_the_site_builds_without_a_warning(tmp_path):
    pytest.importorskip("sphinx", reason="the docs extra is not installed")
    # Without the sources as pages, which take a third of the time and cannot be wrong. The notebooks are not run: they
    # have tests of their own.
    extensions = "extensions=myst_nb,sphinx.ext.autodoc,sphinx.ext.autosummary,sphinx.ext.napoleon,sphinx_design"
    options = ["-W", "--keep-going", "-q", "-b", "html", "-D", extensions, "-D", "nb_execution_mode=off"]
    command = [sys.executable, "-m", "sphinx", *options, str(DOCS), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONWARNINGS": ""}, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "questions" / "how-far.html").is_file()
    lesson = (tmp_path / "notebooks" / "01_the_paper_in_one_hour.html").read_text()
    assert "<math" in lesson
    assert "cdn." not in lesson  # nothing is fetched from outside
