"""Scans in files: written, read and checked whole; and those that come with the package."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from rsp_lab.analysis.scan.scan import FORMAT, KINDS, RIGHTS, Scan, ScanCard, ScanRate, SceneReading, Verdicts
from rsp_lab.files import (
    AnyPath,
    FileError,
    check_document_target,
    packaged_documents,
    read_json,
    readable_name,
    typed,
    typed_list,
    write_json,
)

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
        names = typed_list(str, facts["models"], 2)
        return Scan(
            names=names,
            digests=typed_list(str, facts["digests"], 2),
            data=typed(str, facts["data"]),
            split=typed(str, facts["split"]),
            least=typed(int, facts["least_pixels"]),
            images=typed(int, facts["images"]),
            cards=tuple(card_of(card, names, rank) for rank, card in enumerate(facts["cards"], 1)),
            rates=rates_of(facts["rates"]),
            residual=typed(float, facts["residual"]),
            version=typed(str, facts["rsp_lab"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise FileError(f"{readable_name(path)}: is a damaged scan ({error}). Make the scan anew.") from error


def shipped_scans() -> dict[str, Path]:
    """Names of the scans that come with the package, and their files; that of drawn scenes, which needs no data set,
    is the first."""
    files = sorted(packaged_documents("scans", STATE), key=lambda file: not file.stem.startswith("scenes"))
    return {file.stem: file for file in files}


def check_scan_target(path: AnyPath) -> None:
    """Refuses a place that :func:`write_scan` must not write to: only a new file or another scan is replaced.

    Raises:
        FileError: if something else is there, or nothing can be written there.
    """
    check_document_target(path, "scan", FORMAT)


def rates_of(rows: Any) -> tuple[ScanRate, ...]:
    """What :func:`rates_dict` gave; raises KeyError, TypeError or ValueError for anything else."""
    found = []
    for row in rows:
        counts = {item.name: typed(int, row[item.name]) for item in fields(Verdicts)}
        if min(counts.values()) < 0:
            raise ValueError(f"a count is negative: {counts}")
        kind = _one_of(KINDS, row["kind"])
        left, right = (typed(str, row[name]) for name in ("left_class", "right_class"))
        found.append(ScanRate(kind, left, right, Verdicts(**counts)))
    return tuple(found)


def _scene_of(facts: Any) -> SceneReading:
    case, *numbers = typed(list, facts)
    seed, reading = typed_list(int, numbers, 2)
    return SceneReading(typed(str, case), seed, reading)


def card_of(facts: Any, names: tuple[str, str], rank: int = 0) -> ScanCard:
    """What :meth:`ScanCard.to_dict` gave; raises KeyError, TypeError or ValueError for anything else."""
    scene, changes = facts["scene"], facts["changes"]
    card = ScanCard(
        rank=rank,
        kind=_one_of(KINDS, facts["kind"]),
        names=names,
        sample=typed(str, facts["sample"]),
        scene=None if scene is None else _scene_of(scene),
        box=typed_list(int, facts["box"], 4),
        mask=typed(str, facts["mask"]),
        pixel=typed_list(int, facts["pixel"], 2),
        pixels=typed(int, facts["pixels"]),
        left_class=typed(str, facts["left_class"]),
        right_class=typed(str, facts["right_class"]),
        truth=_optional(str, facts["truth"]),
        alternative=_optional(str, facts["alternative"]),
        right=None if facts["right"] is None else _one_of(RIGHTS, facts["right"]),
        level=_optional(int, facts["level"]),
        level_name=typed(str, facts["level_name"]),
        source=typed(str, facts["source"]),
        part=typed(float, facts["part"]),
        whole=typed(float, facts["whole"]),
        context_used=typed(float, facts["context_used"]),
        margins=typed_list(float, facts["margins"], 2),
        changes=None if changes is None else typed_list(float, changes, 2),
        score=typed(float, facts["score"]),
        residual=typed(float, facts["residual"]),
    )
    top, left, bottom, right = card.box
    if not (0 <= top < bottom <= _SIDE and 0 <= left < right <= _SIDE):
        raise ValueError(f"{card.box} is no box")
    if not card.inside.any():
        raise ValueError("a region has no pixel")
    return card


def _optional(kind: type, value: Any) -> Any:
    return None if value is None else typed(kind, value)


def _one_of(choices: tuple[Any, ...], value: Any) -> Any:
    if value not in choices:
        raise ValueError(f"{value!r} is none of {', '.join(choices)}")
    return value
