"""The data sets that runs and commands know by name, each with its folder, its classes and its terms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rsp_lab.data import camvid, cityscapes
from rsp_lab.data.camvid import CamVid
from rsp_lab.data.cityscapes import Cityscapes

Samples = CamVid | Cityscapes


@dataclass(frozen=True)
class Source:
    """Where a data set is found and how it is opened.

    Attributes:
        root: its folder, from the environment.
        open: the samples of (folder, split, whether samples are read again and again).
        terms: under which it may be used.
    """

    root: Callable[[], Path]
    open: Callable[[Path, str, bool], Samples]
    terms: str


SOURCES: dict[str, Source] = {
    "camvid": Source(camvid.camvid_root, lambda root, split, cache: CamVid(root, split, cache), camvid.TERMS),
    "cityscapes": Source(
        cityscapes.cityscapes_root, lambda root, split, _cache: Cityscapes(root, split), cityscapes.TERMS
    ),
}


def open_split(data: str, split: str, *, cache: bool = False) -> Samples:
    """The samples of a split of the data set ``data``, from the folder that the environment names.

    Raises:
        ValueError: if there is no such data set or split, or its folder is not set, missing or incomplete.
    """
    if data not in SOURCES:
        raise ValueError(f"{data!r} is no data set here; expected one of {', '.join(SOURCES)}.")
    source = SOURCES[data]
    return source.open(source.root(), split, cache)
