"""``import rsp_lab``: its lists of names agree, every name is there, and nothing heavy comes before it is used."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import rsp_lab

ROOT = Path(__file__).parents[2]
HEAVY = ("torch._dynamo", "torchvision.ops", "captum", "matplotlib", "scipy.stats", "IPython", "anywidget")
"""What takes as long to import as torch itself, or half of it."""


def names_for_type_checkers() -> dict[str, str]:
    """Name -> module, or the module itself, as the block under ``if TYPE_CHECKING`` imports it."""
    tree = ast.parse((ROOT / "rsp_lab" / "__init__.py").read_text("utf-8"))
    blocks = [node for node in tree.body if isinstance(node, ast.If)]
    found = {}
    for node in blocks[0].body:
        assert isinstance(node, ast.ImportFrom)
        for alias in node.names:
            whole = f"{node.module}.{alias.name}"
            name = alias.asname or alias.name
            found[name] = whole if _is_module(whole) else str(node.module)
    return found


def _is_module(name: str) -> bool:
    return ROOT.joinpath(*name.split(".")).with_suffix(".py").is_file() or ROOT.joinpath(*name.split(".")).is_dir()


def modules_after(code: str) -> set[str]:
    """Names of all modules that a fresh process has loaded after ``code``."""
    whole = f"{code}\nimport json, sys\nprint(json.dumps([*sys.modules]))"
    done = subprocess.run([sys.executable, "-c", whole], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_three_lists_agree() -> None:
    assert names_for_type_checkers() == {**rsp_lab._MODULE_OF, **rsp_lab._MODULES}
    assert sorted([*names_for_type_checkers(), "__version__"]) == sorted(rsp_lab.__all__)
    assert len(set(rsp_lab.__all__)) == len(rsp_lab.__all__)


@pytest.mark.parametrize("name", rsp_lab.__all__)
def test_every_name_is_what_its_module_defines(name: str) -> None:
    value = getattr(rsp_lab, name)

    if isinstance(value, ModuleType):
        assert value is sys.modules[rsp_lab._MODULES[name]]
    elif name != "__version__":
        assert value is getattr(import_module(rsp_lab._MODULE_OF[name]), name)
        assert getattr(value, "__module__", None) in (None, rsp_lab._MODULE_OF[name])


def test_no_public_name_is_hidden_by_a_package() -> None:
    """Importing rsp_lab.x sets the attribute x of rsp_lab, whatever stood there."""
    inside = {path.stem for path in (ROOT / "rsp_lab").iterdir()} & set(rsp_lab.__all__)

    assert all(rsp_lab._MODULES[name] == f"rsp_lab.{name}" for name in inside)


def test_names_are_listed_before_they_are_used() -> None:
    loaded = modules_after("import rsp_lab\nassert set(rsp_lab.__all__) <= set(dir(rsp_lab))")

    assert "rsp_lab" in loaded
    assert "torch" not in loaded


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'rsp_lab' has no attribute 'contxt_ledger'"):
        _ = rsp_lab.contxt_ledger
    with pytest.raises(ImportError, match="cannot import name 'contxt_ledger'"):
        from rsp_lab import contxt_ledger  # noqa: F401


def test_nothing_heavy_is_loaded_until_it_is_used() -> None:
    names = [name for name in rsp_lab.__all__ if rsp_lab._MODULES.get(name) != "rsp_lab.figures"]
    loaded = modules_after(f"from rsp_lab import {', '.join(names)}")

    assert "torch" in loaded
    assert [name for name in HEAVY if name in loaded] == []


def test_what_is_heavy_is_seen() -> None:
    assert set(HEAVY) & modules_after("import scipy.stats") == {"scipy.stats"}


def test_help_knows_nothing_of_torch() -> None:
    code = "import sys\nfrom rsp_lab.cli.main import main\ntry:\n    main(['--help'])\nexcept SystemExit: pass"

    assert {"torch", "numpy", "matplotlib"} & modules_after(code) == set()
