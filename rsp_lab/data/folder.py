"""A data set of one's own in a folder: ``images/``, ``labels/`` and a file that names the classes."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from rsp_lab.data.class_file import NAMES, read_classes
from rsp_lab.data.labels import TABLES, UNNAMED, ClassTable
from rsp_lab.data.pairs import FileSamples, LabelUse
from rsp_lab.data.paths import image_files
from rsp_lab.data.roots import root_from
from rsp_lab.files import readable_name

SPLITS = ("train", "val", "test")
"""Names of folders in ``images/`` that make a data set one of several splits."""
ALL = "all"
"""The split of a data set whose images are not divided."""
TERMS = "the terms of the folder's owner"

_LAYOUT = "A data set of one's own holds images/, labels/ and classes.json or classes.csv."


def folder_root() -> Path:
    """The data set's folder, from the environment variable ``FOLDER_ROOT``.

    Raises:
        ValueError: if the variable is not set or names no folder.
    """
    return root_from("FOLDER_ROOT", "images/, labels/ and classes.json or classes.csv")


def folder_table(root: str | PathLike[str]) -> ClassTable:
    """The classes of a folder.

    Raises:
        ValueError: if its class file is missing or wrong, if there are two, or if its table has the name of another.
    """
    there = [path for path in (Path(root) / name for name in NAMES) if path.exists()]
    if len(there) != 1:
        many = "both classes.json and classes.csv. Keep one" if there else "neither classes.json nor classes.csv"
        raise ValueError(f"{readable_name(root)}: holds {many}. {_LAYOUT}")
    taken = (*TABLES, UNNAMED)
    name = readable_name(Path(root).resolve().name)
    table = read_classes(there[0], f"{name} (folder)" if name in ("", *taken) else name)
    if table.name in taken:
        raise ValueError(f"{there[0]}: {table.name!r} is the name of another class table. Give it one of its own.")
    return table


def folder_splits(root: str | PathLike[str]) -> tuple[str, ...]:
    """The splits of a folder: the folders in ``images/`` if train, val or test is among them, else :data:`ALL`.

    A folder of another name without images is none, such as the ``__MACOSX`` of an archive.
    """
    inside = [path for path in Path(root, "images").glob("*/") if path.is_dir() and not path.name.startswith(".")]
    names = {path.name for path in inside if path.name in SPLITS or image_files(path)}
    if not names & set(SPLITS):
        return (ALL,)
    return (*(name for name in SPLITS if name in names), *sorted(names - set(SPLITS)))


def split_folders(root: str | PathLike[str], split: str) -> tuple[Path, Path]:
    """Where the images and the label files of a split lie; all of them for any split of a folder without splits.

    Raises:
        ValueError: if there is no such split.
    """
    splits, root = folder_splits(root), Path(root)
    if splits == (ALL,) and split in (ALL, *SPLITS):
        return root / "images", root / "labels"
    if split not in splits:
        raise ValueError(
            f"{split!r} is no split of {readable_name(root)}; expected one of {', '.join(splits)}, as in images/."
        )
    return root / "images" / split, root / "labels" / split


class FolderDataset(FileSamples):
    """The samples of one split of a folder, in the order of their file names.

    The folder holds ``images/``, ``labels/`` and ``classes.json`` or ``classes.csv``
    (:func:`~rsp_lab.data.class_file.read_classes`). Image and label share one name, whatever the kind of file. With
    folders ``train/``, ``val/``, ``test/`` in both there are splits; without, any split is the whole set.

    Args:
        root: the folder.
        split: a folder in ``images/``.
        cache: keep decoded samples in memory, so that a file is read once a process.
        labels: ``"required"``, ``"optional"``, or ``"unread"``: images suffice.

    Raises:
        ValueError: if a folder or the class file is missing or wrong, or if images and labels do not pair up.
    """

    def __init__(
        self, root: str | PathLike[str], split: str = ALL, cache: bool = False, labels: LabelUse = "required"
    ) -> None:
        table, folders = folder_table(root), split_folders(root, split)
        super().__init__(table, split, folders, labels=labels, layout=_LAYOUT, cache=cache)
