"""Average precision and recall of detections, of boxes and of masks, as COCO defines them; hotcoco works them out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rsp_lab.data.panoptic.categories import PanopticTable
from rsp_lab.data.panoptic.entries import ImageEntry
from rsp_lab.data.panoptic.masks import compressed
from rsp_lab.models.panoptic.detections import Detections
from rsp_lab.summary import Rows, Summarised
from rsp_lab.text import percent, plain_table

NUMBERS = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")
"""Average precision over IoU 0.50 to 0.95, at 0.50 and at 0.75, of small (below 32 x 32 px), medium and large (from
96 x 96 px) things; average recall of 1, 10 and 100 detections an image, and of the three sizes."""
RULE = (
    "COCO's 12 numbers over all things; the size of a thing is the area that the truth says, that of a detection its "
    "box's for boxes and its mask's for masks; detections for crowds count nowhere"
)


@dataclass(frozen=True, repr=False)
class Precision(Summarised):
    """COCO's twelve numbers for boxes and for masks.

    Attributes:
        box, mask: by the names of :data:`NUMBERS`, 0 to 1; None where the truth has nothing of that size.
        images: how many were scored.
    """

    box: dict[str, float | None]
    mask: dict[str, float | None]
    images: int

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data, not rounded."""
        return {"box": self.box, "mask": self.mask, "images": self.images, "rule": RULE}

    def table(self) -> str:
        """Both sets of numbers as lines of text, in percent; a dash for what has none."""
        rows: list[tuple[str, ...]] = [("", *NUMBERS)]
        for name, numbers in (("box", self.box), ("mask", self.mask)):
            rows.append((name, *(percent(numbers[one], 1, unit=False) for one in NUMBERS)))
        return plain_table(rows)

    def _summary(self) -> tuple[str, Rows]:
        parts = ("AP", "AP50", "AP75")
        return f"average precision on {self.images} images", [
            (name, ", ".join(f"{one} {percent(numbers[one], 1)}" for one in parts))
            for name, numbers in (("box", self.box), ("mask", self.mask))
        ]


class PrecisionMeter:
    """Takes one image after the other; matches are made at once and masks are not kept.

    Args:
        table: whose things are looked for; a detection's class is a place in ``table.things``.

    Raises:
        ImportError: without hotcoco; the message says what to install.
    """

    def __init__(self, table: PanopticTable) -> None:
        try:
            from hotcoco import StreamingEval
        except ImportError as error:
            raise ImportError("average precision needs hotcoco: pip install hotcoco.") from error
        categories = [{"id": category.id, "name": category.name} for category in table.things]
        self._table = table
        self._boxes = StreamingEval(categories, iou_type="bbox")
        self._masks = StreamingEval(categories, iou_type="segm")
        self._images, self._things = 0, 0

    def add(self, image: ImageEntry, truth: Sequence[dict[str, Any]], detections: Detections) -> None:
        """One image.

        Args:
            image: of a number that no other image has.
            truth: its things as :meth:`~rsp_lab.data.panoptic.samples.PanopticSamples.annotations` has them.
            detections: in it, at its size; those with an empty mask count as they are.

        Raises:
            ValueError: if the detections are of another size.
        """
        if detections.size != image.size:
            raise ValueError(f"image {image.id} has the size {image.size}, its detections {detections.size}.")
        # Numbers of our own: those of the truth's file may begin at 0, which is COCO's word for no match.
        known = [{**entry, "id": self._things + place} for place, entry in enumerate(truth, start=1)]
        self._things += len(known)
        self._images += 1
        entries = [image.to_dict()]
        found = result_entries(image, detections, self._table)
        # Without the other, so that the size of a detection is that of its box, or the area of its mask.
        for meter, other in ((self._boxes, "segmentation"), (self._masks, "bbox")):
            meter.update(entries, known, [{k: v for k, v in one.items() if k != other} for one in found])

    def state(self) -> tuple[bytes, bytes, int]:
        """What the meter has taken so far, for :meth:`joined` in this or another process."""
        return self._boxes.to_bytes(), self._masks.to_bytes(), self._images

    @classmethod
    def joined(cls, table: PanopticTable, states: Sequence[tuple[bytes, bytes, int]]) -> PrecisionMeter:
        """A meter that has taken what several meters took, each image by one of them.

        Args:
            table: of all of them.
            states: of each, see :meth:`state`.
        """
        meter = cls(table)
        kind = type(meter._boxes)
        meter._boxes = kind.merge(kind.from_bytes(boxes) for boxes, _, _ in states)
        meter._masks = kind.merge(kind.from_bytes(masks) for _, masks, _ in states)
        meter._images = sum(images for _, _, images in states)
        return meter

    def result(self) -> Precision:
        """The numbers of all images so far; the meter takes no more."""
        return Precision(_numbers(self._boxes), _numbers(self._masks), self._images)


def result_entries(image: ImageEntry, detections: Detections, table: PanopticTable) -> list[dict[str, Any]]:
    """Detections as COCO's results have them: image, category, score, box, and mask as compressed run lengths.

    Args:
        image: on which they are.
        detections: in it, at its size.
        table: a detection's class is a place in ``table.things``.

    Raises:
        ImportError: without hotcoco; the message says what to install.
    """
    corners = detections.boxes.cpu().double().numpy()
    boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1).tolist()
    classes, scores = detections.classes.tolist(), detections.scores.cpu().double().tolist()
    return [
        {
            "image_id": image.id,
            "category_id": table.things[place].id,
            "score": score,
            "bbox": box,
            "segmentation": compressed(mask.cpu()),
        }
        for place, score, box, mask in zip(classes, scores, boxes, detections.masks, strict=True)
    ]


def _numbers(scores: Any) -> dict[str, float | None]:
    """COCO's twelve numbers of a hotcoco evaluation; it writes -1 for what there is nothing of."""
    done = scores.finalize()
    done.accumulate()
    done.summary_lines()  # works the numbers out, and prints nothing
    found = done.get_results()
    return {name: None if found.get(name, -1) < 0 else float(found[name]) for name in NUMBERS}
