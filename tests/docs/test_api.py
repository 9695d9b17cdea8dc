"""The pages of the API name every public name, each on one page."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import rsp_lab

PAGES = sorted(Path(__file__).parents[2].joinpath("docs", "api").glob("*.md"))
MODULES = rsp_lab._MODULES


def documented(text: str) -> list[str]:
    """Names of the package that a page documents: functions, classes and data one by one, modules whole."""
    blocks = re.findall(r"```\{eval-rst\}\n(.*?)```", text, re.DOTALL)
    ours = [block for block in blocks if block.startswith(".. currentmodule:: rsp_lab\n")]
    names = re.findall(r"^\.\. (?:auto(?:function|class|exception)|data):: (\w+)$", "\n".join(ours), re.MULTILINE)
    whole = re.findall(r"^\.\. automodule:: ([\w.]+)$", "\n".join(blocks), re.MULTILINE)
    return names + [name for name, module in MODULES.items() if module in whole]


def test_every_public_name_is_on_one_page() -> None:
    found = Counter(name for page in PAGES for name in documented(page.read_text("utf-8")))

    missing, unknown = set(rsp_lab.__all__) - set(found), set(found) - set(rsp_lab.__all__)
    assert not missing, f"put these on one of the pages of docs/api: {sorted(missing)}"
    assert not unknown, f"these are no names of rsp_lab: {sorted(unknown)}"
    assert [name for name, count in found.items() if count > 1] == []


def test_a_table_lists_what_its_page_documents() -> None:
    for page in PAGES:
        text = page.read_text("utf-8")
        table = re.search(r"\.\. autosummary::\n   :nosignatures:\n\n((?:   \w+\n)+)", text)
        listed = set(re.findall(r"\w+", table[1])) if table else set()
        assert listed == set(documented(text)) - set(MODULES) - {"__version__"}, page.name


def test_every_page_has_an_example() -> None:
    assert len(PAGES) > 10
    assert [page.name for page in PAGES if "```python" not in page.read_text("utf-8")] == []
