"""CamVid in the folder layout prepared for SegNet: 480 x 360 street photographs, 11 classes."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from rsp_lab.data.labels import CAMVID
from rsp_lab.data.pairs import FileSamples, LabelUse
from rsp_lab.data.roots import root_from

SPLITS = ("train", "val", "test")
TERMS = "CamVid: research and personal, non-commercial use"

_LAYOUT = "The CamVid folder must hold train/, trainannot/, val/, valannot/; test/ and testannot/ where they are used."


def camvid_root() -> Path:
    """The data set's folder, from the environment variable ``CAMVID_ROOT``.

    Raises:
        ValueError: if the variable is not set or names no folder.
    """
    return root_from("CAMVID_ROOT", "train/, trainannot/, val/ and valannot/")


def split_folders(root: str | PathLike[str], split: str) -> tuple[Path, Path]:
    """Where the images and the label files of a split lie.

    Raises:
        ValueError: if there is no such split.
    """
    if split not in SPLITS:
        raise ValueError(f"{split!r} is no split of CamVid here; expected one of {', '.join(SPLITS)}.")
    return Path(root) / split, Path(root) / f"{split}annot"


class CamVid(FileSamples):
    """The samples of one split, in the order of their file names.

    Image and label share one name, whatever the kind of file.

    Args:
        root: the folder that holds ``<split>/`` and ``<split>annot/``.
        split: ``"train"``, ``"val"`` or ``"test"``.
        cache: keep decoded samples in memory (0.7 MB each), so that a file is read once a process.
        labels: ``"required"``, ``"optional"``, or ``"unread"``: images suffice.

    Raises:
        ValueError: if a folder is missing or empty, or if images and labels do not pair up.
    """

    def __init__(
        self, root: str | PathLike[str], split: str, cache: bool = True, labels: LabelUse = "required"
    ) -> None:
        super().__init__(CAMVID, split, split_folders(root, split), labels=labels, layout=_LAYOUT, cache=cache)
