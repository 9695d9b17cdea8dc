"""Who may import whom (ARCHITECTURE.md) is held by import-linter's contracts in pyproject.toml."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

import rsp_lab

ROOT = Path(__file__).parents[2]
PACKAGES = ("rsp_lab", "app", "trainers")
LINTER = Path(sys.executable).with_name("lint-imports")


def run_contracts(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([LINTER, "--no-logo", "--no-cache"], cwd=folder, capture_output=True, text=True)


def imports_from_an_ancestor(graph: grimp.ImportGraph) -> list[str]:
    return [
        f"{module} imports from {package}"
        for module in sorted(graph.modules)
        for package in sorted(graph.find_modules_directly_imported_by(module))
        if module.startswith(package + ".")
    ]


def import_order(graph: grimp.ImportGraph) -> list[str]:
    """All modules, each after what it imports, whether at once or inside a function.

    Raises CycleError where there is no such order: a module would then depend on which one was imported first.
    """
    needs = {module: graph.find_modules_directly_imported_by(module) - {module} for module in graph.modules}
    return list(TopologicalSorter(needs).static_order())


VIOLATIONS = [
    ("trainers/intruder.py", "import app", "app and trainers are blind to each other"),
    ("rsp_lab/capture/intruder.py", "import trainers", "app and trainers are blind to each other"),
    ("rsp_lab/relations/intruder.py", "import rsp_lab.analysis", "a room imports only rooms below it"),
    ("rsp_lab/relations/late.py", "def f():\n    import rsp_lab.models", "a room imports only rooms below it"),
    ("rsp_lab/models/intruder.py", "import rsp_lab.capture", "a room imports only rooms below it"),
    ("rsp_lab/explorer/intruder.py", "import rsp_lab.figures", "a room imports only rooms below it"),
    ("rsp_lab/room_without_layer.py", "", "a room imports only rooms below it"),
    ("rsp_lab/explorer/guest.py", "import streamlit", "streamlit only in app"),
    ("rsp_lab/analysis/ledger/painter.py", "import matplotlib.pyplot", "matplotlib only in rsp_lab.figures"),
    ("app/shell/painter.py", "import matplotlib.pyplot", "matplotlib only in rsp_lab.figures"),
    ("rsp_lab/analysis/ledger/intruder.py", "import rsp_lab.analysis.passes", "packages of analysis import only"),
    ("rsp_lab/analysis/trade/intruder.py", "import rsp_lab.analysis.surgery", "packages of analysis import only"),
    ("rsp_lab/analysis/package_without_layer.py", "", "packages of analysis import only"),
    ("rsp_lab/cli/output.py", "import rsp_lab.cli.tables", "a command knows no other command"),
    ("rsp_lab/cli/tables.py", "import rsp_lab.cli.models", "a command knows no other command"),
    ("app/store/intruder.py", "import app.shell.text", "pages know the shell, the shell knows the store"),
    ("app/shell/intruder.py", "import app.app_pages.pages", "pages know the shell, the shell knows the store"),
    ("app/package_without_layer.py", "", "pages know the shell, the shell knows the store"),
    ("app/app_pages/flow/intruder.py", "import app.app_pages.ledger.page", "pages do not know each other"),
]
"""A file, what is written into it, and the beginning of the name of the contract that this breaks."""
CYCLES = {
    "rsp_lab/relations/hen.py": "import rsp_lab.relations.egg",
    "rsp_lab/relations/egg.py": "import rsp_lab.relations.hen",
    "rsp_lab/capture/hen.py": "def lay():\n    from rsp_lab.capture import egg",
    "rsp_lab/capture/egg.py": "def hatch():\n    import rsp_lab.capture.hen",
}


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What is said of each contract that is broken in a copy of the sources with all violations."""
    folder = tmp_path_factory.mktemp("checkout")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=_not_source)
    shutil.copy(ROOT / "pyproject.toml", folder)
    for file, lines in [*((file, lines) for file, lines, _ in VIOLATIONS), *CYCLES.items()]:
        (folder / file).write_text(lines + "\n")
    result = run_contracts(folder)
    assert result.returncode == 1
    # A title, underlined, and what is wrong.
    titles = re.split(r"^(.+)\n-{3,}$", result.stdout, flags=re.MULTILINE)[1:]
    return dict(zip(titles[::2], titles[1::2], strict=True))


