"""Scores of panoptic networks: a perfect one gets all of them, and files of results are scored alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from rsp_lab.analysis.panoptic.quality import panoptic_quality
from rsp_lab.data.labels import ClassTable
from rsp_lab.data.panoptic.categories import STREET_PANOPTIC, PanopticTable
from rsp_lab.data.panoptic.entries import ImageEntry
from rsp_lab.data.panoptic.files import PanopticFile, write_panoptic
from rsp_lab.data.panoptic.masks import thing_annotations
from rsp_lab.data.panoptic.segments import Segment, SegmentMap
from rsp_lab.data.sample import Sample
from rsp_lab.files import to_json
from rsp_lab.models.panoptic.detections import Detections
from rsp_lab.models.panoptic.segmenter import PanopticOutput, PanopticSegmenter
from rsp_lab.rgb import ImageLike
from tests.trainers.small_panoptic import MODEL
from trainers.training.panoptic_scores import INSTANCES_FILE, PANOPTIC_FILE, dump_panoptic, evaluate_panoptic

SIZE = (64, 128)
_IDS = {category.name: category.id for category in STREET_PANOPTIC.categories}
ROAD, SKY, CAR, PERSON = (_IDS[name] for name in ("road", "sky", "car", "person"))


class MadeUp:
    """Two images of large things and stuff, whose grey value is their number; the second has no thing, and void."""

    panoptic: PanopticTable = STREET_PANOPTIC
    table: ClassTable = STREET_PANOPTIC.semantic

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> Sample:
        segments = self.segment_map(index)
        image = torch.full((3, *SIZE), 50 * index, dtype=torch.uint8)
        return Sample(
            f"image-{index}", image, segments.semantic(self.panoptic), None, segments.instances(self.panoptic)
        )

    def segment_map(self, index: int) -> SegmentMap:
        ids = torch.ones(SIZE, dtype=torch.int32)
        ids[:30] = 2
        segments = [Segment(1, ROAD), Segment(2, SKY)]
        if index:
            ids[:, :9] = 0
            return SegmentMap(ids, tuple(segments))
        ids[20:60, 5:60], ids[10:50, 70:90], ids[12:60, 95:120] = 3, 4, 5
        return SegmentMap(ids, (*segments, Segment(3, CAR), Segment(4, PERSON), Segment(5, CAR)))

    def image_entry(self, index: int) -> ImageEntry:
        return ImageEntry(index + 1, f"image-{index}.png", SIZE)

    def annotations(self, index: int) -> list[dict[str, Any]]:
        return thing_annotations(self.segment_map(index), self.panoptic, index + 1)


class Oracle(PanopticSegmenter):
    """Knows the truth by an image's grey value; ``wrong`` things are called by another class."""

    def __init__(self, wrong: int = 0) -> None:
        super().__init__(MODEL)
        self.wrong = wrong

    def forward(self, image: ImageLike) -> PanopticOutput:
        given = torch.as_tensor(image)
        sample = MadeUp()[round(float(given.max()) * 255) // 50]
        assert sample.label is not None
        assert sample.instances is not None
        classes = sample.label.long().where(sample.label != 255, 1)
        logits = torch.nn.functional.one_hot(classes, len(MODEL.class_names)).permute(2, 0, 1)[None].float()
        kinds = sample.instances.classes.clone()
        kinds[: self.wrong] = (kinds[: self.wrong] + 1) % len(MODEL.things)
        scores = torch.linspace(0.9, 0.8, len(kinds))
        found = Detections(sample.instances.boxes, scores, kinds, sample.instances.masks)
        return PanopticOutput(logits, found)


def test_a_perfect_network_gets_every_score() -> None:
    scores = evaluate_panoptic(Oracle(), MadeUp())

    assert scores.score == 1
    for group in (scores.quality.all, scores.quality.things, scores.quality.stuff):
        assert (group.pq, group.sq, group.rq, group.fp, group.fn) == (1, 1, 1, 0, 0)
    assert scores.semantic.miou == scores.semantic.pixel_accuracy == 1
    assert scores.precision.box["AP"] == scores.precision.mask["AP"] == pytest.approx(1)
    assert not scores.confusion.mistakes()
    assert scores.confusion.matched.sum() == scores.semantic.confusion.sum() == 2 * 64 * 128 - 64 * 9
    assert scores.headline() == "PQ 100.00, mIoU 100.00, box AP 100.00, mask AP 100.00"


def test_a_thing_of_another_class_costs_what_it_should() -> None:
    scores = evaluate_panoptic(Oracle(wrong=1), MadeUp())

    by_class = {one.category.name: one for one in scores.quality.by_category}
    assert (by_class["car"].tp, by_class["car"].fn, by_class["truck"].fp) == (1, 1, 1)
    assert by_class["car"].pq == pytest.approx(2 / 3)
    assert scores.semantic.miou == 1
    (worst, *_) = scores.confusion.mistakes()
    assert worst[:3] == ("car", "truck", 40 * 55)


def test_what_is_said_is_json_and_a_table() -> None:
    scores = evaluate_panoptic(Oracle(wrong=1), MadeUp())
    plain = json.loads(to_json(scores.to_dict()))

    assert plain["miou"] == 1
    assert plain["panoptic"]["by_class"]["car"]["pq"] == 0.666667
    assert plain["precision"]["images"] == 2
    assert "confusion" not in plain
    assert json.loads(to_json(scores.details()))["confusion"]["names"][-1] == "void"
    text = scores.table()
    for words in ("mIoU", "panoptic quality", "average precision", "taken most for"):
        assert words in text


def test_the_network_is_left_as_it_was() -> None:
    model = Oracle().train()
    evaluate_panoptic(model, MadeUp())
    assert model.training


def test_files_of_results_are_scored_as_the_pass_was(tmp_path: Path) -> None:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    samples, model = MadeUp(), Oracle(wrong=1)
    expected = evaluate_panoptic(model, samples)
    images, found = dump_panoptic(model, samples, tmp_path / "out")
    write_panoptic(
        tmp_path / "truth.json", ((samples.image_entry(i), samples.segment_map(i)) for i in range(2)), samples.panoptic
    )

    assert (images, found) == (2, 3)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [INSTANCES_FILE, "panoptic", PANOPTIC_FILE]
    quality = panoptic_quality(tmp_path / "truth.json", tmp_path / "out" / PANOPTIC_FILE)
    assert quality.to_dict() == expected.quality.to_dict()
    assert len(PanopticFile.read(tmp_path / "out" / PANOPTIC_FILE)) == 2

    truth = COCO()
    truth.dataset = {
        "images": [samples.image_entry(i).to_dict() for i in range(2)],
        "annotations": [
            {"id": number, **one} for number, one in enumerate((a for i in range(2) for a in samples.annotations(i)), 1)
        ],
        "categories": [{"id": c.id, "name": c.name} for c in samples.panoptic.things],
    }
    truth.createIndex()
    theirs = COCOeval(truth, truth.loadRes(str(tmp_path / "out" / INSTANCES_FILE)), "segm")
    theirs.evaluate()
    theirs.accumulate()
    theirs.summarize()
    assert theirs.stats[0] == pytest.approx(expected.precision.mask["AP"])


def test_a_sample_without_labels_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = Sample("bare", torch.zeros(3, *SIZE, dtype=torch.uint8))
    monkeypatch.setattr(MadeUp, "__getitem__", lambda *_: bare)
    with pytest.raises(ValueError, match="bare: has no label"):
        evaluate_panoptic(_Still(), MadeUp())


class _Still(Oracle):
    """Finds nothing, whatever the image."""

    def forward(self, image: ImageLike) -> PanopticOutput:
        nothing = torch.zeros(0)
        found = Detections(torch.zeros(0, 4), nothing, nothing.long(), torch.zeros(0, *SIZE, dtype=torch.bool))
        return PanopticOutput(torch.zeros(1, len(MODEL.class_names), *SIZE), found)


def test_a_network_that_finds_nothing_scores_nothing() -> None:
    scores = evaluate_panoptic(_Still(), MadeUp())
    assert scores.score == 0
    assert scores.precision.box["AP"] == 0
    assert scores.confusion.pixels[:, -1].sum() == 2 * 64 * 128
