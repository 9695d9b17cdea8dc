"""What rsp_lab wrote, and so may replace: the command line replaces nothing else.

A file says itself who wrote it: a figure, a page or a JSON document carries :data:`MAKER` where its format has a place
for it. What has no such place, as a caption, is vouched for by a file that has one: of the same name with another
ending, or the report of the command that writes both.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rsp_lab.files.json_data import JSON_BYTES, parse_json
from rsp_lab.files.paths import AnyPath, FileError, readable_name

MAKER = "rsp_lab"
"""In the metadata of what is written: Software of a PNG, Creator of PDF and SVG, generator of HTML, a key of JSON."""

_PLACES: dict[str, tuple[bytes, tuple[bytes, ...]]] = {
    ".png": (b"\x89PNG", (b"tEXtSoftware\0rsp_lab",)),
    ".pdf": (b"%PDF", (b"/Creator (rsp_lab)",)),
    ".svg": (b"<?xml", (b"<dc:title>rsp_lab</dc:title>",)),
    # The second of each is what was written before there was the first.
    ".html": (b"<!doctype html>", (b'<meta name="generator" content="rsp_lab">', b"Made with rsp_lab ")),
    ".md": (b"# ", (b"Written by `rsp-lab ",)),
    ".tex": (b"% ", (b"% Made by rsp_lab.", b"% Needs \\usepackage{booktabs} in the preamble.\n")),
}
"""How a file of an ending begins, and what of it stands in one of ours."""
_SPEAKING = (".json", *_PLACES)
_ALWAYS_SPEAKING = (".json", ".png", ".pdf", ".svg", ".html")


def is_ours(path: AnyPath, ending: str | None = None) -> bool:
    """Whether a file says itself that rsp_lab wrote it.

    Args:
        path: of the file; where none can be read, the answer is no.
        ending: what the file should be, e.g. ``".html"``; default: what its name says.
    """
    path = Path(path)
    kind = path.suffix.lower() if ending is None else ending
    if kind not in _SPEAKING:
        return False
    try:
        with path.open("rb") as file:
            content = file.read(JSON_BYTES)
    except OSError:
        return False
    if kind == ".json":
        return _is_our_json(content)
    start, marks = _PLACES[kind]
    return content.startswith(start) and any(mark in content for mark in marks)


def check_replaceable(
    path: AnyPath,
    *,
    ending: str | None = None,
    vouched: bool = False,
    remedy: str = "move it, or choose another place.",
) -> None:
    """Refuses a place where something lies that rsp_lab did not write.

    Args:
        path: to be written to.
        ending: of the kind of file that it should be; default: what its name says.
        vouched: whether the caller knows it for ours, as the report that is written with it is.
        remedy: end of the message.

    Raises:
        FileError: if something is there that neither says that it is ours nor is vouched for.
    """
    path = Path(path)
    if vouched or not path.is_file() or is_ours(path, ending):
        return
    silent = ending is None and path.suffix.lower() not in _ALWAYS_SPEAKING
    if silent and any(is_ours(path.with_suffix(one)) for one in _SPEAKING if one != path.suffix.lower()):
        return
    raise FileError(f"{readable_name(path)} is there and was not written by {MAKER}, and would be replaced: {remedy}")


def _is_our_json(content: bytes) -> bool:
    try:
        facts: dict[str, Any] = parse_json(content, "")
    except FileError:
        return False
    return MAKER in facts or str(facts.get("format")).startswith(f"{MAKER}.")
