"""Cityscapes in the benchmark's folder layout: ``leftImg8bit`` beside ``gtFine`` or ``gtCoarse``, a folder a city."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from rsp_lab.data.labels import CITYSCAPES
from rsp_lab.data.pairs import FileSamples, LabelUse
from rsp_lab.data.roots import root_from

SPLITS = ("train", "val", "test", "train_extra")
TERMS = "Cityscapes: non-commercial research use, see cityscapes-dataset.com/license"

_IMAGES = "leftImg8bit"
_LAYOUT = "The Cityscapes folder must hold leftImg8bit/SPLIT/CITY/ and gtFine/SPLIT/CITY/ (or gtCoarse/)."


def cityscapes_root() -> Path:
    """The data set's folder, from the environment variable ``CITYSCAPES_ROOT``.

    Raises:
        ValueError: if the variable is not set or names no folder.
    """
    return root_from("CITYSCAPES_ROOT", "leftImg8bit/ and gtFine/")


def split_folders(root: str | PathLike[str], split: str, coarse: bool = False) -> tuple[Path, Path]:
    """Where the images and the label files of a split lie, in folders of cities.

    Raises:
        ValueError: if there is no such split.
    """
    if split not in SPLITS:
        raise ValueError(f"{split!r} is no split of Cityscapes; expected one of {', '.join(SPLITS)}.")
    return Path(root) / _IMAGES / split, Path(root) / _kind(coarse) / split


def name_endings(coarse: bool = False) -> tuple[str, str]:
    """What follows a frame's name in the names of its image and of its label file."""
    return f"_{_IMAGES}", f"_{_kind(coarse)}_labelIds"


class Cityscapes(FileSamples):
    """The samples of one split, in the order of city and frame; label ids become train ids.

    Args:
        root: the folder that holds ``leftImg8bit/`` and ``gtFine/`` or ``gtCoarse/``.
        split: ``"train"``, ``"val"``, ``"test"``, or ``"train_extra"``, which has coarse labels only.
        coarse: take the labels of ``gtCoarse``.
        cache: keep decoded samples in memory (8 MB each).
        labels: ``"required"``, ``"optional"``, or ``"unread"``: images suffice.

    Raises:
        ValueError: if a folder is missing or empty, or if images and labels do not pair up.
    """

    def __init__(
        self,
        root: str | PathLike[str],
        split: str,
        coarse: bool = False,
        cache: bool = False,
        labels: LabelUse = "required",
    ) -> None:
        folders = split_folders(root, split, coarse)
        super().__init__(CITYSCAPES, split, folders, name_endings(coarse), labels=labels, layout=_LAYOUT, cache=cache)


def _kind(coarse: bool) -> str:
    return "gtCoarse" if coarse else "gtFine"
