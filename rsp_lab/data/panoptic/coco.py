"""COCO's panoptic data set, and data sets of one's own in its folder layout."""

from __future__ import annotations

import os
from collections.abc import Iterator
from os import PathLike
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from torch.utils.data import Dataset

from rsp_lab.data.images import ImageError, opened_image, read_image
from rsp_lab.data.labels import ClassTable
from rsp_lab.data.pairs import LabelUse
from rsp_lab.data.panoptic.categories import COCO_PANOPTIC, PanopticTable
from rsp_lab.data.panoptic.entries import ImageEntry
from rsp_lab.data.panoptic.files import PanopticFile
from rsp_lab.data.panoptic.instance_files import InstanceFile
from rsp_lab.data.panoptic.segments import SegmentMap
from rsp_lab.data.paths import IMAGE_ENDINGS, image_files, name_list
from rsp_lab.data.roots import root_from
from rsp_lab.data.sample import Sample
from rsp_lab.files import readable_name

SPLITS = ("train", "val", "test")
TERMS = "COCO: annotations under CC BY 4.0, pictures under their owners' terms, see cocodataset.org/#termsofuse"

_LAYOUT = (
    "The folder must hold SPLIT2017/, annotations/panoptic_SPLIT2017.json, the PNG files in "
    "annotations/panoptic_SPLIT2017/, and annotations/instances_SPLIT2017.json."
)


class SplitPaths(NamedTuple):
    """Where the files of a split lie.

    Attributes:
        images: folder of the pictures.
        panoptic: JSON file of the segments.
        masks: folder of its PNG files.
        instances: JSON file of the things.
    """

    images: Path
    panoptic: Path
    masks: Path
    instances: Path


def split_paths(root: str | PathLike[str], split: str) -> SplitPaths:
    """Where the files of a split lie.

    Raises:
        ValueError: if there is no such split.
    """
    if split not in SPLITS:
        raise ValueError(f"{split!r} is no split of COCO; expected one of {', '.join(SPLITS)}.")
    root, year = Path(root), f"{split}2017"
    named = root / "annotations" / f"panoptic_{year}"
    return SplitPaths(root / year, named.with_suffix(".json"), named, root / "annotations" / f"instances_{year}.json")


def coco_root() -> Path:
    """The data set's folder, from the environment variable ``COCO_ROOT``.

    Raises:
        ValueError: if the variable is not set or names no folder.
    """
    return root_from("COCO_ROOT", "train2017/, val2017/ and annotations/")


