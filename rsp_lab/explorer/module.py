"""The explorer's browser part as one ES module, whatever page hosts it."""

from __future__ import annotations

import json
import re
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
_IMPORT = re.compile(r"^import .*;\n", re.MULTILINE)


def module_source(footer: str = "") -> str:
    """The parts joined in the order of their imports, and a host's own ``footer`` after them.

    Hosts take one source text and want a default export of their own shape: the footer is where they give it, around
    ``mount``. The parts' imports of each other fall away in the joining; they import nothing else.
    """
    folder = resources.files("rsp_lab.explorer") / "js"
    parts = [_IMPORT.sub("", (folder / name).read_text(encoding="utf-8")) for name in PARTS]
    return "\n".join([f"export const STYLE = {json.dumps(style_sheet())};", *parts, footer])


def style_sheet() -> str:
    """The explorer's style, which the module also carries."""
    return (resources.files("rsp_lab.explorer") / "js" / "style.css").read_text(encoding="utf-8")


def host_source(name: str) -> str:
    """The module for one of the hosts ``"page"`` and ``"widget"``."""
    folder = resources.files("rsp_lab.explorer") / "hosts"
    return module_source((folder / f"{name}.js").read_text(encoding="utf-8"))
