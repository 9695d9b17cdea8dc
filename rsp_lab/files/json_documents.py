"""JSON files of a format of our own: which of them may be replaced, which come with the package, what is in them."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

from rsp_lab.files.json_data import read_json
from rsp_lab.files.paths import AnyPath, FileError, check_target, readable_name

_SHOWN = 60


def check_document_target(path: AnyPath, what: str, format_: str) -> None:
    """Refuses a place that a document must not be written to: only a new file or another such document is replaced.

    Args:
        path: to write to.
        what: the document is, for messages, e.g. ``"scan"``.
        format_: name and version, which stand under ``format`` in the file, e.g. ``"rsp_lab.scan/1"``; of another
            version it may be replaced too.

    Raises:
        FileError: if something else is there, or nothing can be written there.
    """
    place = check_target(path)
    if not place.exists():
        return
    try:
        is_one = str(read_json(place, what).get("format")).startswith(format_.partition("/")[0] + "/")
    except FileError:
        is_one = False
    if not is_one:
        raise FileError(f"{readable_name(path)} is there and is no {what}, and would be replaced. Name another file.")


def packaged_documents(folder: str, but: str) -> list[Path]:
    """JSON files of a folder of the package by name, without those whose names end with ``but``."""
    files = (Path(str(resources.files("rsp_lab"))) / folder).glob("*.json")
    return sorted(file for file in files if not file.name.endswith(but))


def typed(kind: type, value: Any) -> Any:
    """A value of a type. Whole numbers will do for a float, and become one; true and false are no numbers.

    Raises:
        ValueError: for a value of another type.
    """
    if kind is float and type(value) is int:
        return float(value)
    if isinstance(value, bool) or not isinstance(value, kind):
        raise ValueError(f"{str(value)[:_SHOWN]!r} is no {kind.__name__}")
    return value


def typed_list(kind: type, values: Any, count: int) -> Any:
    """So many values of a type, as a tuple.

    Raises:
        ValueError: for anything else.
    """
    if not isinstance(values, list) or len(values) != count:
        raise ValueError(f"{str(values)[:_SHOWN]!r} is no list of {count}")
    return tuple(typed(kind, value) for value in values)
