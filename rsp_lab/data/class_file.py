"""The class table of a data set of one's own, from ``classes.json`` or ``classes.csv``."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rsp_lab.data.labels import IGNORE_INDEX, ClassTable, Colour, hue_circle
from rsp_lab.files import FileError, read_json, regular_file

NAMES = ("classes.json", "classes.csv")
_LARGEST = 1_000_000
_REMEDY = "See the documentation, page “Your own data”."
_YES, _NO = ("1", "true", "yes"), ("", "0", "false", "no")


@dataclass(frozen=True)
class _Entry:
    """One class, or one id that is ignored (without a colour), as written down."""

    where: str
    name: str
    id: int | None
    colour: Colour | None
    ignored: bool


def read_classes(path: Path, name: str = "folder") -> ClassTable:
    """The class table that a file declares.

    Args:
        path: ``classes.json``, an object ``{"name", "classes": [{"name", "id", "colour"}, ...], "ignore": [...]}``, or
            ``classes.csv`` with the columns ``name``, ``id``, ``colour``, ``ignore``; all but names may be left out.
        name: of the table, where the file gives none.

    Raises:
        FileError: if the file cannot be read, or declares no proper table; the message names the entry.
    """
    ignored: list[int] = []
    if path.suffix.lower() == ".csv":
        entries = _of_csv(path)
    else:
        entries, ignored, name = _of_json(path, name)
    classes = [entry for entry in entries if not entry.ignored]
    if not classes:
        raise FileError(f"{path}: declares no class. {_REMEDY}")
    if len(classes) >= IGNORE_INDEX:
        raise FileError(
            f"{path}: declares {len(classes)} classes, at most {IGNORE_INDEX - 1} fit beside what is ignored."
        )
    doubled = [name for name, count in Counter(entry.name for entry in classes).items() if count > 1]
    if doubled:
        raise FileError(f"{path}: the class {doubled[0]!r} comes twice. Class names must differ.")
    ids = _ids(path, entries)
    ignored = [*ignored, *(ids[number] for number, entry in enumerate(entries) if entry.ignored)]
    own = [ids[number] for number, entry in enumerate(entries) if not entry.ignored]
    for number, count in Counter([*own, *set(ignored)]).items():
        if count > 1:
            raise FileError(f"{path}: the id {number} stands for two things. Give each class an id of its own.")
    circle = hue_circle(len(classes))
    palette = tuple(entry.colour or circle[number] for number, entry in enumerate(classes))
    raw_ids = [(number, train) for train, number in enumerate(own)]
    raw_ids += [(number, IGNORE_INDEX) for number in sorted({*ignored, IGNORE_INDEX})]
    return ClassTable(name, tuple(entry.name for entry in classes), palette, raw_ids=tuple(raw_ids))


def _ids(path: Path, entries: list[_Entry]) -> list[int]:
    """The id of each entry: as written, or its place where none has one."""
    without = [entry for entry in entries if entry.id is None]
    if not without:
        return [entry.id for entry in entries if entry.id is not None]
    if len(without) < len(entries) or any(entry.ignored for entry in entries):
        raise FileError(f"{path}, {without[0].where}: has no id, though others have. Give an id to all or to none.")
    return list(range(len(entries)))


def _of_json(path: Path, name: str) -> tuple[list[_Entry], list[int], str]:
    data = read_json(path, "class table", most=_LARGEST, remedy=_REMEDY)
    _check_keys(path, "the file", data, ("name", "classes", "ignore"))
    classes, ignored = data.get("classes"), data.get("ignore", [])
    if not isinstance(classes, list):
        raise FileError(f"{path}: has no list “classes”. {_REMEDY}")
    entries = []
    for number, entry in enumerate(classes, 1):
        where = f"class {number}"
        if not isinstance(entry, dict):
            raise FileError(f"{path}, {where}: is no object with a name. {_REMEDY}")
        _check_keys(path, where, entry, ("name", "id", "colour", "color", "ignore"))
        if not isinstance(entry.get("ignore", False), bool):
            raise FileError(f"{path}, {where}: ignore is true or false, got {entry['ignore']!r}.")
        colour = entry.get("colour", entry.get("color"))
        entries.append(_entry(path, where, entry.get("name"), entry.get("id"), colour, entry.get("ignore", False)))
    listed = ignored if isinstance(ignored, list) else [ignored]
    return (
        entries,
        [_id(path, "ignore", one, IGNORE_INDEX) for one in listed],
        _name(path, "name", data.get("name", name)),
    )


def _of_csv(path: Path) -> list[_Entry]:
    with regular_file(path, "class table").open("rb") as file:
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise FileError(f"{path}: no class table, it has more than {_LARGEST:,} bytes. {_REMEDY}")
    try:
        text = content.decode("utf-8-sig")
        first = text.partition("\n")[0]
        mark = next((one for one in ";\t" if one in first), ",")
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise FileError(f"{path}: no class table ({error}). Save it as CSV in UTF-8.") from error
    heads = [head.strip().lower() for head in rows[0]] if rows else []
    heads = ["colour" if head == "color" else head for head in heads]
    _check_keys(path, "its first line", dict.fromkeys(heads), ("name", "id", "colour", "ignore"))
    if "name" not in heads or len(set(heads)) < len(heads):
        raise FileError(f"{path}: its first line names the columns, name among them, each once. {_REMEDY}")
    entries = []
    for number, cells in enumerate(rows[1:], 2):
        if not any(cell.strip() for cell in cells):
            continue
        where = f"line {number}"
        if len(cells) != len(heads):
            raise FileError(f"{path}, {where}: has {len(cells)} cells, its first line {len(heads)}. {_REMEDY}")
        row = {head: cell.strip() for head, cell in zip(heads, cells, strict=True)}
        ignore = row.get("ignore", "").lower()
        if ignore not in _YES + _NO:
            raise FileError(f"{path}, {where}: ignore is yes or no, got {row['ignore']!r}.")
        given, colour = row.get("id") or None, row.get("colour") or None
        digits = given is not None and given.isascii() and given.isdigit() and len(given) < 10
        written = int(given) if given is not None and digits else given
        entries.append(_entry(path, where, row["name"], written, colour, ignore in _YES))
    return entries


def _entry(path: Path, where: str, name: Any, number: Any, colour: Any, ignored: bool) -> _Entry:
    return _Entry(
        where,
        _name(path, where, name),
        None if number is None else _id(path, where, number, IGNORE_INDEX if ignored else IGNORE_INDEX - 1),
        None if colour is None else _colour(path, where, colour),
        ignored,
    )


def _name(path: Path, where: str, name: Any) -> str:
    name = name.strip() if isinstance(name, str) else name
    if not isinstance(name, str) or not name or not name.isprintable() or len(name) > 100:
        raise FileError(f"{path}, {where}: a name is a text of 1 to 100 printable characters, got {str(name)[:40]!r}.")
    return name


def _id(path: Path, where: str, number: Any, most: int) -> int:
    if type(number) is not int or not 0 <= number <= most:
        raise FileError(f"{path}, {where}: an id is a whole number from 0 to {most}, got {str(number)[:40]!r}.")
    return number


def _colour(path: Path, where: str, colour: Any) -> Colour:
    """From ``[r, g, b]`` or ``"#rrggbb"``."""
    parts = colour
    if isinstance(colour, str) and len(colour) == 7 and colour.startswith("#"):
        digits = [colour[start : start + 2] for start in (1, 3, 5)]
        if all(c in "0123456789abcdefABCDEF" for c in "".join(digits)):
            parts = [int(pair, 16) for pair in digits]
    if not isinstance(parts, list) or len(parts) != 3 or not all(type(p) is int and 0 <= p <= 255 for p in parts):
        raise FileError(
            f"{path}, {where}: a colour is [r, g, b] from 0 to 255 or a text like '#804080', got {str(colour)[:40]!r}."
        )
    return (parts[0], parts[1], parts[2])


def _check_keys(path: Path, where: str, data: dict[str, Any], known: tuple[str, ...]) -> None:
    unknown = [key for key in data if key not in known]
    if unknown:
        raise FileError(f"{path}, {where}: {str(unknown[0])[:40]!r} is unknown; expected {', '.join(known)}. {_REMEDY}")
