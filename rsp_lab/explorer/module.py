"""The browser parts of the explorer and of the decision flow, each as one ES module, whatever page hosts it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from importlib import resources

PARTS = (
    "geometry.js",
    "viewport.js",
    "payload.js",
    "chain.js",
    "make.js",
    "attention.js",
    "state.js",
    "draw.js",
    "grid.js",
    "panels.js",
    "toolbar.js",
    "scene.js",
    "actions.js",
    "gestures.js",
    "core.js",
)
FLOW_PARTS = ("make.js", "flow/paths.js", "flow/layout.js", "flow/svg.js", "flow/picture.js")
"""Of the decision flow."""
_IMPORT = re.compile(r"^import .*;\n", re.MULTILINE)


def module_source(footer: str = "") -> str:
    """The parts joined in the order of their imports, and a host's own ``footer`` after them.

    Hosts take one source text and want a default export of their own shape: the footer is where they give it, around
    ``mount``. The parts' imports of each other fall away in the joining; they import nothing else.
    """
    return _joined(PARTS, f"export const STYLE = {json.dumps(style_sheet())};", footer)


def flow_source(footer: str = "") -> str:
    """The same of the decision flow, around ``mountFlow``."""
    return _joined(FLOW_PARTS, f"export const FLOW_STYLE = {json.dumps(flow_style_sheet())};", footer)


def _joined(parts: Sequence[str], *around: str) -> str:
    first, last = around
    return "\n".join([first, *(_IMPORT.sub("", _read("js", name)) for name in parts), last])


def style_sheet() -> str:
    """The explorer's style, which the module also carries."""
    return _read("js", "style.css")


def flow_style_sheet() -> str:
    """The decision flow's."""
    return _read("js", "flow/flow.css")


def host_source(name: str) -> str:
    """The module for one of the hosts ``"page"``, ``"widget"`` and ``"flow_page"``."""
    footer = _read("hosts", f"{name}.js")
    return flow_source(footer) if name == "flow_page" else module_source(footer)


def _read(folder: str, name: str) -> str:
    return (resources.files("rsp_lab.explorer") / folder / name).read_text(encoding="utf-8")
