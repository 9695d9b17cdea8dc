"""Panoptic quality beside the official rules written down naively, and on cases that can be worked out by hand."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from rsp_lab.analysis.panoptic.quality import panoptic_quality, quality_of
from rsp_lab.data.panoptic.categories import VOID
from rsp_lab.data.panoptic.entries import ImageEntry
from rsp_lab.data.panoptic.files import write_panoptic
from rsp_lab.data.panoptic.segments import Segment, SegmentMap
from tests.kit.segment_maps import SIZE, TABLE, perturbed, random_map

IMAGES = 200
STUFF, THING = 3, 5
"""Categories of the table."""


def naive_counts(pairs):
    """IoU sum, TP, FP and FN of each category: masks and loops, as the paper and the official code have it."""
    counts = {category.id: [0.0, 0, 0, 0] for category in TABLE.categories}
    for truth, given in pairs:
        void = truth.ids == VOID
        true = [(segment, truth.ids == segment.id) for segment in truth.segments]
        found = [(segment, given.ids == segment.id) for segment in given.segments]
        matched_true, matched_found = set(), set()
        for one, mask in true:
            for other, predicted in found:
                if one.is_crowd or one.category_id != other.category_id:
                    continue
                shared = int((mask & predicted).sum())
                union = int((mask | (predicted & ~void)).sum())
                if shared / union > 0.5:
                    counts[one.category_id][0] += shared / union
                    counts[one.category_id][1] += 1
                    matched_true.add(one.id)
                    matched_found.add(other.id)
        for one, _ in true:
            counts[one.category_id][3] += one.id not in matched_true and not one.is_crowd
        for other, predicted in found:
            if other.id in matched_found:
                continue
            excused = void.clone()
            crowds = [mask for one, mask in true if one.is_crowd and one.category_id == other.category_id]
            if crowds:  # the official code keeps one crowd a category: the last
                excused |= crowds[-1]
            if int((predicted & excused).sum()) / int(predicted.sum()) <= 0.5:
                counts[other.category_id][2] += 1
    return counts


@pytest.fixture(scope="module")
def pairs():
    rng = np.random.default_rng(7)
    truths = [random_map(rng) for _ in range(IMAGES)]
    return [(truth, perturbed(truth, rng)) for truth in truths]


@pytest.fixture(scope="module")
def files(pairs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("panoptic")
    entries = [ImageEntry(7 * number, f"{number}.jpg", SIZE) for number in range(len(pairs))]
    for name, place in (("truth", 0), ("prediction", 1)):
        maps = [(entry, pair[place]) for entry, pair in zip(entries, pairs, strict=True)]
        write_panoptic(folder / f"{name}.json", maps[::-1] if place else maps, TABLE)
    return folder / "truth.json", folder / "prediction.json"


@pytest.fixture(scope="module")
def quality(files):
    return panoptic_quality(*files)


def assert_counts(quality, expected):
    assert [score.category for score in quality.by_category] == list(TABLE.categories)
    for score in quality.by_category:
        iou, *segments = expected[score.category.id]
        assert [score.tp, score.fp, score.fn] == segments
        assert score.iou == pytest.approx(iou, abs=1e-9)


def test_it_counts_as_the_official_rules_say(pairs, quality):
    expected = naive_counts(pairs)
    assert min(map(min, expected.values())) > 10, "the maps hold matches, false and missed segments of every category"
    assert quality.images == IMAGES
    assert_counts(quality, expected)


def test_maps_at_hand_are_scored_as_files_are(pairs):
    assert_counts(quality_of(iter(pairs[:20]), TABLE), naive_counts(pairs[:20]))


def test_means_and_sums_follow_from_the_counts(quality):
    data = quality.to_dict()
    for group, kinds in (("all", (True, False)), ("things", (True,)), ("stuff", (False,))):
        scores = [score for score in data["by_class"].values() if score["isthing"] in kinds]
        for name in ("pq", "sq", "rq"):
            assert data[group][name] == pytest.approx(np.mean([score[name] for score in scores]))
        for name in ("tp", "fp", "fn"):
            assert data[group][name] == sum(score[name] for score in scores)
    for score in data["by_class"].values():
        assert score["pq"] == pytest.approx(score["sq"] * score["rq"])
        assert score["rq"] == pytest.approx(2 * score["tp"] / (2 * score["tp"] + score["fp"] + score["fn"]))
    assert json.loads(json.dumps(data)) == data
    assert quality.table().splitlines()[0].split() == ["PQ", "SQ", "RQ", "TP", "FP", "FN"]
    assert len(quality.table().splitlines()) == 4 + len(TABLE.categories)
    assert "200 images" in repr(quality)


def halves(*segments):
    """Segment 1 in the upper half of 10 x 10 pixels, 2 in the lower half, as far as they are given."""
    ids = torch.zeros(10, 10, dtype=torch.int32)
    for segment in segments:
        ids[5 * (segment.id - 1) : 5 * segment.id] = segment.id
    return SegmentMap(ids, segments)


def test_a_case_worked_out_by_hand():
    truth = halves(Segment(1, THING), Segment(2, STUFF))
    ids = torch.zeros(10, 10, dtype=torch.int32)
    ids[:4] = 9  # 40 of the thing's 50 pixels: IoU 0.8
    ids[5:7] = 8  # 20 of the stuff's 50 pixels: no match
    quality = quality_of([(truth, SegmentMap(ids, (Segment(9, THING), Segment(8, STUFF))))], TABLE)
    assert (quality.things.pq, quality.things.sq, quality.things.rq) == (0.8, 0.8, 1.0)
    assert (quality.stuff.pq, quality.stuff.tp, quality.stuff.fp, quality.stuff.fn) == (0.0, 0, 1, 1)
    assert (quality.all.pq, quality.all.categories) == (0.4, 2)


def test_a_truth_against_itself_is_perfect(pairs):
    maps = [random_map(np.random.default_rng(seed), crowds=False) for seed in range(5)]
    quality = quality_of([(one, one) for one in maps], TABLE)
    assert quality.all.pq == quality.things.sq == quality.stuff.rq == 1.0


def test_what_neither_occurs_nor_is_predicted_has_no_score():
    empty = SegmentMap(torch.zeros(4, 6, dtype=torch.int32), ())
    quality = quality_of([(empty, empty)], TABLE)
    assert quality.all.pq is None
    assert quality.to_dict()["things"] == {
        "pq": None,
        "sq": None,
        "rq": None,
        "tp": 0,
        "fp": 0,
        "fn": 0,
        "categories": 0,
    }
    assert quality.to_dict()["by_class"]["thing 1"]["pq"] == 0.0
    assert set(quality.table().splitlines()[1].split()) == {"all", "–", "0"}
    assert quality_of([], TABLE).images == 0


def small(folder, name, segments, **entry):
    return write_panoptic(folder / f"{name}.json", [(ImageEntry(1, "a.jpg", (10, 10)), segments)], TABLE)


BOTH = halves(Segment(1, THING), Segment(2, STUFF))


def spoil_json(change, name="prediction"):
    def spoil(folder):
        file = folder / f"{name}.json"
        data = json.loads(file.read_text())
        change(data)
        file.write_text(json.dumps(data))

    return spoil


def spoil_png(change):
    def spoil(folder):
        change(folder / "prediction" / "a.png")

    return spoil


def repaint(colour, mode="RGB"):
    def change(path):
        image = Image.open(path).convert(mode)
        image.putpixel((0, 0), colour)
        image.save(path)

    return change


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_json(lambda data: data["annotations"].clear()), r"no annotation for 1 image\(s\) of .*truth.json: 1\."),
        (spoil_json(lambda data: data.pop("annotations")), "it has no 'annotations'"),
        (spoil_json(lambda data: data["annotations"][0].pop("segments_info")), "has no 'segments_info'"),
        (
            spoil_json(lambda data: data["annotations"][0]["segments_info"][0].update(category_id=99)),
            r"prediction\.json: the annotation of image 1: unknown category 99; 'own-panoptic' has 7",
        ),
        (
            spoil_json(lambda data: data["annotations"][0]["segments_info"].pop()),
            r"a\.png: does not fit prediction\.json: segments \[2\] have pixels but no entry",
        ),
        (
            spoil_json(lambda data: data["annotations"][0]["segments_info"].append({"id": 5, "category_id": 3})),
            r"segments \[5\] have an entry but no pixel",
        ),
        (
            spoil_json(lambda data: data["annotations"][0]["segments_info"].append({"id": 1, "category_id": 3})),
            "has the segment 1 more than once",
        ),
        (spoil_json(lambda data: data["annotations"].append(data["annotations"][0])), "image 1 has more than one"),
        (spoil_png(lambda path: path.unlink()), r"a\.png: there is no such file"),
        (spoil_png(lambda path: path.write_bytes(path.read_bytes()[:45])), r"a\.png: .*damaged or cut short"),
        (spoil_png(lambda path: path.write_bytes(path.read_bytes()[:60])), r"hotcoco: .*a\.png: unexpected end"),
        (
            spoil_png(lambda path: Image.open(path).convert("L").save(path)),
            "PNG in RGB of 8 bits, this is PNG of mode L",
        ),
        (spoil_png(repaint((0, 1, 0))), r"segments \[256\] have pixels but no entry"),
        (spoil_png(lambda path: Image.open(path).resize((9, 8)).save(path)), r"in .*truth\.json and 8 x 9 in"),
        (lambda folder: (folder / "prediction.json").write_text("{"), r"prediction\.json is damaged or no panoptic"),
        (lambda folder: (folder / "prediction.json").unlink(), "there is no such file"),
        (lambda folder: (folder / "prediction").rename(folder / "elsewhere"), "there is no such folder"),
    ],
)
def test_what_cannot_be_scored_is_said_in_one_line(tmp_path, spoil, message):
    small(tmp_path, "truth", BOTH)
    small(tmp_path, "prediction", BOTH)
    assert panoptic_quality(tmp_path / "truth.json", tmp_path / "prediction.json").all.pq == 1.0
    spoil(tmp_path)
    with pytest.raises(ValueError, match=message) as error:
        panoptic_quality(tmp_path / "truth.json", tmp_path / "prediction.json")
    assert "\n" not in str(error.value)


def test_a_truth_that_does_not_fit_its_files_is_not_scored(tmp_path):
    small(tmp_path, "prediction", BOTH)
    small(tmp_path, "truth", BOTH)
    repaint((7, 0, 0))(tmp_path / "truth" / "a.png")
    with pytest.raises(ValueError, match=r"truth.a\.png: does not fit truth\.json"):
        panoptic_quality(tmp_path / "truth.json", tmp_path / "prediction.json")


def test_scores_need_nothing_but_annotations_and_predictions_may_hold_more_images(tmp_path):
    small(tmp_path, "truth", BOTH)
    small(tmp_path, "prediction", BOTH)
    annotation = {"image_id": 1, "file_name": "a.png", "segments_info": [{"id": 1, "category_id": THING}]}
    annotation["segments_info"].append({"id": 2, "category_id": STUFF})
    other = {"image_id": 2, "file_name": "none.png", "segments_info": []}
    (tmp_path / "prediction.json").write_text(json.dumps({"annotations": [other, annotation]}))
    (tmp_path / "prediction").rename(tmp_path / "elsewhere")
    spoil_json(lambda data: data.update(images=[{"id": 1}]), "truth")(tmp_path)
    seen = []
    quality = panoptic_quality(
        tmp_path / "truth.json",
        tmp_path / "prediction.json",
        prediction_folder=tmp_path / "elsewhere",
        report=lambda *step: seen.append(step),
    )
    assert (quality.all.pq, quality.images, seen) == (1.0, 1, [(1, 1)])


def test_without_hotcoco_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "hotcoco.panoptic", None)
    with pytest.raises(ImportError, match="pip install hotcoco"):
        quality_of([(BOTH, BOTH)], TABLE)
