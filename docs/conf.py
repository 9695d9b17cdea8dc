"""Sphinx: ``make docs`` turns these pages, the notebooks and the docstrings into a static site in build/docs."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

from rsp_lab import __version__

ROOT = Path(__file__).parents[1]

project = "rsp_lab"
author = "The rsp_lab authors"
version = release = __version__
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_design",
]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
exclude_patterns = ["images"]
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
autosummary_generate = False
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
html_theme = "furo"
html_title = "rsp_lab"
html_copy_source = False
# Nothing is fetched from outside when a page is read: formulas are MathML, which browsers draw by themselves.
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme_options = {"footer_icons": []}
# Cells of jaxtyping and torch's own names are no pages of this site; MyST leaves links to files of the checkout alone.
suppress_warnings = ["myst.xref_missing", "ref.python"]

# The docstrings name attributes under "Attributes:", where the fields stand too.
napoleon_use_ivar = True

# Notebooks are stored without outputs and run while the site is built. What they showed is kept and shown again until
# they or the library change.
MOST_SECONDS = 300
nb_execution_mode = "cache"
nb_execution_timeout = MOST_SECONDS
nb_execution_raise_on_error = True
nb_merge_streams = True
# A static page has no kernel: the explorer stands in it as an offline page, and no widget is fetched for it.
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]
nb_ipywidgets_js: dict[str, dict[str, str]] = {}


def library_digest() -> str:
    """Twelve letters that are others as soon as any file of the library is."""
    found = hashlib.sha256()
    for path in sorted((ROOT / "rsp_lab").rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            found.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return found.hexdigest()[:12]


nb_execution_cache_path = str(ROOT / "build" / "notebooks" / library_digest())


def setup(app: Sphinx) -> None:
    """What the pages need beyond their settings."""
    # The kernels run this checkout's code, wherever the environment was installed from.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    app.add_html_math_renderer("mathml", (_draw_math, None), (_draw_math, None))
    app.connect("builder-inited", _bring_notebooks)
    app.connect("autodoc-process-docstring", _bars)
    app.connect("env-updated", _report_times)
    app.connect("html-page-context", _drop_widget_state, priority=900)


def _bring_notebooks(app: Sphinx) -> None:
    """Copies the notebooks beside the pages: Sphinx reads one folder."""
    there = Path(app.srcdir, "notebooks")
    there.mkdir(exist_ok=True)
    found = {path.name: path for path in (ROOT / "notebooks").glob("*.ipynb")}
    for old in there.glob("*.ipynb"):
        if old.name not in found:
            old.unlink()
    for name, path in found.items():
        shutil.copy2(path, there / name)


def _bars(_app: Sphinx, _what: str, _name: str, _thing: object, _options: object, lines: list[str]) -> None:
    """Bars in docstrings are absolute values, not substitutions of reStructuredText."""
    lines[:] = [line if "``" in line else line.replace("|", r"\|") for line in lines]


def _draw_math(translator: HTML5Translator, node: nodes.math | nodes.math_block) -> None:
    """A formula as MathML; one with a command that is not known is warned of."""
    block = isinstance(node, nodes.math_block)
    drawn = convert(node.astext().strip(), display="block" if block else "inline")
    if "\\" in drawn:
        logging.getLogger(__name__).warning(f"not drawn whole: {node.astext().strip()}", location=node)
    # What is displayed is scrolled where a page is narrow.
    translator.body.append(f'<div style="margin: 1em 0; overflow: auto hidden">{drawn}</div>' if block else drawn)
    raise nodes.SkipNode


def _report_times(app: Sphinx, env: BuildEnvironment) -> None:
    """Says how long each notebook ran, in notebooks.json beside the site's pages too, and warns of too long a run."""
    log = logging.getLogger(__name__)
    ran = {page: facts["exec_data"]["runtime"] for page, facts in env.nb_metadata.items() if facts.get("exec_data")}
    for page, seconds in sorted(ran.items()):
        (log.info if seconds < MOST_SECONDS else log.warning)(f"{page} ran in {seconds:.1f} s")
    if ran:
        Path(app.outdir, "notebooks.json").write_text(json.dumps({"seconds": ran}, indent=1) + "\n", encoding="utf-8")


def _drop_widget_state(_app: Sphinx, _page: str, _template: str, context: dict[str, Any], _tree: object) -> None:
    """Leaves out what only a widget manager reads, as much as the offline page itself."""
    state = "application/vnd.jupyter.widget-state+json"
    files = context["script_files"]
    context["script_files"] = [one for one in files if getattr(one, "attributes", {}).get("type") != state]