class CocoPanoptic(Dataset[Sample]):
    """The samples of one split, in the order of its panoptic file.

    The categories are those that the file names, COCO's 133 or others. Labels are those of the semantic branch, from
    the PNG files; instances come from the instance file, where they overlap as their polygons do, without crowds. JSON
    files are read once; what is kept is where each annotation stands, so that worker processes get little.

    Args:
        root: the folder that holds the pictures' folders and ``annotations/``.
        split: ``"train"``, ``"val"`` or ``"test"``.
        labels: ``"required"``; ``"optional"``: where there is no panoptic file, pictures suffice; or ``"unread"``: the
            panoptic file, where there is one, says which pictures there are, and no more.
        things: whether labels bring the things of the instance file, which is not looked at otherwise.

    Raises:
        ValueError: if a folder or file is missing or damaged, or pictures that the panoptic file names are not there.
    """

    def __init__(
        self, root: str | PathLike[str], split: str, labels: LabelUse = "required", *, things: bool = True
    ) -> None:
        self.split, self.paths = split, split_paths(root, split)
        if not self.paths.images.is_dir():
            raise ValueError(f"{readable_name(self.paths.images)}: there is no such folder. {_LAYOUT}")
        known = self.paths.panoptic.is_file() or labels == "required"
        self.file = PanopticFile.read(self.paths.panoptic) if known else None
        self._labelled = known and labels != "unread"
        self._things: InstanceFile | None = None
        if self.file is None:
            self.panoptic: PanopticTable = COCO_PANOPTIC
            found = image_files(self.paths.images)
            self._pictures = tuple(path.relative_to(self.paths.images).as_posix() for path in found)
            if not found:
                raise ValueError(f"{readable_name(self.paths.images)}: holds no images. {_LAYOUT}")
        else:
            if self.file.images is None:
                raise ValueError(f"{readable_name(self.paths.panoptic)}: has no 'images'. {_LAYOUT}")
            self.panoptic = self.file.table
            self._pictures = picture_names(self.paths.images, self.file.images.names)
            _check_there(self.paths.images, self.file.images.names, self._pictures)
            if self._labelled and things:
                self._things = InstanceFile.read(self.paths.instances, self.file.ids, self.panoptic)
        self.table: ClassTable = self.panoptic.semantic

    @property
    def names(self) -> tuple[str, ...]:
        """Of the pictures, in order."""
        return tuple(map(picture_name, self._pictures))

    @property
    def sources(self) -> tuple[Path, ...]:
        """Files of the split, also those that are not read, so that nothing is written over them."""
        pictures = [self.picture(index) for index in range(len(self))]
        return (*pictures, *image_files(self.paths.masks), self.paths.panoptic, self.paths.instances)

    def __len__(self) -> int:
        return len(self._pictures)

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Sample:
        """The sample at ``index``.

        Raises:
            ImageError: if a picture or PNG file cannot be read, the PNG file does not fit its annotation, or the two
                differ in size.
            FileError: if an annotation is damaged.
            ImportError: without hotcoco, which instances need; the message says what to install.
        """
        name, picture = picture_name(self._pictures[index]), self.picture(index)
        # COCO has pictures of 51 rows; networks of ours pad theirs.
        image = read_image(picture, min_side=1)
        if not self._labelled:
            return Sample(name, image)
        segments = self.segment_map(index)
        size = segments.ids.shape[0], segments.ids.shape[1]
        if (image.shape[1], image.shape[2]) != size:
            raise ImageError(
                f"{readable_name(picture)}: has {image.shape[1]} x {image.shape[2]} pixels (rows x columns), its "
                f"segments in {readable_name(self.paths.panoptic)} {size[0]} x {size[1]}. They must be of one size."
            )
        things = None if self._things is None else self._things.instances(index, size)
        return Sample(name, image, segments.semantic(self.panoptic), instances=things)

    def picture(self, index: int) -> Path:
        """The file of the picture at ``index``."""
        return self.paths.images / self._pictures[index]

    def segment_map(self, index: int) -> SegmentMap:
        """The true segmentation of the picture at ``index``.

        Raises:
            ImageError: if its PNG file cannot be read, or does not fit its annotation.
            FileError: if its annotation is damaged.
            ValueError: if the split has no panoptic file.
        """
        return self._known("segments").segment_map(index)

    def image_entry(self, index: int) -> ImageEntry:
        """Number, file name and size of the picture at ``index``.

        Without a panoptic file the number is that in the picture's name, as COCO's pictures have it.

        Raises:
            ValueError: if there is neither.
        """
        if self.file is not None and self.file.images is not None:
            return self.file.images[index]
        path = self.picture(index)
        if not path.stem.isdecimal():
            raise ValueError(
                f"{readable_name(path)}: has no number; {readable_name(self.paths.panoptic)} gives it one."
            )
        with opened_image(path) as (image, _):
            return ImageEntry(int(path.stem), self._pictures[index], (image.height, image.width))

    def annotations(self, index: int) -> list[dict[str, Any]]:
        """The true things of the picture at ``index`` as the instance file has them, crowds among them.

        Raises:
            FileError: if one is damaged.
            ValueError: if things are not read.
        """
        self._known("things")
        if self._things is None:
            raise ValueError("the things of these samples are not read: open them with labels='required', things=True.")
        return self._things.annotations(index)

    def _known(self, what: str) -> PanopticFile:
        if self.file is None:
            raise ValueError(f"{readable_name(self.paths.panoptic)}: there is no such file, so {what} are not known.")
        return self.file


def picture_name(picture: str) -> str:
    """What a reader calls a picture: its file's name without the ending, with the folders it lies in."""
    return readable_name(PurePosixPath(picture).with_suffix("")).replace("/", "_")


def picture_names(folder: Path, names: tuple[str, ...]) -> tuple[str, ...]:
    """The files of a folder that have these names, whatever kind of picture they are; an empty text where none has."""
    there = set(os.listdir(folder))
    endings = (*IMAGE_ENDINGS, *(ending.upper() for ending in IMAGE_ENDINGS))

    def found(name: str) -> str:
        if name in there or (folder / name).is_file():
            return name
        others = (PurePosixPath(name).with_suffix(ending).as_posix() for ending in endings)
        return next((other for other in others if other in there or (folder / other).is_file()), "")

    return tuple(map(found, names))


def _check_there(folder: Path, names: tuple[str, ...], found: tuple[str, ...]) -> None:
    missing = [readable_name(name) for name, there in zip(names, found, strict=True) if not there]
    if missing:
        raise ValueError(
            f"{readable_name(folder)}: {len(missing)} picture(s) of the panoptic file are not here: "
            f"{name_list(missing)}. Complete the copy of the data set."
        )
