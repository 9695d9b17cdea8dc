"""The wheel holds everything that the package needs, and nothing of the programs beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.usefixtures("forked_python")


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return folder


@pytest.fixture(scope="module")
def installed(dist, tmp_path_factory):
    """The wheel without its dependencies in a folder of its own; the dependencies are those of this environment."""
    folder = tmp_path_factory.mktemp("installed")
    (wheel,) = dist.glob("*.whl")
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder), str(wheel)]
    subprocess.run(command, check=True, capture_output=True)
    return folder


COMMANDS = """
from pathlib import Path
from rsp_lab.cli.main import main

main(["scenes", "-o", "scenes", "-n", "1", "--size", "128", "256"])
(image,) = Path("scenes").glob("leftImg8bit/*/*/*.png")
main(["compare", str(image), "-o", "out", "--left", "scenes-baseline", "--right", "scenes-rsp4"])
"""


def run(installed: Path, folder: Path, *words: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(installed)}
    command = [sys.executable, *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_weights_types_and_scripts_but_no_program(dist):
    (wheel,) = dist.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"rsp_lab/py.typed", "rsp_lab/explorer/js/core.js", "rsp_lab/weights/camvid-rsp4.safetensors"} <= names
    assert {"rsp_lab/scans/scenes.json", "rsp_lab/scans/camvid.json"} <= names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"rsp_lab"}
    assert wheel.stat().st_size < 90e6


def test_the_sdist_holds_what_the_tests_need(dist):
    (archive,) = dist.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    assert {"pyproject.toml", "Makefile", "constraints.txt", "README.md", "app/streamlit_app.py"} <= names
    assert {"trainers/__main__.py", "tests/conftest.py", "notebooks/02_capture_and_edit.ipynb", "LICENSE"} <= names


def test_the_installed_wheel_works_from_an_empty_folder(installed, tmp_path):
    listed = json.loads(run(installed, tmp_path, "-m", "rsp_lab", "models", "--json"))
    names = {"camvid-baseline", "camvid-rsp4", "scenes-baseline", "scenes-rsp4"}
    pair = {"scenes-panoptic-baseline", "scenes-panoptic-rsp4d"}
    assert {row["name"] for row in listed} == names | {f"{name}-tiny" for name in names} | pair
    said = run(installed, tmp_path, "-c", COMMANDS)
    assert "scenes-rsp4 says" in said
    assert {"predictions.pdf", "summary.json"} <= {path.name for path in (tmp_path / "out").iterdir()}


def test_one_place_says_the_version(installed, tmp_path):
    code = "import rsp_lab, importlib.metadata as m; print(rsp_lab.__file__, rsp_lab.__version__, m.version('rsp-lab'))"
    file, ours, theirs = run(installed, tmp_path, "-c", code).split()
    assert Path(file).is_relative_to(installed)
    assert ours == theirs
    assert f"## [{ours}]" in (ROOT / "CHANGELOG.md").read_text()


def test_the_citation_is_of_this_version():
    import yaml

    import rsp_lab

    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert cited["cff-version"] == "1.2.0"
    assert cited["version"] == rsp_lab.__version__
    assert {"title", "authors", "message", "type", "license"} <= cited.keys()
    assert "Cross-Scale Pixel-to-Region" in cited["preferred-citation"]["title"]
