"""Single entries of COCO's JSON files: images, categories, and what an image's annotation says of its segments."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any, NamedTuple

from rsp_lab.data.labels import hue_circle
from rsp_lab.data.panoptic.categories import PANOPTIC_TABLES, Category, PanopticTable
from rsp_lab.data.panoptic.segments import MOST_SEGMENTS

OWN = "own-panoptic"
"""The name of tables whose categories are those of a file and of no table that is known here."""
_LONGEST_SIDE = 2**31 - 1
"""Of an image in pixels: what the formats of pictures can say."""
Box = tuple[float, float, float, float]
"""Left and top edge, width and height, in pixels."""


class ImageEntry(NamedTuple):
    """An image of a data set.

    Attributes:
        id: its number, which annotations name.
        file_name: below the folder of images.
        size: rows and columns.
    """

    id: int
    file_name: str
    size: tuple[int, int]

    def to_dict(self) -> dict[str, Any]:
        """As the files have it."""
        return {"id": self.id, "file_name": self.file_name, "height": self.size[0], "width": self.size[1]}


class SegmentEntry(NamedTuple):
    """What an annotation says of a segment.

    Attributes:
        id: of its pixels.
        category_id: of its table.
        is_crowd: whether it stands for several instances that nobody told apart.
        area: pixels; None where the file does not say.
        box: around its pixels; None where the file does not say.
    """

    id: int
    category_id: int
    is_crowd: bool = False
    area: float | None = None
    box: Box | None = None

    def to_dict(self) -> dict[str, Any]:
        """As the files have it."""
        found = {"id": self.id, "category_id": self.category_id, "iscrowd": int(self.is_crowd)}
        area = {} if self.area is None else {"area": self.area}
        return found | area | ({} if self.box is None else {"bbox": list(self.box)})


class Annotation(NamedTuple):
    """What a panoptic file says of an image.

    Attributes:
        image_id: of the image.
        file_name: of its PNG file.
        segments: of different ids.
    """

    image_id: int
    file_name: str
    segments: tuple[SegmentEntry, ...]

    def to_dict(self) -> dict[str, Any]:
        """As the files have it."""
        segments = [segment.to_dict() for segment in self.segments]
        return {"image_id": self.image_id, "file_name": self.file_name, "segments_info": segments}


def parsed_image(entry: dict[str, Any]) -> ImageEntry:
    """An image from its entry; raises ValueError if a part is missing or of another type."""
    number = integer(entry, "id", "an image")
    what = f"image {number}"
    size = integer(entry, "height", what, least=1), integer(entry, "width", what, least=1)
    if max(size) > _LONGEST_SIDE:
        raise ValueError(f"{what} has {size[0]:,} x {size[1]:,} pixels (rows x columns), which no picture has")
    return ImageEntry(number, file_name(entry, what), size)


def parsed_annotation(entry: dict[str, Any]) -> Annotation:
    """An annotation from its entry; raises ValueError if a part is missing or of another type, or an id comes twice."""
    number = integer(entry, "image_id", "an annotation")
    what = f"the annotation of image {number}"
    infos = entry.get("segments_info")
    if not isinstance(infos, list) or not all(isinstance(info, dict) for info in infos):
        raise ValueError(f"{what} has no 'segments_info', a list of objects")
    segments = tuple(_segment(info, what) for info in infos)
    ids = [segment.id for segment in segments]
    if len(set(ids)) < len(ids):
        raise ValueError(f"{what} has the segment {max(ids, key=ids.count)} more than once")
    return Annotation(number, file_name(entry, what), segments)


def _segment(info: dict[str, Any], where: str) -> SegmentEntry:
    number = integer(info, "id", f"a segment in {where}", least=1)
    what = f"segment {number} in {where}"
    if number >= MOST_SEGMENTS:
        raise ValueError(f"{what}: ids of segments lie below {MOST_SEGMENTS}, which is what three bytes hold")
    area, box = info.get("area"), info.get("bbox")
    if area is not None and not is_number(area):
        raise ValueError(f"{what} has an 'area' that is no number")
    return SegmentEntry(
        number,
        integer(info, "category_id", what),
        is_crowd(info, what),
        area,
        None if box is None else parsed_box(box, what),
    )


def table_of(entries: Any) -> PanopticTable:
    """The categories of a file: those of a table that is known here, or else a table of their own.

    Raises:
        ValueError: if they are missing, of another type, or come twice.
    """
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError("has no 'categories', a list of objects with id, name and isthing")
    found = []
    for entry, hue in zip(entries, hue_circle(len(entries)), strict=True):
        number = integer(entry, "id", "a category")
        name, thing, colour = entry.get("name"), entry.get("isthing"), entry.get("color")
        if not isinstance(name, str) or not name or thing not in (0, 1):
            raise ValueError(f"category {number} needs a 'name' and an 'isthing' of 0 or 1")
        if not (isinstance(colour, list) and len(colour) == 3 and all(c in range(256) for c in colour)):
            colour = hue
        found.append(Category(number, name, bool(thing), (colour[0], colour[1], colour[2])))
    found.sort(key=lambda category: category.id)
    said = [(category.id, category.name, category.is_thing) for category in found]
    for table in PANOPTIC_TABLES.values():
        if said == [(category.id, category.name, category.is_thing) for category in table.categories]:
            return table
    return PanopticTable(OWN, tuple(found))


def category_entry(category: Category) -> dict[str, Any]:
    """A category as the files have it."""
    return {
        "id": category.id,
        "name": category.name,
        "isthing": int(category.is_thing),
        "color": list(category.colour),
    }


def integer(entry: dict[str, Any], key: str, what: str, least: int = 0) -> int:
    """A whole number of an entry; raises ValueError where it is missing, of another type, or less than ``least``."""
    value = entry.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{what} has no {key!r}, a whole number of at least {least}")
    return value


def is_crowd(entry: dict[str, Any], what: str) -> bool:
    """Whether an entry is of a crowd; raises ValueError for what is neither 0 nor 1."""
    value = entry.get("iscrowd", 0)
    if value not in (0, 1):
        raise ValueError(f"{what} has an 'iscrowd' that is neither 0 nor 1")
    return bool(value)


def file_name(entry: dict[str, Any], what: str) -> str:
    """The name of a file in the data set's folder; raises ValueError for none, or a place outside the folder."""
    name = entry.get("file_name")
    if not isinstance(name, str) or not name or "\0" in name:
        raise ValueError(f"{what} has no 'file_name', a text")
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{what} has the 'file_name' {name!r}, which lies outside the data set's folder")
    return name


def parsed_box(value: Any, what: str) -> Box:
    """A box from its four numbers; raises ValueError for anything else."""
    if not isinstance(value, list) or len(value) != 4 or not all(map(is_number, value)):
        raise ValueError(f"{what} has a 'bbox' that is not four numbers")
    return value[0], value[1], value[2], value[3]


def is_number(value: Any) -> bool:
    """Whether a value of a JSON file is a number, and a finite one."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")
