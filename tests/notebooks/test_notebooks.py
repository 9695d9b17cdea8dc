"""Every notebook runs from its first cell to its last, and is committed without outputs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
# Beside the standard library, what comes with this package: the notebooks show what it alone can do.
ALLOWED = {"rsp_lab", "matplotlib", "torch", "torchvision", "tempfile", "textwrap", "pathlib", "math"}


@pytest.fixture(scope="module")
def client(tmp_path_factory, forked_python):
    """One kernel for all notebooks."""
    import nbformat
    from nbclient import NotebookClient

    resources = {"metadata": {"path": tmp_path_factory.mktemp("notebooks")}}
    patience = {"startup_timeout": 1500, "timeout": 1500}
    client = NotebookClient(nbformat.v4.new_notebook(), kernel_name="python3", resources=resources, **patience)
    with client.setup_kernel():
        yield client


def read(path):
    # Imported where it is used: it takes seconds, and files of other tests are run by another process.
    import nbformat

    return nbformat.read(path, as_version=4)


def code(source):
    import nbformat

    return nbformat.v4.new_code_cell(source)


def execute(client, *cells):
    """Runs cells in a namespace of their own."""
    import nbformat

    client.nb = nbformat.v4.new_notebook(cells=[code("%reset -f"), *cells])
    client.execute(cleanup_kc=False)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(path, client):
    execute(client, *read(path).cells)

    for cell in client.nb.cells:
        if re.match(r"rl\.figures\.draw_(?!figure)", cell.source.splitlines()[-1]):
            assert any("image/png" in output.get("data", {}) for output in cell.outputs), cell.source


def test_a_notebook_does_not_see_the_names_of_another(client):
    from nbclient.exceptions import CellExecutionError

    execute(client, code("left = 1"))
    with pytest.raises(CellExecutionError, match="name 'left' is not defined"):
        execute(client, code("left"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_committed_without_outputs_and_imports_only_this_package(path):
    notebook = read(path)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert cells
    assert all(not cell.outputs and cell.execution_count is None for cell in cells)
    text = "\n".join(cell.source for cell in cells)
    assert {name.split(".")[0] for name in re.findall(r"^(?:from|import) ([\w.]+)", text, re.MULTILINE)} <= ALLOWED