def _not_source(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if not (name.endswith(".py") or Path(folder, name).is_dir())]


def test_contracts_hold() -> None:
    result = run_contracts(ROOT)

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(("file", "lines", "contract"), VIOLATIONS, ids=lambda part: str(part)[:40])
def test_a_violation_breaks_its_contract(broken: dict[str, str], file: str, lines: str, contract: str) -> None:
    (said,) = [words for title, words in broken.items() if title.startswith(contract)]
    module = file.removesuffix(".py").replace("/", ".")

    wrong = f"{module} -> {lines.split()[-1].removesuffix('.pyplot')} (l." if lines else f"- {module}\n"
    assert wrong in said


@pytest.mark.parametrize("package", ["rsp_lab.relations", "rsp_lab.capture"])
def test_a_cycle_breaks_its_contract_inside_functions_too(broken: dict[str, str], package: str) -> None:
    assert f"No cycles are allowed in {package}.\n" in broken["no import cycles"]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_can_be_the_first_to_be_imported(package: str) -> None:
    graph = grimp.build_graph(package, cache_dir=None, exclude_type_checking_imports=True)
    order = import_order(graph)

    assert set(order) == graph.modules
    assert len(order) > 20


def test_a_module_that_cannot_be_the_first_is_found() -> None:
    graph = grimp.ImportGraph()
    for module in ("rsp_lab", "rsp_lab.relations", "rsp_lab.relations.hen", "rsp_lab.relations.egg"):
        graph.add_module(module)
    graph.add_import(importer="rsp_lab.relations.hen", imported="rsp_lab.relations.egg")
    order = import_order(graph)
    assert order.index("rsp_lab.relations.egg") < order.index("rsp_lab.relations.hen")

    graph.add_import(importer="rsp_lab.relations.egg", imported="rsp_lab.relations.hen")
    with pytest.raises(CycleError):
        import_order(graph)


_FIRST = """
import importlib, sys
for name in sys.argv[1:]:
    for loaded in [module for module in sys.modules if module.partition(".")[0] == "rsp_lab"]:
        del sys.modules[loaded]
    importlib.import_module(name)
"""


@pytest.mark.usefixtures("forked_python")
def test_what_users_import_first_needs_nothing_imported_before() -> None:
    """One process in which torch stays and all of rsp_lab is forgotten between two imports."""
    homes = {*rsp_lab._MODULE_OF.values(), *rsp_lab._MODULES.values()}
    commands = {f"rsp_lab.cli.{path.stem}" for path in (ROOT / "rsp_lab/cli").glob("*.py") if path.stem != "__init__"}
    done = subprocess.run(
        [sys.executable, "-c", _FIRST, *sorted(homes | commands)], cwd=ROOT, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("package", PACKAGES)
def test_no_file_imports_from_its_own_package_init(package: str) -> None:
    graph = grimp.build_graph(package, cache_dir=None)

    assert imports_from_an_ancestor(graph) == []


def test_an_import_from_the_own_package_init_is_found() -> None:
    graph = grimp.ImportGraph()
    for module in ("rsp_lab", "rsp_lab.models", "rsp_lab.models.heads"):
        graph.add_module(module)
    graph.add_import(importer="rsp_lab", imported="rsp_lab.models.heads")
    graph.add_import(importer="rsp_lab.models.heads", imported="rsp_lab.models")

    assert imports_from_an_ancestor(graph) == ["rsp_lab.models.heads imports from rsp_lab.models"]
