"""Average precision beside pycocotools, number by number."""

from __future__ import annotations

import contextlib
import io
import json
import sys

import numpy as np
import pytest
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from rsp_lab.analysis.panoptic.precision import NUMBERS, PrecisionMeter
from rsp_lab.data.panoptic.entries import ImageEntry
from rsp_lab.data.panoptic.masks import run_lengths, thing_annotations
from rsp_lab.models.panoptic.detections import Detections
from tests.kit.segment_maps import TABLE, perturbed, random_map

SIZE = (190, 210)
"""So large that there are small, medium and large things."""
THINGS = [category.id for category in TABLE.things]


def found_in(segments, rng):
    """Detections of the things of a map, some of them twice, some of another class, with boxes that are a bit off."""
    instances = segments.instances(TABLE)
    picked = torch.from_numpy(rng.integers(0, max(len(instances), 1), 2 * len(instances)))
    masks = instances.masks[picked]
    classes = torch.where(torch.from_numpy(rng.random(len(picked)) < 0.8), instances.classes[picked], 0)
    boxes = instances.boxes[picked] + torch.from_numpy(rng.uniform(-2, 2, (len(picked), 4))).float()
    scores = torch.from_numpy(rng.choice([0.3, 0.5, 0.9, 0.95], len(picked))).float().sort(descending=True).values
    return Detections(boxes, scores, classes, masks)


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(3)
    found = []
    for number in range(16):
        truth = random_map(rng, SIZE, block=int(rng.choice([25, 50, 100])))
        entry = ImageEntry(100 + number, f"{number}.png", SIZE)
        found.append((entry, thing_annotations(truth, TABLE, entry.id), found_in(perturbed(truth, rng), rng)))
    return found


def by_pycocotools(images, kind):
    truth = COCO()
    things = [one for _, known, _ in images for one in known]
    truth.dataset = {
        "images": [entry.to_dict() for entry, _, _ in images],
        "categories": [{"id": number, "name": str(number)} for number in THINGS],
        "annotations": [one | {"id": place} for place, one in enumerate(things, start=1)],
    }
    results = []
    for entry, _, detections in images:
        for (x, y, right, bottom), score, place, mask in zip(
            detections.boxes.double().tolist(),
            detections.scores.double().tolist(),
            detections.classes.tolist(),
            detections.masks,
            strict=True,
        ):
            found = {"image_id": entry.id, "category_id": THINGS[place], "score": score}
            shape = {"bbox": [x, y, right - x, bottom - y]} if kind == "bbox" else {"segmentation": packed(mask)}
            results.append(found | shape)
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(results), kind)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats


def packed(mask):
    from pycocotools import mask as masks

    return masks.encode(np.asfortranarray(mask.numpy().astype(np.uint8)))


def metered(images):
    meter = PrecisionMeter(TABLE)
    for image in images:
        meter.add(*image)
    return meter.result()


def test_all_numbers_are_those_of_pycocotools(images):
    precision = metered(images)
    for kind, numbers in (("bbox", precision.box), ("segm", precision.mask)):
        expected = by_pycocotools(images, kind)
        assert [numbers[name] for name in NUMBERS] == pytest.approx(list(expected), abs=1e-9)
        assert all(0.001 < number < 0.999 for number in expected)


def test_a_truth_against_itself_is_perfect(images):
    exact = []
    for entry, things, _ in images:
        known = [one for one in things if not one["iscrowd"]]
        boxes = torch.tensor([one["bbox"] for one in known], dtype=torch.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        masks = [unpacked(one["segmentation"]) for one in known]
        stacked = torch.stack(masks) if masks else torch.zeros((0, *SIZE), dtype=torch.bool)
        classes = torch.tensor([THINGS.index(one["category_id"]) for one in known], dtype=torch.int64)
        exact.append((entry, things, Detections(boxes, torch.ones(len(known)), classes, stacked)))
    precision = metered(exact)
    for numbers in (precision.box, precision.mask):
        assert [numbers[name] for name in ("AP", "AP50", "AP75", "AR100")] == pytest.approx([1.0] * 4)


def unpacked(runs):
    values = np.repeat(np.arange(len(runs["counts"])) % 2, runs["counts"])
    return torch.from_numpy(values.reshape(runs["size"][::-1]).T.astype(bool))


def test_run_lengths_come_back():
    for seed in range(5):
        mask = torch.from_numpy(np.random.default_rng(seed).random((5, 7)) < 0.5)
        assert torch.equal(unpacked(run_lengths(mask)), mask)
    for mask in (torch.zeros(3, 2, dtype=torch.bool), torch.ones(3, 2, dtype=torch.bool)):
        assert torch.equal(unpacked(run_lengths(mask)), mask)


def test_what_the_truth_has_nothing_of_has_no_number():
    nothing = Detections(
        torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64), torch.zeros((0, 5, 6), dtype=torch.bool)
    )
    precision = metered([(ImageEntry(1, "a.png", (5, 6)), [], nothing)])
    assert set(precision.box.values()) == {None}
    assert metered([]).to_dict()["mask"] == dict.fromkeys(NUMBERS)
    assert precision.table().splitlines()[1].split() == ["box", *["–"] * 12]
    assert "1 images" in repr(precision)
    assert json.loads(json.dumps(precision.to_dict())) == precision.to_dict()


def test_detections_of_another_size_are_refused(images):
    entry, things, detections = images[0]
    with pytest.raises(ValueError, match=r"image 100 has the size \(7, 9\), its detections \(190, 210\)"):
        PrecisionMeter(TABLE).add(entry._replace(size=(7, 9)), things, detections)


def test_without_hotcoco_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "hotcoco", None)
    with pytest.raises(ImportError, match="pip install hotcoco"):
        PrecisionMeter(TABLE)
