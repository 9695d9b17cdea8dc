from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from rsp_lab.analysis.panoptic.confusion import ConfusionMeter
from rsp_lab.analysis.panoptic.quality import quality_of
from rsp_lab.data.panoptic.categories import VOID
from rsp_lab.data.panoptic.segments import Segment, SegmentMap
from tests.kit.segment_maps import TABLE, perturbed, random_map


@pytest.fixture(scope="module")
def pairs():
    rng = np.random.default_rng(5)
    truths = [random_map(rng) for _ in range(12)]
    return [(truth, perturbed(truth, rng)) for truth in truths]


def counted(pairs):
    meter = ConfusionMeter(TABLE)
    for pair in pairs:
        meter.add(*pair)
    return meter.result()


def places(segments):
    """Each pixel's place in the table, void last."""
    found = torch.full(segments.ids.shape, len(TABLE.categories))
    for segment in segments.segments:
        found[segments.ids == segment.id] = [c.id for c in TABLE.categories].index(segment.category_id)
    return found


def test_every_pixel_is_counted_once_by_its_categories(pairs):
    confusion = counted(pairs)
    expected = np.zeros_like(confusion.pixels)
    for truth, prediction in pairs:
        np.add.at(expected, (places(truth).numpy(), places(prediction).numpy()), 1)
    assert (confusion.pixels == expected).all()
    assert confusion.names == (*(category.name for category in TABLE.categories), "void")
    assert confusion.images == 12
    rates = confusion.rates
    assert np.allclose(rates[confusion.pixels.sum(1) > 0].sum(1), 1)


def test_matched_pixels_are_those_that_matches_of_panoptic_quality_share(pairs):
    for truth, prediction in pairs:
        confusion, quality = counted([(truth, prediction)]), quality_of([(truth, prediction)], TABLE)
        for score, matched, right in zip(
            quality.by_category, confusion.matched, confusion.pixels.diagonal(), strict=False
        ):
            assert (matched > 0) == (score.tp > 0)
            assert matched <= right
            if score.tp == 1:
                assert matched in shares(truth, prediction, score)


def shares(truth, prediction, score):
    """Shared pixels of the pairs of segments of a category whose IoU is that of its one match."""
    void = truth.ids == VOID
    for one in truth.segments:
        for other in prediction.segments:
            if one.category_id == other.category_id == score.category.id:
                mask, predicted = truth.ids == one.id, prediction.ids == other.id
                union = int((mask | (predicted & ~void)).sum())
                if int((mask & predicted).sum()) / union == pytest.approx(score.iou):
                    yield int((mask & predicted).sum())


def test_a_case_worked_out_by_hand():
    truth = torch.zeros(4, 5, dtype=torch.int32)
    truth[:2], truth[2] = 1, 2
    given = torch.zeros(4, 5, dtype=torch.int32)
    given[:1], given[1], given[2:] = 11, 12, 13
    confusion = counted(
        [
            (
                SegmentMap(truth, (Segment(1, 5), Segment(2, 3))),
                SegmentMap(given, (Segment(11, 5), Segment(12, 5), Segment(13, 5))),
            )
        ]
    )
    thing, stuff, void = 1, 0, 7
    assert confusion.pixels[thing, thing] == 10
    assert confusion.pixels[stuff, thing] == confusion.pixels[void, thing] == 5
    assert confusion.pixels.sum() == 20
    assert confusion.matched.sum() == 0, "halves of a thing are no match: 5 of 10 pixels"
    assert confusion.mistakes() == [("stuff 0", "thing 1", 5, 1.0)]
    row = next(line.split() for line in confusion.table().splitlines() if line.startswith("thing 1"))
    assert row == ["thing", "1", "10", "0.0", "100.0", "0.0", "–"]
    assert "stuff 0 as thing 1" in repr(confusion)
    assert json.loads(json.dumps(confusion.to_dict())) == confusion.to_dict()


def test_what_does_not_fit_is_refused(pairs):
    meter = ConfusionMeter(TABLE)
    small = SegmentMap(torch.zeros(3, 4, dtype=torch.int32), ())
    with pytest.raises(ValueError, match=r"the truth is \[21, 34\], the prediction \[3, 4\]"):
        meter.add(pairs[0][0], small)
    unknown = SegmentMap(torch.ones(3, 4, dtype=torch.int32), (Segment(1, 99),))
    with pytest.raises(ValueError, match="unknown category 99"):
        meter.add(small, unknown)
