"""COCO's instance files: one JSON file with the things of a split, a mask each, which may overlap."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from rsp_lab.data.panoptic.categories import PanopticTable
from rsp_lab.data.panoptic.entries import ImageEntry, category_entry, integer, is_crowd, is_number, parsed_box
from rsp_lab.data.panoptic.files import REMEDY, Report, named, refusal
from rsp_lab.data.panoptic.masks import decoded_mask
from rsp_lab.data.panoptic.segments import stacked_instances
from rsp_lab.data.paths import name_list
from rsp_lab.data.sample import Instances
from rsp_lab.files import AnyPath, FileError, JsonRecords, readable_name, scan_json, to_json

WHAT = "instances JSON file"


@dataclass(frozen=True, eq=False)
class InstanceFile:
    """An open instance file; annotations are read when they are asked for.

    Attributes:
        path: of the file.
        table: whose things they are.
        records: its annotations in the order of images.
        starts: int64 [n + 1], of each image the first of its annotations, then the end of the last one's.
    """

    path: Path
    table: PanopticTable
    records: JsonRecords
    starts: np.ndarray

    @classmethod
    def read(cls, path: AnyPath, ids: np.ndarray, table: PanopticTable, report: Report | None = None) -> InstanceFile:
        """Opens a file.

        Args:
            path: of the file.
            ids: int64 [n], the numbers of the images whose things are asked for.
            table: of their categories.
            report: takes what is wrong with single entries, which are then left out; by default that is an error.

        Raises:
            FileError: if the file cannot be read, or is damaged.
        """
        path = Path(path)
        report = report or refusal(path)
        where = {number: place for place, number in enumerate(ids.tolist())}
        images, places = array("q"), array("q")
        seen: set[int] = set()
        unknown: set[int] = set()

        def add(entry: dict[str, Any], place: tuple[int, int]) -> None:
            try:
                number = integer(entry, "id", "an annotation")
                image = integer(entry, "image_id", f"annotation {number}")
                if number in seen:
                    raise ValueError(f"annotation {number} comes more than once")
            except ValueError as error:
                report(str(error))
                return
            seen.add(number)
            if image not in where:
                unknown.add(image)
                return
            images.append(where[image])
            places.extend(place)

        rest = scan_json(path, WHAT, {"annotations": add}, remedy=REMEDY)
        if "annotations" not in rest:
            raise FileError(f"{readable_name(path)} is damaged or no {WHAT}: it has no 'annotations'. {REMEDY}")
        if renamed := _renamed(rest.get("categories"), table):
            report(renamed)
        if unknown:
            report(
                f"it has annotations of {len(unknown)} image(s) that the panoptic file does not have: "
                f"{name_list(map(str, unknown))}"
            )
        of_image = np.array(images, dtype=np.int64)
        order = np.argsort(of_image, kind="stable")
        sorted_places = array("q")
        sorted_places.frombytes(np.array(places, dtype=np.int64).reshape(-1, 2)[order].tobytes())
        starts = np.searchsorted(of_image[order], np.arange(len(ids) + 1))
        return cls(path, table, JsonRecords(path, WHAT, sorted_places), starts)

    def annotations(self, index: int) -> list[dict[str, Any]]:
        """The annotations of the image at ``index`` as they stand in the file, crowds among them.

        Raises:
            FileError: if one lacks a part, has one of another type, or a category that is no thing of the table.
        """
        return [self.annotation(place) for place in range(*self.starts[index : index + 2].tolist())]

    def annotation(self, place: int) -> dict[str, Any]:
        """The annotation at a place of the records; raises as :meth:`annotations`."""
        entry = self.records[place]
        with named(self.path):
            self._check(entry)
        return entry

    def instances(self, index: int, size: tuple[int, int]) -> Instances:
        """The instances of the image at ``index``, without crowds, and without those whose mask has no pixel.

        Raises:
            FileError: if an annotation is damaged, or its mask does not fit ``size``, rows and columns.
            ImportError: without hotcoco; the message says what to install.
        """
        place = {category.id: number for number, category in enumerate(self.table.things)}
        masks: list[Tensor] = []
        classes: list[int] = []
        for entry in self.annotations(index):
            if not entry.get("iscrowd", 0):
                mask = self.mask(entry, size)
                if mask.any():
                    masks.append(mask)
                    classes.append(place[entry["category_id"]])
        return stacked_instances(masks, classes, size)

    def mask(self, entry: dict[str, Any], size: tuple[int, int]) -> Tensor:
        """The mask of an annotation, bool [y, x]; raises as :meth:`instances`."""
        with named(self.path):
            try:
                return decoded_mask(entry.get("segmentation"), size)
            except ValueError as error:
                raise ValueError(f"annotation {entry['id']} {error}") from None

    def _check(self, entry: dict[str, Any]) -> None:
        what = f"annotation {entry['id']} of image {entry['image_id']}"
        category = integer(entry, "category_id", what)
        self.table.check_ids([category], what)
        if not self.table.by_id[category].is_thing:
            raise ValueError(
                f"{what} is of {self.table.by_id[category].name}, which is no thing of {self.table.name!r}"
            )
        is_crowd(entry, what)
        parsed_box(entry.get("bbox"), what)
        if not is_number(entry.get("area")):
            raise ValueError(f"{what} has no 'area', a number")


def _renamed(entries: Any, table: PanopticTable) -> str:
    """What is wrong with a file's categories if some have the ids of others in the table; empty if nothing is.

    A name that the table does not have may be another word for the same thing.
    """
    ids = {category.name: category.id for category in table.categories}
    for entry in entries if isinstance(entries, list) else ():
        number, name = (entry.get("id"), entry.get("name")) if isinstance(entry, dict) else (None, None)
        if isinstance(name, str) and ids.get(name, number) != number:
            return f"it calls category {number} {name!r}, which is category {ids[name]} of the panoptic file"
    return ""


def write_instances_into(
    path: Path, images: Iterable[tuple[ImageEntry, list[dict[str, Any]]]], table: PanopticTable
) -> None:
    """Writes an instance file into a folder that nobody sees yet; annotations are numbered from 1 in their order.

    Args:
        path: of the file.
        images: of different numbers, each with annotations such as those of
            :func:`~rsp_lab.data.panoptic.masks.thing_annotations`.
        table: whose things they are.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    entries, count = [], 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write('{"annotations": [')
        for image, annotations in images:
            entries.append(image.to_dict())
            for annotation in annotations:
                file.write(("," if count else "") + "\n" + to_json({"id": count + 1, **annotation}, indent=None))
                count += 1
        rest = {"categories": [category_entry(category) for category in table.things], "images": entries}
        file.write("\n],\n" + to_json(rest).removeprefix("{\n") + "\n")
