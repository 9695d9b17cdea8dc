"""Scans in files: written, read and checked whole; and those that come with the package."""

from __future__ import annotations

from dataclasses import fields
from importlib import resources
from pathlib import Path
from typing import Any

from rsp_lab.analysis.scan.scan import FORMAT, KINDS, RIGHTS, Scan, ScanCard, ScanRate, SceneReading, Verdicts
from rsp_lab.files import AnyPath, FileError, check_target, read_json, readable_name, write_json

STATE = ".state.json"
"""How the file ends in which a scan that is being made keeps what is done."""
_SIDE = 65_536


def write_scan(path: AnyPath, scan: Scan, **about: Any) -> Path:
    """To a JSON file, whole or not at all, with further facts ``about`` the run.

    Raises:
        FileError: if it cannot be written.
    """
    return write_json(path, {**scan.to_dict(), **about}, indent=None)


def read_scan(path: AnyPath) -> Scan:
    """A scan of a file.

    Raises:
        FileError: if the file cannot be read, or is no scan.
    """
    facts = read_json(path, "scan", remedy="Make the scan anew.")
    if facts.get("format") != FORMAT:
        raise FileError(f"{readable_name(path)}: is no scan of this version ({FORMAT}). Make the scan anew.")
    try:
        names = _texts(facts["models"])
        return Scan(
            names=names,
            digests=_texts(facts["digests"]),
            data=_of(str, facts["data"]),
            split=_of(str, facts["split"]),
            least=_of(int, facts["least_pixels"]),
            images=_of(int, facts["images"]),
            cards=tuple(card_of(card, names, rank) for rank, card in enumerate(facts["cards"], 1)),
            rates=rates_of(facts["rates"]),
            residual=float(_of(float, facts["residual"])),
            version=_of(str, facts["rsp_lab"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise FileError(f"{readable_name(path)}: is a damaged scan ({error}). Make the scan anew.") from error


def shipped_scans() -> dict[str, Path]:
    """Names of the scans that come with the package, and their files; that of drawn scenes, which needs no data set,
    is the first."""
    folder = Path(str(resources.files("rsp_lab"))) / "scans"
    found = (file for file in folder.glob("*.json") if not file.name.endswith(STATE))
    files = sorted(found, key=lambda file: (not file.stem.startswith("scenes"), file.stem))
    return {file.stem: file for file in files}


def check_scan_target(path: AnyPath) -> None:
    """Refuses a place that :func:`write_scan` must not write to: only a new file or another scan is replaced.

    Raises:
        FileError: if something else is there, or nothing can be written there.
    """
    place = check_target(path)
    if not place.exists():
        return
    try:
        is_scan = str(read_json(place, "scan").get("format")).startswith(FORMAT.partition("/")[0] + "/")
    except FileError:
        is_scan = False
    if not is_scan:
        raise FileError(f"{readable_name(path)} is there and is no scan, and would be replaced. Name another file.")


def rates_of(rows: Any) -> tuple[ScanRate, ...]:
    """What :func:`rates_dict` gave; raises KeyError, TypeError or ValueError for anything else."""
    found = []
    for row in rows:
        counts = {item.name: _of(int, row[item.name]) for item in fields(Verdicts)}
        if min(counts.values()) < 0:
            raise ValueError(f"a count is negative: {counts}")
        kind = _one_of(KINDS, row["kind"])
        left, right = (_of(str, row[name]) for name in ("left_class", "right_class"))
        found.append(ScanRate(kind, left, right, Verdicts(**counts)))
    return tuple(found)


def card_of(facts: Any, names: tuple[str, str], rank: int = 0) -> ScanCard:
    """What :meth:`ScanCard.to_dict` gave; raises KeyError, TypeError or ValueError for anything else."""
    scene, changes = facts["scene"], facts["changes"]
    card = ScanCard(
        rank=rank,
        kind=_one_of(KINDS, facts["kind"]),
        names=names,
        sample=_of(str, facts["sample"]),
        scene=None if scene is None else SceneReading(_of(str, scene[0]), *_numbers(int, scene[1:], 2)),
        box=_numbers(int, facts["box"], 4),
        mask=_of(str, facts["mask"]),
        pixel=_numbers(int, facts["pixel"], 2),
        pixels=_of(int, facts["pixels"]),
        left_class=_of(str, facts["left_class"]),
        right_class=_of(str, facts["right_class"]),
        truth=_optional(str, facts["truth"]),
        alternative=_optional(str, facts["alternative"]),
        right=None if facts["right"] is None else _one_of(RIGHTS, facts["right"]),
        level=_optional(int, facts["level"]),
        level_name=_of(str, facts["level_name"]),
        source=_of(str, facts["source"]),
        part=float(_of(float, facts["part"])),
        whole=float(_of(float, facts["whole"])),
        context_used=float(_of(float, facts["context_used"])),
        margins=_numbers(float, facts["margins"], 2),
        changes=None if changes is None else _numbers(float, changes, 2),
        score=float(_of(float, facts["score"])),
        residual=float(_of(float, facts["residual"])),
    )
    top, left, bottom, right = card.box
    if not (0 <= top < bottom <= _SIDE and 0 <= left < right <= _SIDE):
        raise ValueError(f"{card.box} is no box")
    if not card.inside.any():
        raise ValueError("a region has no pixel")
    return card


def _of(kind: type, value: Any) -> Any:
    """A value of a type, or ValueError; whole numbers are floats too, and what is true or false is no number."""
    if isinstance(value, bool) or not isinstance(value, (int, float) if kind is float else kind):
        raise ValueError(f"{value!r} is no {kind.__name__}")
    return value


def _optional(kind: type, value: Any) -> Any:
    return None if value is None else _of(kind, value)


def _one_of(choices: tuple[Any, ...], value: Any) -> Any:
    if value not in choices:
        raise ValueError(f"{value!r} is none of {', '.join(choices)}")
    return value


def _numbers(kind: type, values: Any, count: int) -> Any:
    if not isinstance(values, list) or len(values) != count:
        raise ValueError(f"{values!r} are not {count} numbers")
    return tuple(kind(_of(kind, value)) for value in values)


def _texts(values: Any) -> tuple[str, str]:
    if not isinstance(values, list) or len(values) != 2:
        raise ValueError(f"{values!r} are not two texts")
    return _of(str, values[0]), _of(str, values[1])
