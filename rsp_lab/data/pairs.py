"""Images and label files that belong together, and a data set made of them."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from torch.utils.data import Dataset

from rsp_lab.data.images import ImageError, read_image
from rsp_lab.data.label_files import read_label
from rsp_lab.data.labels import ClassTable
from rsp_lab.data.paths import image_files, name_list
from rsp_lab.data.sample import Sample
from rsp_lab.files import readable_name

LabelUse = Literal["required", "optional", "unread"]
"""Whether each image must have a label file, may have one, or labels are not looked at, as for predicting."""


class FilePair(NamedTuple):
    """An image and its label file.

    Attributes:
        name: what a reader calls the image: its file's name, with that of the folder where the name comes twice.
        image: path of the image.
        label: path of the label file; None where there is none, or where it is not looked at.
    """

    name: str
    image: Path
    label: Path | None


@dataclass(frozen=True)
class Pairs:
    """Which files of a split belong together.

    Attributes:
        paired: images with their label files, in order.
        without_label: images whose label file is missing.
        without_image: label files whose image is missing.
        doubled: files that say the same name as another one, such as ``a.jpg`` beside ``a.png``.
    """

    paired: tuple[FilePair, ...]
    without_label: tuple[FilePair, ...] = ()
    without_image: tuple[Path, ...] = ()
    doubled: tuple[Path, ...] = ()


def pair_files(images: Path, labels: Path, endings: tuple[str, str] = ("", "")) -> Pairs:
    """The images of one folder and the label files of another, paired by their names without kind and ending.

    Files may lie in the folders themselves or one folder deeper (such as a city), there in folders of the same name.

    Args:
        images, labels: folders; one that is not there has no files.
        endings: what follows the name, before the dot, of images and of label files, e.g. ``"_leftImg8bit"``.
    """
    (image_of, same_image), (label_of, same_label) = (
        _by_name(folder, ending) for folder, ending in zip((images, labels), endings, strict=True)
    )
    last = Counter(name.rpartition("/")[2] for name in image_of)
    pairs: dict[str, FilePair] = {}
    for name, path in sorted(image_of.items(), key=lambda item: item[1]):
        short = name.rpartition("/")[2]
        shown = readable_name(short if last[short] == 1 else name.replace("/", "_"))
        if shown in pairs:
            same_image.append(path)
        else:
            pairs[shown] = FilePair(shown, path, label_of.get(name))
    return Pairs(
        tuple(pair for pair in pairs.values() if pair.label is not None),
        tuple(pair for pair in pairs.values() if pair.label is None),
        tuple(label_of[name] for name in sorted(label_of.keys() - image_of.keys())),
        (*same_image, *same_label),
    )


def _by_name(folder: Path, ending: str) -> tuple[dict[str, Path], list[Path]]:
    """The first file of each name, and the others."""
    found: dict[str, Path] = {}
    doubled = []
    for path in image_files(folder):
        # One letter may be written in two ways, and copying between systems changes which.
        name = unicodedata.normalize("NFC", path.relative_to(folder).with_suffix("").as_posix())
        if not name.endswith(ending):
            continue
        name = name.removesuffix(ending)
        if name in found:
            doubled.append(path)
        else:
            found[name] = path
    return found, doubled


class FileSamples(Dataset[Sample]):
    """The samples of one split whose files lie in folders, in order.

    Which files belong together is checked here, their contents when a sample is read.

    Args:
        table: the classes of the label files.
        split: the name of the split.
        folders: of the split's images and of its label files.
        endings: see :func:`pair_files`.
        labels: whether each image must have a label file.
        layout: what the data set's folder must hold, for messages.
        cache: keep decoded samples in memory, so that a file is read once a process.

    Raises:
        ValueError: if a folder is missing or empty, or if images and labels do not pair up as ``labels`` demands.
    """

    def __init__(
        self,
        table: ClassTable,
        split: str,
        folders: tuple[Path, Path],
        endings: tuple[str, str] = ("", ""),
        *,
        labels: LabelUse = "required",
        layout: str = "",
        cache: bool = False,
    ) -> None:
        self.table, self.split = table, split
        for folder in folders[: 2 if labels == "required" else 1]:
            if not folder.is_dir():
                raise ValueError(f"{readable_name(folder)}: there is no such folder.{f' {layout}' if layout else ''}")
        pairs = pair_files(*folders, endings)
        if not pairs.paired and not pairs.without_label:
            raise ValueError(
                f"{readable_name(folders[0])}: holds no images{f' *{endings[0]}.png' if endings[0] else ''}. {layout}"
            )
        _check_pairs(pairs, folders, labels)
        files = sorted((*pairs.paired, *pairs.without_label), key=lambda pair: pair.image)
        self._sources = tuple(path for pair in files for path in (pair.image, pair.label) if path is not None)
        self.files = [pair._replace(label=None) if labels == "unread" else pair for pair in files]
        self._cache: dict[int, Sample] | None = {} if cache else None

    @property
    def names(self) -> tuple[str, ...]:
        """Of the images, in order."""
        return tuple(pair.name for pair in self.files)

    @property
    def sources(self) -> tuple[Path, ...]:
        """Images and label files of the split, also those that are not read, so that nothing is written over them."""
        return self._sources

    def __len__(self) -> int:
        return len(self.files)

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Sample:
        """The sample at ``index``.

        Raises:
            ImageError: if a file cannot be read, holds unknown class ids, or image and label differ in size.
        """
        if self._cache is not None and index in self._cache:
            return self._cache[index]
        sample = read_sample(self.files[index], self.table)
        if self._cache is not None:
            self._cache[index] = sample
        return sample


def read_sample(pair: FilePair, table: ClassTable) -> Sample:
    """The image and, where there is one, its label.

    Raises:
        ImageError: if a file cannot be read, holds unknown class ids, or image and label differ in size.
    """
    image = read_image(pair.image)
    if pair.label is None:
        return Sample(pair.name, image)
    label = read_label(pair.label, table)
    if image.shape[1:] != label.shape:
        raise ImageError(
            f"{readable_name(pair.label)}: the label has {label.shape[0]} x {label.shape[1]} pixels (rows x columns), "
            f"its image {readable_name(pair.image)} {image.shape[1]} x {image.shape[2]}. They must be of one size."
        )
    return Sample(pair.name, image, label)


def _check_pairs(pairs: Pairs, folders: tuple[Path, Path], labels: LabelUse) -> None:
    images, labels_folder = map(readable_name, folders)
    lacking = [readable_name(pair.image.name) for pair in pairs.without_label] if labels == "required" else []
    stray = [readable_name(path.name) for path in pairs.without_image] if labels == "required" else []
    doubled = [path for path in pairs.doubled if labels != "unread" or path.is_relative_to(folders[0])]
    if lacking:
        raise ValueError(
            f"{labels_folder}: {len(lacking)} image(s) of {images} have no label file here: {name_list(lacking)}. "
            "Complete the copy of the data set, or take those images away."
        )
    if stray:
        raise ValueError(
            f"{images}: {len(stray)} label file(s) of {labels_folder} have no image file here: {name_list(stray)}. "
            "Complete the copy of the data set, or take those label files away."
        )
    if doubled:
        raise ValueError(
            f"{len(doubled)} file(s) say the name of another one, but for the kind of file: "
            f"{name_list(map(readable_name, doubled))}. Keep one of each name."
        )
