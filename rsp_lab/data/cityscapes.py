"""Cityscapes in the benchmark's folder layout: ``leftImg8bit`` beside ``gtFine`` or ``gtCoarse``, a folder a city."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from torch.utils.data import Dataset

from rsp_lab.data.images import ImageError, read_image
from rsp_lab.data.label_files import read_label
from rsp_lab.data.labels import CITYSCAPES, ClassTable
from rsp_lab.data.roots import root_from
from rsp_lab.data.sample import Sample

SPLITS = ("train", "val", "test", "train_extra")
TERMS = "Cityscapes: non-commercial research use, see cityscapes-dataset.com/license"

_IMAGES = "leftImg8bit"


def cityscapes_root() -> Path:
    """The data set's folder, from the environment variable ``CITYSCAPES_ROOT``.

    Raises:
        ValueError: if the variable is not set or names no folder.
    """
    return root_from("CITYSCAPES_ROOT", "leftImg8bit/ and gtFine/")


@dataclass(frozen=True)
class Pairs:
    """Which files of a split belong together.

    Attributes:
        paired: images with their label files, in the order of their names.
        without_label: images whose label file is missing.
        without_image: label files whose image is missing.
    """

    paired: tuple[tuple[Path, Path], ...]
    without_label: tuple[Path, ...]
    without_image: tuple[Path, ...]


def find_pairs(root: str | PathLike[str], split: str, coarse: bool = False) -> Pairs:
    """The images and label files of one split, paired by city and frame.

    Raises:
        ValueError: if there is no such split, or a folder is missing.
    """
    if split not in SPLITS:
        raise ValueError(f"{split!r} is no split of Cityscapes; expected one of {', '.join(SPLITS)}.")
    kind = "gtCoarse" if coarse else "gtFine"
    image_ending, label_ending = f"_{_IMAGES}.png", f"_{kind}_labelIds.png"
    images = _by_frame(Path(root) / _IMAGES / split, image_ending)
    labels = _by_frame(Path(root) / kind / split, label_ending)
    return Pairs(
        tuple((images[frame], labels[frame]) for frame in sorted(images.keys() & labels.keys())),
        tuple(images[frame] for frame in sorted(images.keys() - labels.keys())),
        tuple(labels[frame] for frame in sorted(labels.keys() - images.keys())),
    )


class Cityscapes(Dataset[Sample]):
    """The samples of one split, in the order of city and frame; label ids become train ids.

    Every image must have a label file and the other way round; both are checked here, contents when a sample is read.

    Args:
        root: the folder that holds ``leftImg8bit/`` and ``gtFine/`` or ``gtCoarse/``.
        split: ``"train"``, ``"val"``, ``"test"``, or ``"train_extra"``, which has coarse labels only.
        coarse: take the labels of ``gtCoarse``.

    Raises:
        ValueError: if a folder is missing or empty, or if images and labels do not pair up.
    """

    table: ClassTable = CITYSCAPES

    def __init__(self, root: str | PathLike[str], split: str, coarse: bool = False) -> None:
        self.split = split
        pairs = find_pairs(root, split, coarse)
        for files, partner in ((pairs.without_label, "label"), (pairs.without_image, "image")):
            if files:
                few = ", ".join(path.name for path in files[:5]) + (", ..." if len(files) > 5 else "")
                raise ValueError(
                    f"{files[0].parent.parent}: {len(files)} file(s) have no {partner} file: {few}. "
                    "Complete the copy of the data set."
                )
        if not pairs.paired:
            raise ValueError(
                f"{Path(root) / _IMAGES / split}: holds no CITY/*_{_IMAGES}.png. Check that this is Cityscapes."
            )
        self.paths = list(pairs.paired)

    def __len__(self) -> int:
        return len(self.paths)

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Sample:
        """The sample at ``index``; its name is the frame's, ``city_sequence_frame``.

        Raises:
            ImageError: if a file cannot be read, holds unknown class ids, or image and label differ in size.
        """
        image_path, label_path = self.paths[index]
        image, label = read_image(image_path), read_label(label_path, self.table)
        if image.shape[1:] != label.shape:
            raise ImageError(
                f"{label_path}: the label has {label.shape[0]} x {label.shape[1]} pixels (rows x columns), its image "
                f"{image_path} {image.shape[1]} x {image.shape[2]}. They must be of one size."
            )
        return Sample(image_path.name.removesuffix(f"_{_IMAGES}.png"), image, label)


def _by_frame(folder: Path, ending: str) -> dict[str, Path]:
    if not folder.is_dir():
        raise ValueError(
            f"{folder}: there is no such folder. The Cityscapes folder must hold leftImg8bit/SPLIT/CITY/ and "
            "gtFine/SPLIT/CITY/ (or gtCoarse/)."
        )
    return {f"{path.parent.name}/{path.name.removesuffix(ending)}": path for path in folder.glob(f"*/*{ending}")}
