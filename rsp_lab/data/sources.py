"""The data sets that runs and commands know by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rsp_lab.data import camvid, cityscapes, folder
from rsp_lab.data.camvid import CamVid, camvid_root
from rsp_lab.data.cityscapes import Cityscapes, cityscapes_root
from rsp_lab.data.folder import FolderDataset, folder_root
from rsp_lab.data.labels import CAMVID, CITYSCAPES, ClassTable
from rsp_lab.data.pairs import FileSamples, LabelUse
from rsp_lab.data.panoptic import coco
from rsp_lab.data.panoptic.coco import CocoPanoptic, coco_root
from rsp_lab.data.panoptic.street_scenes import PanopticScenes
from rsp_lab.data.scenes import dataset
from rsp_lab.data.scenes.dataset import SceneSplit

Samples = FileSamples | CocoPanoptic | SceneSplit | PanopticScenes


@dataclass(frozen=True)
class FileSet:
    """A data set whose files lie in a folder.

    Attributes:
        root: its folder, as the environment names it.
        open: the samples of (folder, split), also with ``cache`` and ``labels`` as for :class:`CamVid`.
        table: the classes of a folder.
        splits: those that a folder should have, and those that it may have.
        folders: where images and label files of a folder's split lie.
        endings: see :func:`~rsp_lab.data.pairs.pair_files`.
        dense: whether nearly every pixel has a class, so that much that is ignored is a mistake.
    """

    root: Callable[[], Path]
    open: Callable[..., FileSamples]
    table: Callable[[Path], ClassTable]
    splits: Callable[[Path], tuple[tuple[str, ...], tuple[str, ...]]]
    folders: Callable[[Path, str], tuple[Path, Path]]
    endings: tuple[str, str] = ("", "")
    dense: bool = True


def _cityscapes(coarse: bool) -> FileSet:
    return FileSet(
        cityscapes_root,
        partial(Cityscapes, coarse=coarse),
        lambda _root: CITYSCAPES,
        lambda _root: (("train",) if coarse else ("train", "val"), cityscapes.SPLITS),
        partial(cityscapes.split_folders, coarse=coarse),
        cityscapes.name_endings(coarse),
    )


FILE_SETS: dict[str, FileSet] = {
    "camvid": FileSet(
        camvid_root,
        CamVid,
        lambda _root: CAMVID,
        lambda _root: (("train", "val"), camvid.SPLITS),
        camvid.split_folders,
    ),
    "cityscapes": _cityscapes(coarse=False),
    "folder": FileSet(
        folder_root,
        FolderDataset,
        folder.folder_table,
        lambda root: ((), folder.folder_splits(root)),
        folder.split_folders,
        dense=False,
    ),
}
"""By the name under which :data:`SOURCES` has them."""
COARSE = _cityscapes(coarse=True)
"""Cityscapes with the labels of ``gtCoarse``."""


@dataclass(frozen=True)
class Source:
    """How a data set is opened.

    Attributes:
        open: the samples of (split, whether samples are read again and again, what is asked of labels, whether things
            are told apart where the data set can); folders come from the environment.
        terms: under which it may be used.
    """

    open: Callable[[str, bool, LabelUse, bool], Samples]
    terms: str


def _of_files(name: str) -> Callable[[str, bool, LabelUse, bool], Samples]:
    def opened(split: str, cache: bool, labels: LabelUse, _things: bool) -> Samples:
        files = FILE_SETS[name]
        # Cityscapes would not fit into memory.
        return files.open(files.root(), split, cache=cache and name != "cityscapes", labels=labels)

    return opened


def _coco(split: str, _cache: bool, labels: LabelUse, things: bool) -> Samples:
    return CocoPanoptic(coco_root(), split, labels, things=things)


def _drawn(
    scenes: type[SceneSplit] | type[PanopticScenes], size: tuple[int, int]
) -> Callable[[str, bool, LabelUse, bool], Samples]:
    return lambda split, cache, _labels, _things: scenes(split, size, cache)


SOURCES: dict[str, Source] = {
    "camvid": Source(_of_files("camvid"), camvid.TERMS),
    "cityscapes": Source(_of_files("cityscapes"), cityscapes.TERMS),
    "folder": Source(_of_files("folder"), folder.TERMS),
    "coco": Source(_coco, coco.TERMS),
    "scenes": Source(_drawn(SceneSplit, dataset.SIZE), dataset.TERMS),
    "small-scenes": Source(_drawn(SceneSplit, dataset.SMALL), dataset.TERMS),
    "panoptic-scenes": Source(_drawn(PanopticScenes, dataset.SIZE), dataset.TERMS),
    "small-panoptic-scenes": Source(_drawn(PanopticScenes, dataset.SMALL), dataset.TERMS),
}


def open_split(
    data: str, split: str, *, cache: bool = False, labels: LabelUse = "required", things: bool = True
) -> Samples:
    """The samples of a split of the data set ``data``; folders are those that the environment names.

    Args:
        data: a key of :data:`SOURCES`.
        split: of the data set.
        cache: keep samples in memory, for those that are read again and again.
        labels: whether each image must have a label, may have one, or labels are not looked at.
        things: whether what tells things apart is asked for too, where the data set has a file of its own for it.

    Raises:
        ValueError: if there is no such data set or split, or its folder is not set, missing or incomplete.
    """
    if data not in SOURCES:
        raise ValueError(f"{data!r} is no data set here; expected one of {', '.join(SOURCES)}.")
    return SOURCES[data].open(split, cache, labels, things)
