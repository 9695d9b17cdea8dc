"""JSON that is read without surprises and written for every reader."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rsp_lab.files.paths import AnyPath, FileError, readable_name, regular_file
from rsp_lab.files.writing import write_atomic

JSON_BYTES = 64_000_000
"""A larger file is not read."""
JSON_DEPTH = 64
LARGEST_INTEGER = 2**63 - 1


def read_json(
    path: AnyPath, what: str, kind: type = dict, *, remedy: str = "Write it anew.", most: int = JSON_BYTES
) -> Any:
    """The content of a JSON file; see :func:`parse_json` for what is refused.

    Args:
        path: to read.
        what: the file is, for messages, e.g. ``"table of scores"``.
        kind: type of the whole.
        remedy: a sentence for messages.
        most: bytes.

    Raises:
        FileError: if the file cannot be read, is larger than ``most``, or is refused.
    """
    path, name = regular_file(path, what), readable_name(path)
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise FileError(f"{name}: cannot be read ({error.strerror or error}). Change its access rights.") from error
    if len(data) > most:
        raise FileError(f"{name} is damaged or no {what}: it has more than {most:,} bytes. {remedy}")
    return parse_json(data, f"{name} is damaged or no {what}", kind, remedy=remedy)


def parse_json(text: str | bytes, where: str, kind: type = dict, *, remedy: str = "Write it anew.") -> Any:
    """JSON data of a known type with no surprises in it.

    Refused are: other types of the whole, nesting beyond :data:`JSON_DEPTH`, integers beyond
    :data:`LARGEST_INTEGER`, numbers that are not finite, and text that cannot be encoded.

    Args:
        text: JSON; bytes are UTF-8.
        where: start of messages, e.g. ``"log.jsonl, line 3"``.
        kind: type of the whole.
        remedy: end of messages, a sentence.

    Raises:
        FileError: if it is refused.
    """
    try:
        text = text if isinstance(text, str) else text.decode("utf-8-sig")
        data = _DECODER.decode(text)
        check_tree(data)
    except RecursionError:
        raise FileError(f"{where}: nested deeper than {JSON_DEPTH} levels. {remedy}") from None
    except ValueError as error:
        raise FileError(f"{where}: {error}. {remedy}") from None
    if not isinstance(data, kind) or (isinstance(data, bool) and kind is not bool):
        raise FileError(f"{where}: is {JSON_NAMES[type(data)]}, expected {JSON_NAMES[kind]}. {remedy}")
    return data


def to_json(value: Any, indent: int | None = 1) -> str:
    """JSON that every reader takes: what is not finite is null; arrays and tensors are lists of their numbers."""
    return json.dumps(_plain(value), indent=indent, allow_nan=False)


def write_json(path: AnyPath, value: Any, *, indent: int | None = 1, protect: Iterable[AnyPath] = ()) -> Path:
    """Writes :func:`to_json` and a line end by :func:`write_atomic`."""
    return write_atomic(path, to_json(value, indent) + "\n", protect=protect)


def checked_integer(digits: str) -> int:
    """The integer; raises ValueError beyond 64 bits, before Python spends its time on long ones."""
    if len(digits) > 20 or abs(int(digits)) > LARGEST_INTEGER:
        shown = digits if len(digits) <= 20 else f"{digits[:8]}... of {len(digits)} digits"
        raise ValueError(f"the integer {shown} is beyond 64 bits")
    return int(digits)


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"the number {digits[:20]} is not finite")
    return value


def no_constant(name: str) -> Any:
    """Raises ValueError: NaN and infinity are no numbers of JSON, though Python reads them."""
    raise ValueError(f"{name} is no number of JSON")


_DECODER = json.JSONDecoder(parse_int=checked_integer, parse_float=_finite, parse_constant=no_constant)
JSON_NAMES = {
    dict: "an object",
    list: "a list",
    str: "a text",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}


def check_tree(data: Any) -> None:
    """Raises RecursionError for deep nesting, before anything walks the data by recursion, and ValueError for text."""
    level, depth = [data], 0
    while level:
        inside: list[Any] = []
        for one in level:
            if isinstance(one, str):
                _check_text(one)
            elif isinstance(one, dict):
                for key in one:
                    _check_text(key)
                inside += one.values()
            elif isinstance(one, list):
                inside += one
        level = [one for one in inside if isinstance(one, dict | list | str)]
        depth += any(isinstance(one, dict | list) for one in level)
        if depth >= JSON_DEPTH:
            raise RecursionError


def _check_text(text: str) -> None:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError("it has half a character (a lone surrogate)") from None


def _plain(value: Any) -> Any:
    if isinstance(value, bool | int | None):
        return value
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key if isinstance(key, str) else str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    return value  # json names the type that it cannot take
