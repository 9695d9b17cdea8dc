"""A look at every file of a data set in COCO's panoptic layout: PNG against JSON, pictures, things."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from rsp_lab.data.images import read_image
from rsp_lab.data.panoptic.coco import SPLITS, SplitPaths, picture_names, split_paths
from rsp_lab.data.panoptic.files import Images, PanopticFile
from rsp_lab.data.panoptic.instance_files import InstanceFile
from rsp_lab.data.paths import image_files, name_list
from rsp_lab.files import readable_name
from trainers.data.report import SplitReport


def check_coco(root: Path) -> list[SplitReport]:
    """Reads every file of every split that is there; what is wrong with one file does not stop the rest.

    Raises:
        ValueError: if the folder holds none of the splits.
        ImportError: without hotcoco, which masks of things need; the message says what to install.
    """
    there = [split for split in SPLITS if any(path.exists() for path in split_paths(root, split))]
    if not there:
        raise ValueError(f"{root}: holds no split of coco. Check that this is the data set's folder.")
    return [_check_split(root, split) for split in there]


def _check_split(root: Path, split: str) -> SplitReport:
    report, paths = SplitReport(split), split_paths(root, split)
    if split == "test" and not paths.panoptic.exists():
        count = len(image_files(paths.images))
        report.notices.append(f"{count} images without a panoptic file: enough to predict, not to evaluate")
        return report
    if not paths.images.is_dir():
        report.problems.append(f"{readable_name(paths.images)}: there is no such folder")
    panoptic = None
    with _Noted(report):
        panoptic = PanopticFile.read(paths.panoptic, report=_problem_of(report, paths.panoptic))
    if panoptic is None:
        return report
    if panoptic.images is None:
        report.problems.append(f"{readable_name(paths.panoptic)}: has no 'images'")
        return report
    _check_images(report, paths, panoptic, panoptic.images)
    _check_things(report, paths, panoptic, panoptic.images)
    return report


def _check_images(report: SplitReport, paths: SplitPaths, panoptic: PanopticFile, images: Images) -> None:
    """Pictures and PNG files against the panoptic file, and what there is of each category."""
    pictures = picture_names(paths.images, images.names) if paths.images.is_dir() else ("",) * len(images)
    pixels: Counter[int] = Counter()
    masks: set[str] = set()
    for index in tqdm(range(len(images)), desc=f"{report.split}: images", unit="image", disable=None):
        entry = images[index]
        if pictures[index]:
            with _Noted(report):
                _check_picture(report, paths.images / pictures[index], entry.size)
        elif paths.images.is_dir():
            report.problems.append(f"{readable_name(paths.images / entry.file_name)}: there is no such file")
        with _Noted(report):
            annotation = panoptic.annotation(index)
            masks.add(annotation.file_name)
            segments = panoptic.segment_map(index)
            report.pairs += bool(pictures[index])
            report.problems += panoptic.doubts(index, segments)
            areas = segments.areas
            for segment in segments.segments:
                pixels[segment.category_id] += areas[segment.id]
            report.ignored += segments.ids.numel() - sum(areas.values())
    report.pixels = Counter({category.name: pixels[category.id] for category in panoptic.table.categories})
    for folder, named, what in (
        (paths.images, set(pictures), "picture(s) that the panoptic file does not name"),
        (paths.masks, masks, "PNG file(s) that the panoptic file does not name"),
    ):
        found = {path.relative_to(folder).as_posix() for path in image_files(folder)} - named
        if found:
            report.notices.append(f"{readable_name(folder)}: {len(found)} {what}: {name_list(found)}")


def _check_picture(report: SplitReport, path: Path, size: tuple[int, int]) -> None:
    rows, columns = read_image(path, min_side=1).shape[1:]
    report.sizes[f"{rows} x {columns}"] += 1
    if (rows, columns) != size:
        report.problems.append(
            f"{readable_name(path)}: has {rows} x {columns} pixels (rows x columns), the panoptic file says "
            f"{size[0]} x {size[1]}"
        )


def _check_things(report: SplitReport, paths: SplitPaths, panoptic: PanopticFile, images: Images) -> None:
    """Every annotation of the instance file, its mask drawn."""
    things = None
    with _Noted(report):
        things = InstanceFile.read(
            paths.instances, panoptic.ids, panoptic.table, report=_problem_of(report, paths.instances)
        )
    if things is None:
        return
    crowds, empty = 0, []
    for index in tqdm(range(len(images)), desc=f"{report.split}: things", unit="image", disable=None):
        for place in range(*things.starts[index : index + 2].tolist()):
            with _Noted(report):
                entry = things.annotation(place)
                mask = things.mask(entry, images[index].size)
                crowds += bool(entry.get("iscrowd", 0))
                if not mask.any():
                    empty.append(str(entry["id"]))
    if crowds:
        report.notices.append(f"{readable_name(paths.instances)}: {crowds} crowd(s), which are no instances")
    if empty:
        report.notices.append(
            f"{readable_name(paths.instances)}: {len(empty)} annotation(s) whose mask has no pixel, which are no "
            f"instances: {name_list(empty)}"
        )


def _problem_of(report: SplitReport, path: Path) -> Callable[[str], None]:
    return lambda text: report.problems.append(f"{readable_name(path)}: {text}")


@dataclass
class _Noted:
    """A block in which what is wrong with one file becomes a problem of the report."""

    report: SplitReport

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> bool:
        if isinstance(error, ValueError):
            self.report.problems.append(str(error))
        return isinstance(error, ValueError)
