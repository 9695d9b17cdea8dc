"""Long lists in JSON files, whose objects are looked at one after the other and found again one at a time.

Annotations of large data sets are one object with lists of a million objects. They are read once, so that what is kept
of them is what a caller keeps; :class:`JsonRecords` remembers where each object stands in the file.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rsp_lab.files.json_data import JSON_NAMES, check_tree, checked_integer, no_constant, parse_json
from rsp_lab.files.paths import AnyPath, FileError, readable_name, regular_file

LIST_BYTES = 4_000_000_000
"""A larger file is not read."""
_BYTE_ORDER_MARK = "\xef\xbb\xbf"
_SPACES = (" ", "\t", "\n", "\r")

Place = tuple[int, int]
"""An object's first byte in its file, and the one after its last."""


def scan_json(
    path: AnyPath,
    what: str,
    lists: Mapping[str, Callable[[dict[str, Any], Place], None]],
    *,
    remedy: str = "Write it anew.",
) -> dict[str, Any]:
    """The content of a JSON object; in the place of its long lists, whose objects are handed over, how many there are.

    Args:
        path: to read.
        what: the file is, for messages.
        lists: by the name of a list, what is called with each of its objects and their places in the file. Numbers in
            them may be infinite where the file has such as ``1e999``.
        remedy: end of messages, a sentence.

    Raises:
        FileError: if the file cannot be read, is larger than :data:`LIST_BYTES`, is no JSON object, or one of the lists
            is none or holds other things than objects; and what ``lists`` raise.
    """
    path, name = regular_file(path, what), readable_name(path)
    where = f"{name} is damaged or no {what}"
    if path.stat().st_size > LIST_BYTES:
        raise FileError(f"{where}: it has more than {LIST_BYTES:,} bytes. {remedy}")
    try:
        with path.open(encoding="latin-1", newline="") as file:
            scan = _Scan(file.read(), lists)
    except OSError as error:
        raise FileError(f"{name}: cannot be read ({error.strerror or error}). Change its access rights.") from error
    try:
        return scan.top()
    except RecursionError:
        raise FileError(f"{where}: nested too deeply. {remedy}") from None
    except FileError:
        raise
    except ValueError as error:
        raise FileError(f"{where}: {error}. {remedy}") from None


@dataclass(frozen=True, eq=False)
class JsonRecords:
    """Objects of a JSON file by their places in it; what travels to other processes is the places alone.

    Attributes:
        path: of the file.
        what: the file is, for messages.
        places: of type q, one :data:`Place` after the other.
    """

    path: Path
    what: str
    places: array[int]

    def __len__(self) -> int:
        return len(self.places) // 2

    def __getitem__(self, index: int) -> dict[str, Any]:
        """The object at ``index``.

        Raises:
            FileError: if the file is not what it was when it was scanned.
        """
        first, end = self.places[2 * index : 2 * index + 2]
        remedy = "It has changed since it was opened: open it again."
        where = f"{readable_name(self.path)} is damaged or no {self.what}"
        try:
            with regular_file(self.path, self.what).open("rb") as file:
                file.seek(first)
                data = file.read(end - first)
        except OSError as error:
            raise FileError(f"{readable_name(self.path)}: cannot be read ({error.strerror or error}).") from error
        return parse_json(data, where, remedy=remedy)


class _Scan:
    """One pass over a JSON object, whose text is its bytes one by one, so that places in it are places in the file."""

    def __init__(self, text: str, lists: Mapping[str, Callable[[dict[str, Any], Place], None]]) -> None:
        self.text = text
        self.place = len(_BYTE_ORDER_MARK) if text.startswith(_BYTE_ORDER_MARK) else 0
        self.lists = lists
        # Coordinates are nearly all that there is: Python's own reading of floats takes a third of the time of ours.
        self.decode = json.JSONDecoder(parse_int=checked_integer, parse_constant=no_constant).raw_decode

    def top(self) -> dict[str, Any]:
        rest: dict[str, Any] = {}
        if self._next() != "{":
            raise ValueError("is no object")
        for _ in self._items("}"):
            key = self._value()
            if not isinstance(key, str) or self._next() != ":":
                raise ValueError(f"expecting a name and a colon before byte {self.place:,}")
            self.place += 1
            self._next()
            if key in self.lists:
                rest[key] = self._list(key)
            else:
                rest[key] = self._value()
        if self._next():
            raise ValueError(f"it goes on after its end, at byte {self.place:,}")
        return rest

    def _list(self, key: str) -> int:
        if self._next() != "[":
            raise ValueError(f"its {key!r} is no list")
        count = 0
        for first in self._items("]"):
            element = self._value()
            if not isinstance(element, dict):
                raise ValueError(f"element {count} of its {key!r} is {JSON_NAMES[type(element)]}, expected an object")
            self.lists[key](element, (first, self.place))
            count += 1
        return count

    def _items(self, end: str) -> Iterator[int]:
        """The places of values between the bracket at the present place and ``end``; the caller reads each."""
        self.place += 1
        if self._next() != end:
            while True:
                self._next()
                yield self.place
                mark = self._next()
                if mark == end:
                    break
                if mark != ",":
                    raise ValueError(f"expecting ',' or {end!r} at byte {self.place:,}")
                self.place += 1
        self.place += 1

    def _next(self) -> str:
        """The next character that is no space, at which the present place then is; empty at the end."""
        while self.text[self.place : self.place + 1] in _SPACES:
            self.place += 1
        return self.text[self.place : self.place + 1]

    def _value(self) -> Any:
        first = self.place
        value, self.place = self.decode(self.text, first)
        part = self.text[first : self.place]
        value = value if part.isascii() else json.loads(part.encode("latin-1").decode())
        check_tree(value)
        return value
