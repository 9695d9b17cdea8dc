"""Files of COCO's panoptic layout: one JSON file, and a folder with a PNG an image whose colours are segment ids.

The layout is that of https://cocodataset.org/#format-data (section 4) and, for results, #format-results: a truth has
``images``, ``categories`` and ``annotations``, of a prediction the annotations are enough. The segment of a pixel is
R + 256 G + 65536 B; 0 is void.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from PIL import Image
from scipy import ndimage

from rsp_lab.data.images import MAX_PIXELS, ImageError, Source, check_size, decoded, opened_image, stored_as
from rsp_lab.data.panoptic.categories import PanopticTable
from rsp_lab.data.panoptic.entries import (
    Annotation,
    ImageEntry,
    SegmentEntry,
    category_entry,
    integer,
    parsed_annotation,
    parsed_image,
    table_of,
)
from rsp_lab.data.panoptic.segments import Segment, SegmentMap, counted
from rsp_lab.data.paths import name_list
from rsp_lab.files import AnyPath, FileError, JsonRecords, readable_name, scan_json, to_json, whole_folder

WHAT = "panoptic JSON file"
REMEDY = "Copy or write it again."
Report = Callable[[str], None]
"""Takes what is wrong with one entry of a file, which is then left out."""


@dataclass(frozen=True, eq=False)
class Images:
    """The images of a file in little memory; each is an :class:`~rsp_lab.data.panoptic.entries.ImageEntry`.

    Attributes:
        ids: int64 [n].
        names: of their files.
        sizes: int32 [n, 2], rows and columns.
    """

    ids: np.ndarray
    names: tuple[str, ...]
    sizes: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> ImageEntry:
        rows, columns = self.sizes[index].tolist()
        return ImageEntry(int(self.ids[index]), self.names[index], (rows, columns))


@dataclass(frozen=True, eq=False)
class PanopticFile:
    """An open JSON file of the layout; annotations and PNG files are read when they are asked for.

    Attributes:
        path: of the JSON file.
        folder: of the PNG files.
        table: its categories.
        images: in the order of the file; None where it says nothing of them, or they are not read.
        ids: int64 [n], the image of each annotation: those of ``images`` in their order.
        annotations: as they stand in the file.
    """

    path: Path
    folder: Path
    table: PanopticTable
    images: Images | None
    ids: np.ndarray
    annotations: JsonRecords

    @classmethod
    def read(
        cls,
        path: AnyPath,
        folder: AnyPath | None = None,
        table: PanopticTable | None = None,
        with_images: bool = True,
        report: Report | None = None,
    ) -> PanopticFile:
        """Opens a file, of which each image has one annotation.

        Args:
            path: of the JSON file.
            folder: of the PNG files; by default the path without its ending.
            table: its categories, for a prediction that of its truth; by default those that the file names.
            with_images: whether to read what the file says of images, which scores do not need.
            report: takes what is wrong with single entries, which are then left out; by default that is an error.

        Raises:
            FileError: if the file or the folder cannot be read, or the file is damaged.
        """
        path = Path(path)
        folder = path.with_suffix("") if folder is None else Path(folder)
        entries = _Entries(report or refusal(path))
        lists = {"annotations": entries.annotation} | ({"images": entries.image} if with_images else {})
        rest = scan_json(path, WHAT, lists, remedy=REMEDY)
        if "annotations" not in rest:
            raise FileError(f"{readable_name(path)} is damaged or no {WHAT}: it has no 'annotations'. {REMEDY}")
        if table is None:
            with named(path):
                table = table_of(rest.get("categories"))
        images, ids, places = entries.joined(with_images and "images" in rest)
        if len(ids) and not folder.is_dir():
            raise FileError(f"{readable_name(folder)}: there is no such folder. Name the one that has the PNG files.")
        return cls(path, folder, table, images, ids, JsonRecords(path, WHAT, places))

    def __len__(self) -> int:
        return len(self.ids)

    def annotation(self, index: int) -> Annotation:
        """What the file says of the image at ``index``.

        Raises:
            FileError: if the entry is damaged or has an unknown category.
        """
        entry = self.annotations[index]
        with named(self.path):
            found = parsed_annotation(entry)
            self.table.check_ids((s.category_id for s in found.segments), f"the annotation of image {found.image_id}")
        return found

    def segment_map(self, index: int) -> SegmentMap:
        """The segmentation of the image at ``index``.

        Raises:
            FileError: if its entry is damaged or has an unknown category.
            ImageError: if its PNG file cannot be read or does not fit its entry.
        """
        annotation = self.annotation(index)
        png = self.folder / annotation.file_name
        ids = read_segment_ids(png)
        size = ids.shape if self.images is None else self.images[index].size
        if ids.shape != size:
            raise ImageError(
                f"{readable_name(png)}: has {ids.shape[0]} x {ids.shape[1]} pixels (rows x columns), its image in "
                f"{self.path.name} {size[0]} x {size[1]}. They must be of one size."
            )
        segments = tuple(Segment(one.id, one.category_id, one.is_crowd) for one in annotation.segments)
        try:
            return SegmentMap(torch.from_numpy(ids), segments)
        except ValueError as error:
            raise ImageError(f"{readable_name(png)}: does not fit {self.path.name}: {error}") from None

    def doubts(self, index: int, segments: SegmentMap) -> list[str]:
        """Areas and boxes that the entry of the image at ``index`` says, and that are not those of its segments."""
        annotation, found = self.annotation(index), described(segments)
        png = readable_name(self.folder / annotation.file_name)
        doubts = []
        for said, is_so in zip(annotation.segments, found, strict=True):
            for what, there, right in (("area", said.area, is_so.area), ("bbox", said.box, is_so.box)):
                if there is not None and there != right:
                    doubts.append(f"{png}: segment {said.id} has the {what} {right}, {self.path.name} says {there}")
        return doubts


def read_segment_ids(source: Source, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """The segment ids of a PNG file of the layout, int32 [y, x].

    Raises:
        ImageError: if the file cannot be read, or its pixels are not three channels of 8 bits.
    """
    with opened_image(source) as (image, name):
        check_size(image, name, max_pixels, min_side=1)
        if image.format != "PNG" or image.mode != "RGB" or ";16" in stored_as(image):
            raise ImageError(
                f"{name}: segment ids are a PNG in RGB of 8 bits, this is {image.format} of mode {image.mode}. "
                "Save id % 256, id // 256 % 256 and id // 65536 as red, green and blue."
            )
        colours = np.asarray(decoded(image, name)).astype(np.int32)
    return colours[..., 0] + 256 * colours[..., 1] + 65536 * colours[..., 2]


def described(segments: SegmentMap) -> tuple[SegmentEntry, ...]:
    """The segments of a map with their areas and boxes, in their order."""
    ids = segments.ids.numpy()
    areas = counted(ids)
    boxes = dict(zip(areas, ndimage.find_objects(np.searchsorted(list(areas), ids) + 1), strict=True))
    found = []
    for segment in segments.segments:
        rows, columns = boxes[segment.id]
        box = columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start
        found.append(SegmentEntry(segment.id, segment.category_id, segment.is_crowd, areas[segment.id], box))
    return tuple(found)


def write_panoptic(
    path: AnyPath,
    images: Iterable[tuple[ImageEntry, SegmentMap]],
    table: PanopticTable,
    *,
    protect: Iterable[AnyPath] = (),
) -> int:
    """Writes a JSON file and, in the folder of its name, a PNG an image; returns the number of images.

    Truths and predictions are written alike: what a prediction says beside its annotations, readers pass over. Maps
    are taken one at a time. File and folder are whole or not there, the JSON file after all PNG files; same maps, same
    bytes.

    Args:
        path: of the JSON file, ``.json``.
        images: of different ids and names, each with its segmentation.
        table: of the maps' categories.
        protect: files that are being read, and so must not be replaced.

    Raises:
        ValueError: for another ending, an unknown category, a map of another size than its image, or two images of one
            number or name.
        FileError: if nothing can be written there.
    """
    path = Path(path)
    if path.suffix != ".json":
        raise ValueError(f"{readable_name(path)}: a panoptic file ends in .json. Name {path.stem}.json.")
    with whole_folder(path.parent, protect=protect) as folder:
        return write_into(folder / path.name, images, table)


def write_into(path: Path, images: Iterable[tuple[ImageEntry, SegmentMap]], table: PanopticTable) -> int:
    """:func:`write_panoptic` without its care for what is there already: for a folder that nobody sees yet."""
    pictures = path.with_suffix("")
    pictures.mkdir(parents=True, exist_ok=True)
    entries: list[ImageEntry] = []
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write('{"annotations": [')
        for image, segments in images:
            if tuple(segments.ids.shape) != image.size:
                raise ValueError(
                    f"image {image.id} has {image.size[0]} x {image.size[1]} pixels (rows x columns), its segments "
                    f"{segments.ids.shape[0]} x {segments.ids.shape[1]}; they must be of one size."
                )
            table.check_ids((segment.category_id for segment in segments.segments), f"image {image.id}")
            name = f"{PurePosixPath(image.file_name).stem}.png"
            if (pictures / name).exists():
                raise ValueError(f"two images have the name {name}; give each one of its own.")
            ids = segments.ids.numpy()
            colours = np.stack([ids % 256, ids // 256 % 256, ids // 65536], axis=-1).astype(np.uint8)
            Image.fromarray(colours).save(pictures / name)
            annotation = Annotation(image.id, name, described(segments))
            file.write(("," if entries else "") + "\n" + to_json(annotation.to_dict(), indent=None))
            entries.append(image)
        if len({image.id for image in entries}) < len(entries):
            raise ValueError("two of the images have one number; give each one of its own.")
        rest = {
            "categories": [category_entry(category) for category in table.categories],
            "images": [image.to_dict() for image in entries],
        }
        file.write("\n],\n" + to_json(rest).removeprefix("{\n") + "\n")
    return len(entries)


class _Entries:
    """What a scan of a file leaves: its images, and where the annotation of each stands."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.images: dict[int, tuple[str, tuple[int, int]]] = {}
        self.places: dict[int, tuple[int, int]] = {}

    def image(self, entry: dict[str, Any], _place: tuple[int, int]) -> None:
        try:
            found = parsed_image(entry)
            if found.id in self.images:
                raise ValueError(f"image {found.id} comes more than once")
            self.images[found.id] = found.file_name, found.size
        except ValueError as error:
            self.report(str(error))

    def annotation(self, entry: dict[str, Any], place: tuple[int, int]) -> None:
        try:
            number = integer(entry, "image_id", "an annotation")
            if number in self.places:
                raise ValueError(f"image {number} has more than one annotation")
            self.places[number] = place
        except ValueError as error:
            self.report(str(error))

    def joined(self, with_images: bool) -> tuple[Images | None, np.ndarray, array[int]]:
        """Images with an annotation, their ids, and the places of the annotations."""
        if with_images:
            for lonely, what in (
                (self.places.keys() - self.images.keys(), "an annotation and no image"),
                (self.images.keys() - self.places.keys(), "an image and no annotation"),
            ):
                if lonely:
                    self.report(f"{len(lonely)} number(s) have {what}: {name_list(map(str, lonely))}")
        ids = [number for number in (self.images if with_images else self.places) if number in self.places]
        places = array("q", (byte for number in ids for byte in self.places[number]))
        numbers = np.array(ids, dtype=np.int64)
        if not with_images:
            return None, numbers, places
        names, sizes = tuple(self.images[number][0] for number in ids), [self.images[number][1] for number in ids]
        return Images(numbers, names, np.array(sizes, dtype=np.int32).reshape(-1, 2)), numbers, places


def refusal(path: Path) -> Report:
    """Takes what is wrong with an entry of a file by raising FileError."""

    def refuse(text: str) -> None:
        raise FileError(f"{readable_name(path)}: {text}. {REMEDY}")

    return refuse


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Says of what is wrong in a file which file it is."""
    try:
        yield
    except ValueError as error:
        raise FileError(f"{readable_name(path)}: {str(error).removesuffix('.')}. {REMEDY}") from None
