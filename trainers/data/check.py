"""A look at every file of a data set before hours are spent on it: pairs, sizes, ids, class histogram."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from rsp_lab.data.images import ImageError
from rsp_lab.data.labels import IGNORE_INDEX, ClassTable
from rsp_lab.data.pairs import FilePair, pair_files, read_sample
from rsp_lab.data.paths import name_list
from rsp_lab.data.sources import COARSE, FILE_SETS, FileSet
from rsp_lab.files import readable_name
from trainers.data.coco_check import check_coco
from trainers.data.report import SplitReport

MUCH_IGNORED = 0.75
"""Share of a split's pixels from which on its label files are taken for a mistake; that of Cityscapes is about 0.12, of
its coarse labels about 0.45."""
FILE_IGNORED = 0.95
"""Share of one label file's pixels from which on it is named."""


def check_data(dataset: str, root: Path, coarse: bool = False) -> list[SplitReport]:
    """Reads every file of every split that is there; what is wrong with one file or split does not stop the rest.

    Raises:
        ValueError: if the data set is unknown, the folder holds none of its splits, or does not name its classes.
    """
    if dataset not in (*FILE_SETS, "coco"):
        raise ValueError(f"{dataset!r} is no data set here; expected {', '.join((*FILE_SETS, 'coco'))}.")
    if coarse and dataset != "cityscapes":
        raise ValueError(f"coarse labels are of cityscapes, and {dataset} has none: leave coarse off.")
    if not root.is_dir():
        raise ValueError(f"{root}: there is no such folder. Give the data set's folder.")
    if dataset == "coco":
        return check_coco(root)
    files = COARSE if dataset == "cityscapes" and coarse else FILE_SETS[dataset]
    table = files.table(root)
    needed, possible = files.splits(root)
    there = [split for split in possible if any(folder.is_dir() for folder in files.folders(root, split))]
    if not there:
        raise ValueError(f"{root}: holds no split of {dataset}. Check that this is the data set's folder.")
    return [_check_split(files, root, split, table) for split in possible if split in there or split in needed]


def _check_split(files: FileSet, root: Path, split: str, table: ClassTable) -> SplitReport:
    report = SplitReport(split)
    images, labels = files.folders(root, split)
    missing = [folder for folder in (images, labels) if not folder.is_dir()]
    pairs = pair_files(images, labels, files.endings)
    report.pairs = len(pairs.paired)
    unlabelled = split == "test" and not pairs.paired
    if unlabelled and pairs.without_label:
        report.notices.append(
            f"{len(pairs.without_label)} images without label files: enough to predict, not to evaluate"
        )
    else:
        report.problems += [f"{readable_name(folder)}: there is no such folder" for folder in missing]
        if labels not in missing:
            report.problems += [f"{readable_name(pair.image)}: has no label file" for pair in pairs.without_label]
        if images not in missing:
            report.problems += [f"{readable_name(path)}: has no image" for path in pairs.without_image]
    report.problems += [f"{readable_name(path)}: another file has this name" for path in pairs.doubled]
    if not missing and not pairs.paired and not pairs.without_label:
        report.problems.append(f"{readable_name(images)}: holds no images")
    _read_files(report, (*pairs.paired, *pairs.without_label), table)
    _judge_ignored(report, table, strict=files.dense and split != "test")
    return report


def _read_files(report: SplitReport, files: tuple[FilePair, ...], table: ClassTable) -> None:
    counts = np.zeros(256, dtype=np.int64)
    mostly_ignored = []
    for pair in files:
        try:
            sample = read_sample(pair, table)
        except ImageError as error:
            report.problems.append(str(error))
            continue
        report.sizes[f"{sample.size[0]} x {sample.size[1]}"] += 1
        if sample.label is None or pair.label is None:
            continue
        here = np.bincount(sample.label.numpy().ravel(), minlength=256)
        counts += here
        if here[IGNORE_INDEX] >= FILE_IGNORED * here.sum():
            mostly_ignored.append(readable_name(pair.label.name))
    report.pixels = Counter({name: int(counts[index]) for index, name in enumerate(table.classes)})
    report.ignored = int(counts[IGNORE_INDEX])
    if mostly_ignored:
        report.notices.append(
            f"{len(mostly_ignored)} label file(s) are ignored in {FILE_IGNORED:.0%} of their pixels or more: "
            f"{name_list(mostly_ignored)}"
        )


def _judge_ignored(report: SplitReport, table: ClassTable, strict: bool) -> None:
    """Says it where almost everything would be ignored; as a problem where nearly every pixel should have a class."""
    total = sum(report.pixels.values()) + report.ignored
    if not total or report.ignored < MUCH_IGNORED * total:
        return
    first, raw = table.classes[0], int(table.train_to_raw()[0])
    hint = f": are these train ids ({first} is 0) in the place of label ids ({first} is {raw})?" if raw else ""
    line = f"{report.ignored / total:.1%} of all labelled files' pixels would be ignored{hint}"
    (report.problems if strict else report.notices).append(line)
