"""CamVid in the folder layout prepared for SegNet: 480 x 360 street photographs, 11 classes."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike
from pathlib import Path

from torch.utils.data import Dataset

from rsp_lab.data.images import ImageError, read_image
from rsp_lab.data.label_files import read_label
from rsp_lab.data.labels import CAMVID, ClassTable
from rsp_lab.data.roots import root_from
from rsp_lab.data.sample import Sample

SPLITS = ("train", "val")
TERMS = "CamVid: research and personal, non-commercial use"


def camvid_root() -> Path:
    """The data set's folder, from the environment variable ``CAMVID_ROOT``.

    Raises:
        ValueError: if the variable is not set or names no folder.
    """
    return root_from("CAMVID_ROOT", "train/, trainannot/, val/ and valannot/")


class CamVid(Dataset[Sample]):
    """The samples of one split, in the order of their file names.

    Every image must have a label of the same file name and the other way round; both are checked here, contents when
    a sample is read.

    Args:
        root: the folder that holds ``<split>/`` and ``<split>annot/``.
        split: ``"train"`` or ``"val"``.
        cache: keep decoded samples in memory (0.7 MB each), so that a file is read once a process.

    Raises:
        ValueError: if a folder is missing or empty, or if images and labels do not pair up.
    """

    table: ClassTable = CAMVID

    def __init__(self, root: str | PathLike[str], split: str, cache: bool = True) -> None:
        if split not in SPLITS:
            raise ValueError(f"{split!r} is no split of CamVid here; expected one of {', '.join(SPLITS)}.")
        self.split = split
        self.paths = _paired(Path(root) / split, Path(root) / f"{split}annot")
        self._cache: dict[int, Sample] | None = {} if cache else None

    def __len__(self) -> int:
        return len(self.paths)

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Sample:
        """The sample at ``index``.

        Raises:
            ImageError: if a file cannot be read, holds unknown class ids, or image and label differ in size.
        """
        if self._cache is not None and index in self._cache:
            return self._cache[index]
        image_path, label_path = self.paths[index]
        image = read_image(image_path)
        label = read_label(label_path, self.table)
        if image.shape[1:] != label.shape:
            raise ImageError(
                f"{label_path}: the label has {label.shape[0]} x {label.shape[1]} pixels (rows x columns), its image "
                f"{image_path} {image.shape[1]} x {image.shape[2]}. They must be of one size."
            )
        sample = Sample(image_path.stem, image, label)
        if self._cache is not None:
            self._cache[index] = sample
        return sample


def _paired(images: Path, labels: Path) -> list[tuple[Path, Path]]:
    for folder in (images, labels):
        if not folder.is_dir():
            raise ValueError(
                f"{folder}: there is no such folder. The CamVid folder must hold train/, trainannot/, val/, valannot/."
            )
    names = {path.name for path in images.glob("*.png")}
    label_names = {path.name for path in labels.glob("*.png")}
    if not names:
        raise ValueError(f"{images}: holds no .png images. Check that this is the CamVid folder.")
    for missing, where, of in ((names - label_names, labels, images), (label_names - names, images, labels)):
        if missing:
            few = ", ".join(sorted(missing)[:5]) + (", ..." if len(missing) > 5 else "")
            raise ValueError(
                f"{where}: {len(missing)} file(s) of {of} have no partner here: {few}. "
                "Image and label share one file name; complete the copy of the data set."
            )
    return [(images / name, labels / name) for name in sorted(names)]
