"""A look at every file of a data set before hours are spent on it: pairs, sizes, ids, class histogram."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rsp_lab.data import camvid, cityscapes
from rsp_lab.data.images import ImageError, read_image
from rsp_lab.data.label_files import read_label
from rsp_lab.data.labels import CAMVID, CITYSCAPES, ClassTable

_SHOWN = 20


@dataclass
class SplitReport:
    """What was found in one split.

    Attributes:
        split: its name.
        pairs: images that have a label file.
        problems: one line a file that cannot be used, its path first.
        sizes: images by "rows x columns".
        pixels: labelled pixels by class name.
        ignored: pixels that count in no loss.
    """

    split: str
    pairs: int = 0
    problems: list[str] = field(default_factory=list)
    sizes: Counter[str] = field(default_factory=Counter)
    pixels: Counter[str] = field(default_factory=Counter)
    ignored: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {**vars(self), "sizes": dict(self.sizes), "pixels": dict(self.pixels)}

    def text(self) -> str:
        """The report for a person."""
        lines = [f"{self.split}: {self.pairs} pairs, {len(self.problems)} problem(s)"]
        lines += [f"  problem  {line}" for line in self.problems[:_SHOWN]]
        if len(self.problems) > _SHOWN:
            lines.append(f"  ... and {len(self.problems) - _SHOWN} more (--json lists all)")
        lines += [f"  size     {size}: {count} images" for size, count in self.sizes.most_common()]
        total = sum(self.pixels.values()) + self.ignored
        lines += [f"  class    {name:14} {100 * count / total:6.2f} %" for name, count in self.pixels.items() if total]
        lines += [f"  class    {'(ignored)':14} {100 * self.ignored / total:6.2f} %"] if total else []
        return "\n".join(lines)


def check_data(dataset: str, root: Path, coarse: bool = False) -> list[SplitReport]:
    """Reads every file of every split that is there.

    Raises:
        ValueError: if the data set is unknown or the folder holds none of its splits.
    """
    if not root.is_dir():
        raise ValueError(f"{root}: there is no such folder. Give the data set's folder.")
    if dataset == "camvid":
        table, found = CAMVID, {split: _camvid_pairs(root, split) for split in camvid.SPLITS if (root / split).is_dir()}
    elif dataset == "cityscapes":
        splits = [split for split in cityscapes.SPLITS if (root / "leftImg8bit" / split).is_dir()]
        table, found = CITYSCAPES, {split: cityscapes.find_pairs(root, split, coarse) for split in splits}
    else:
        raise ValueError(f"{dataset!r} is no data set here; expected camvid or cityscapes.")
    if not found:
        raise ValueError(f"{root}: holds no split of {dataset}. Check that this is the data set's folder.")
    return [_check_split(split, pairs, table) for split, pairs in found.items()]


def _camvid_pairs(root: Path, split: str) -> cityscapes.Pairs:
    images = {path.name: path for path in (root / split).glob("*.png")}
    labels = {path.name: path for path in (root / f"{split}annot").glob("*.png")}
    return cityscapes.Pairs(
        tuple((images[name], labels[name]) for name in sorted(images.keys() & labels.keys())),
        tuple(images[name] for name in sorted(images.keys() - labels.keys())),
        tuple(labels[name] for name in sorted(labels.keys() - images.keys())),
    )


def _check_split(split: str, pairs: cityscapes.Pairs, table: ClassTable) -> SplitReport:
    report = SplitReport(split, len(pairs.paired))
    report.problems += [f"{path}: has no label file" for path in pairs.without_label]
    report.problems += [f"{path}: has no image" for path in pairs.without_image]
    counts = np.zeros(256, dtype=np.int64)
    for image_path, label_path in pairs.paired:
        try:
            size = tuple(read_image(image_path).shape[1:])
            report.sizes[f"{size[0]} x {size[1]}"] += 1
            label = read_label(label_path, table).numpy()
        except ImageError as error:
            report.problems.append(str(error))
            continue
        if label.shape != size:
            report.problems.append(
                f"{label_path}: has {label.shape[0]} x {label.shape[1]} pixels, its image {size[0]} x {size[1]}"
            )
        counts += np.bincount(label.ravel(), minlength=256)
    report.pixels = Counter({name: int(counts[index]) for index, name in enumerate(table.classes)})
    report.ignored = int(counts[table.ignore_index])
    return report
