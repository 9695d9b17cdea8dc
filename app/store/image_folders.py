"""Data sets whose images lie in a folder that the environment names: their listings, and their images."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from app.store.models import Photograph
from app.store.stamps import Stamp, stamp
from rsp_lab.data.class_file import NAMES
from rsp_lab.data.labels import ClassTable
from rsp_lab.data.pairs import FilePair, read_sample
from rsp_lab.data.panoptic import coco
from rsp_lab.data.panoptic.categories import COCO_PANOPTIC
from rsp_lab.data.panoptic.coco import CocoPanoptic, coco_root, split_paths
from rsp_lab.data.paths import image_files
from rsp_lab.data.sources import FILE_SETS, FileSet
from rsp_lab.files import readable_name

MOST_LISTED = 10_000
"""Splits of COCO of more pictures than this are too many for a list of names: those of train and test."""
_UNLISTED = ("train_extra",)
"""Splits of Cityscapes of which the same is true."""
_UNSEEN_FIRST = ("val", "test", "train")
# Of folders below a root: Cityscapes has images/split/town.
_DEPTH = 3


class ImageFolder(ABC):
    """A data set of which a folder has the files.

    Attributes:
        title: what readers call it.
    """

    title: str

    @abstractmethod
    def root(self) -> Path:
        """The folder; raises ValueError if the environment names none."""

    @abstractmethod
    def table(self, root: Path) -> ClassTable:
        """The classes of its labels; raises ValueError if they cannot be read."""

    @abstractmethod
    def stamps(self, root: Path) -> tuple[Stamp, ...]:
        """What a listing and the classes depend on, so that what is added or replaced meanwhile is found."""

    @abstractmethod
    def splits(self, root: Path) -> Mapping[str, Path]:
        """The splits that it has or should have, those for a first look first, and where images of each lie."""

    @abstractmethod
    def is_listed(self, split: str, images: Path) -> bool:
        """Whether a split is there, and short enough for a list of names."""

    @abstractmethod
    def files(self, root: Path, split: str) -> Iterable[FilePair]:
        """The files of a split; raises ValueError if it is damaged."""

    @abstractmethod
    def photograph(self, root: Path, split: str, files: FilePair) -> Photograph:
        """Reads an image, with its labels where it has some; raises ValueError if that cannot be done."""


@dataclass(frozen=True)
class _PairFolder(ImageFolder):
    """An image file and a label file each."""

    title: str
    kind: FileSet

    def root(self) -> Path:
        return self.kind.root()

    def table(self, root: Path) -> ClassTable:
        return self.kind.table(root)

    def stamps(self, root: Path) -> tuple[Stamp, ...]:
        inside = (path for depth in range(1, _DEPTH + 1) for path in sorted(root.glob("*/" * depth)))
        return *map(stamp, inside), *(stamp(root / name) for name in NAMES)

    def splits(self, root: Path) -> Mapping[str, Path]:
        required, possible = self.kind.splits(root)
        return {split: self.kind.folders(root, split)[0] for split in _ordered((*required, *possible))}

    def is_listed(self, split: str, images: Path) -> bool:
        return images.is_dir() and split not in _UNLISTED

    def files(self, root: Path, split: str) -> Iterable[FilePair]:
        return self.kind.open(root, split, cache=False, labels="optional").files

    def photograph(self, root: Path, split: str, files: FilePair) -> Photograph:
        sample = read_sample(files, table := self.table(root))
        return Photograph(sample, None if sample.label is None else table)


@dataclass(frozen=True)
class _CocoFolder(ImageFolder):
    """Pictures of a split, and files that say all of their labels. The workbench needs no masks of things."""

    title: str

    def root(self) -> Path:
        return coco_root()

    def table(self, root: Path) -> ClassTable:
        there = next((split for split, images in self.splits(root).items() if self.is_listed(split, images)), None)
        return COCO_PANOPTIC.semantic if there is None else self._samples(root, there).table

    def stamps(self, root: Path) -> tuple[Stamp, ...]:
        paths = (path for split in coco.SPLITS for path in split_paths(root, split))
        return tuple(stamp(path) for path in paths)

    def splits(self, root: Path) -> Mapping[str, Path]:
        return {split: split_paths(root, split).images for split in _ordered(coco.SPLITS)}

    def is_listed(self, split: str, images: Path) -> bool:
        return images.is_dir() and _image_count(os.fsencode(images), stamp(images)) <= MOST_LISTED

    def files(self, root: Path, split: str) -> Iterable[FilePair]:
        samples = self._samples(root, split)
        label = None if samples.file is None else samples.file.path
        return (FilePair(name, samples.picture(place), label) for place, name in enumerate(samples.names))

    def photograph(self, root: Path, split: str, files: FilePair) -> Photograph:
        samples = self._samples(root, split)
        # By its path: without a panoptic file two pictures may have one name, a.jpg and a.png.
        sample = samples[next(place for place in range(len(samples)) if samples.picture(place) == files.image)]
        return Photograph(sample, None if sample.label is None else samples.table)

    def _samples(self, root: Path, split: str) -> CocoPanoptic:
        return _coco_samples(os.fsencode(root), split, *(stamp(path) for path in split_paths(root, split)))


@st.cache_resource(max_entries=3, show_spinner=False)
def _coco_samples(root: bytes, split: str, *changed: Stamp) -> CocoPanoptic:
    """One JSON file says the labels of all pictures: it is read once."""
    return CocoPanoptic(os.fsdecode(root), split, "optional", things=False)


FOLDERS: dict[str, ImageFolder] = {
    "camvid": _PairFolder("CamVid", FILE_SETS["camvid"]),
    "cityscapes": _PairFolder("Cityscapes", FILE_SETS["cityscapes"]),
    "coco": _CocoFolder("COCO"),
    "folder": _PairFolder("Your folder", FILE_SETS["folder"]),
}
"""By the name that commands know the data set by."""


def file_names(data: str) -> tuple[str, ...]:
    """Names ``split/image`` of the images of a folder, those the shipped models were not trained on first.

    Args:
        data: a key of :data:`FOLDERS`.

    Raises:
        ValueError: if its variable is not set, or the folder is not as expected.
    """
    return tuple(_files(data))


def folder_photograph(data: str, name: str) -> Photograph:
    """The image of a folder by its name ``split/image``, one of :func:`file_names`.

    Raises:
        ValueError: if there is no such image, or it cannot be read; the message says what to do.
    """
    files, root = _named(data, name), FOLDERS[data].root()
    changed = *_stamps(files), *FOLDERS[data].stamps(root)
    return _photograph(data, os.fsencode(root), name, os.fsencode(files.image), files, *changed)


def folder_stamp(data: str, name: str) -> Hashable:
    """Changes with the files of :func:`folder_photograph`, which need not be read for it.

    Raises:
        ValueError: if there is no such image.
    """
    files = _named(data, name)
    return str(files.image), _stamps(files)


def _stamps(files: FilePair) -> tuple[Stamp, ...]:
    return stamp(files.image), *(() if files.label is None else (stamp(files.label),))


def _named(data: str, name: str) -> FilePair:
    """What a link or a scan says never becomes a path."""
    files = _files(data)
    if name not in files:
        raise ValueError(f"there is no image {name!r} in the folder of {FOLDERS[data].title} (any more).")
    return files[name]


def _files(data: str) -> dict[str, FilePair]:
    """The files of each image by its name ``split/image``."""
    root = FOLDERS[data].root()
    return _listing(data, os.fsencode(root), *FOLDERS[data].stamps(root))


@st.cache_resource(max_entries=4, show_spinner=False)
def _listing(data: str, root: bytes, *changed: Stamp) -> dict[str, FilePair]:
    folder, place = FOLDERS[data], Path(os.fsdecode(root))
    splits = folder.splits(place)
    if not any(images.is_dir() for images in splits.values()):
        first = next(iter(splits.values()))
        raise ValueError(f"{readable_name(first)}: there is no such folder. Check the folder that is set.")
    listed = [split for split, images in splits.items() if folder.is_listed(split, images)]
    if not listed:
        there = ", ".join(split for split, images in splits.items() if images.is_dir())
        raise ValueError(
            f"{readable_name(place)}: its splits ({there}) have too many images to choose one from a list: add a "
            "smaller split."
        )
    return {f"{split}/{pair.name}": pair for split in listed for pair in folder.files(place, split)}


@st.cache_resource(max_entries=8, show_spinner=False)
def _photograph(data: str, root: bytes, name: str, image: bytes, _files: FilePair, *changed: Stamp) -> Photograph:
    return FOLDERS[data].photograph(Path(os.fsdecode(root)), name.partition("/")[0], _files)


@st.cache_data(max_entries=32, show_spinner=False)
def _image_count(images: bytes, changed: Stamp) -> int:
    return len(image_files(Path(os.fsdecode(images))))


def _ordered(splits: Iterable[str]) -> list[str]:
    rank = {split: place for place, split in enumerate(_UNSEEN_FIRST)}
    return sorted(dict.fromkeys(splits), key=lambda split: rank.get(split, len(rank)))
