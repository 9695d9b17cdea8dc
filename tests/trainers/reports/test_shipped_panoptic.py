"""The shipped panoptic weights reach what their headers, and so the model card, say.

What each validation image counts for lies beside this file. All of them together are the header's scores, and every
twentieth image is scored once more. To renew the counts for new weights:
``python -m tests.trainers.reports.test_shipped_panoptic`` in the checkout.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from rsp_lab.analysis.panoptic.quality import CategoryQuality, Quality, quality_of
from rsp_lab.data.panoptic.samples import PanopticSamples
from rsp_lab.data.sources import open_split
from rsp_lab.models import weights
from rsp_lab.models.panoptic.segmenter import PanopticSegmenter
from trainers.reports.card import model_card
from trainers.training.panoptic_scores import passes

DATA = "small-panoptic-scenes"
DOCS = Path(__file__).parents[3] / "docs"
COUNTS = Path(__file__).with_name("panoptic_counts")
NAMES = "scenes-panoptic-baseline", "scenes-panoptic-rsp4d"
IMAGES, EVERY = 120, 20
GROUPS = "all", "things", "stuff"


@cache
def samples() -> PanopticSamples:
    found = open_split(DATA, "val")
    assert isinstance(found, PanopticSamples)
    return found


def counts(name: str, numbers: range) -> Tensor:
    """(image, category, of summed IoU, TP, FP and FN) of some images."""
    model, images = weights.load(name), samples()
    assert isinstance(model, PanopticSegmenter)
    rows = []
    for index, _, seen in passes(model, images, numbers):
        found = quality_of([(images.segment_map(index), seen.merged.map)], images.panoptic)
        rows.append([[one.iou, one.tp, one.fp, one.fn] for one in found.by_category])
    return torch.tensor(rows, dtype=torch.float32)


def stored(name: str) -> Tensor:
    """The same of all images, as they were when the weights were made."""
    return load_file(COUNTS / f"{name}.safetensors")["counts"]


def header(name: str) -> dict[str, Any]:
    found: dict[str, Any] = weights.read_header(weights.shipped()[name])[1]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_all_images_together_are_the_header(name: str) -> None:
    rows, said = stored(name), header(name)["validation"]
    sums = rows.double().sum(0).tolist()
    scores = [
        CategoryQuality(category, iou, *map(round, segments))
        for category, (iou, *segments) in zip(samples().panoptic.categories, sums, strict=True)
    ]
    found = Quality(tuple(scores), len(rows)).to_dict()

    assert header(name)["data"] == DATA
    assert len(rows) == said["images"] == IMAGES
    for group in GROUPS:
        for score, value in said["panoptic"][group].items():
            assert found[group][score] == pytest.approx(value, abs=2e-4), (group, score)


@pytest.mark.usefixtures("unchecked_module")
@pytest.mark.parametrize("name", NAMES)
def test_an_image_is_answered_as_it_was(name: str) -> None:
    found, before = counts(name, range(0, IMAGES, EVERY)), stored(name)[::EVERY]

    # On another machine one segment of an image may fall on the other side of a bound.
    assert float((found - before)[..., 1:].abs().sum((1, 2)).max()) <= 2
    assert float((found - before)[..., 0].abs().sum(1).max()) <= 1
    assert torch.equal(found[..., 1] + found[..., 3], before[..., 1] + before[..., 3])


def test_the_model_card_is_what_the_headers_say() -> None:
    files = weights.shipped()

    assert (DOCS / "model_card_scenes_panoptic.md").read_text() == model_card([files[name] for name in NAMES])


def test_the_pair_differs_in_the_head_only() -> None:
    left, right = (header(name)["run"] for name in NAMES)
    for run in (left, right):
        run.pop("name")
        run["model"]["semantic"].pop("head")

    assert left == right


if __name__ == "__main__":
    torch.set_num_threads(1)
    COUNTS.mkdir(exist_ok=True)
    for _name in NAMES:
        save_file({"counts": counts(_name, range(IMAGES))}, COUNTS / f"{_name}.safetensors")
