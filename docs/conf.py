"""Sphinx: ``make docs`` turns these pages and the docstrings into a static site in build/docs."""

from __future__ import annotations

from rsp_lab import __version__

project = "rsp_lab"
author = "The rsp_lab authors"
version = release = __version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_design",
]
source_suffix = {".md": "markdown"}
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
# Nothing is fetched from outside when a page is read.
html_theme_options = {"footer_icons": []}
# Cells of jaxtyping and torch's own names are no pages of this site; MyST leaves links to files of the checkout alone.
suppress_warnings = ["myst.xref_missing", "ref.python"]

# The docstrings name attributes under "Attributes:", where the fields stand too.
napoleon_use_ivar = True


def setup(app: object) -> None:
    """Bars in docstrings are absolute values, not substitutions of reStructuredText."""
    app.connect("autodoc-process-docstring", _bars)  # type: ignore[attr-defined]


def _bars(_app: object, _what: str, _name: str, _thing: object, _options: object, lines: list[str]) -> None:
    lines[:] = [line if "``" in line else line.replace("|", r"\|") for line in lines]
