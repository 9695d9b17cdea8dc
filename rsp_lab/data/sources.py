"""The data sets that runs and commands know by name, each with its classes and its terms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rsp_lab.data import camvid, cityscapes
from rsp_lab.data.camvid import CamVid
from rsp_lab.data.cityscapes import Cityscapes
from rsp_lab.data.labels import CAMVID, CITYSCAPES, ClassTable
from rsp_lab.data.scenes import dataset
from rsp_lab.data.scenes.dataset import SceneSplit

Samples = CamVid | Cityscapes | SceneSplit


@dataclass(frozen=True)
class Source:
    """How a data set is opened.

    Attributes:
        open: the samples of (split, whether samples are read again and again); folders come from the environment.
        table: its classes.
        terms: under which it may be used.
    """

    open: Callable[[str, bool], Samples]
    table: ClassTable
    terms: str


SOURCES: dict[str, Source] = {
    "camvid": Source(lambda split, cache: CamVid(camvid.camvid_root(), split, cache), CAMVID, camvid.TERMS),
    "cityscapes": Source(
        lambda split, _cache: Cityscapes(cityscapes.cityscapes_root(), split), CITYSCAPES, cityscapes.TERMS
    ),
    "scenes": Source(lambda split, cache: SceneSplit(split, dataset.SIZE, cache), CITYSCAPES, dataset.TERMS),
    "small-scenes": Source(lambda split, cache: SceneSplit(split, dataset.SMALL, cache), CITYSCAPES, dataset.TERMS),
}


def open_split(data: str, split: str, *, cache: bool = False) -> Samples:
    """The samples of a split of the data set ``data``; folders are those that the environment names.

    Raises:
        ValueError: if there is no such data set or split, or its folder is not set, missing or incomplete.
    """
    if data not in SOURCES:
        raise ValueError(f"{data!r} is no data set here; expected one of {', '.join(SOURCES)}.")
    return SOURCES[data].open(split, cache)
