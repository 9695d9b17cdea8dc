"""Why a segment is what it is: every kind of place has its story, whose numbers are the model's own."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from rsp_lab.analysis.attribution.methods import GradientXInput
from rsp_lab.analysis.panoptic.fates import InstanceFate, StuffFate
from rsp_lab.analysis.panoptic.merge import MergeRule
from rsp_lab.analysis.panoptic.places import Kind, Place, places
from rsp_lab.analysis.panoptic.segmentation import PanopticPass, panoptic
from rsp_lab.analysis.panoptic.segments import SegmentStory, explain_segment


@pytest.fixture(scope="module")
def seen(panoptic_pair: tuple[PanopticPass, PanopticPass]) -> PanopticPass:
    return panoptic_pair[0]


def place_of(seen: PanopticPass, kind: Kind, class_name: str = "") -> Place:
    return next(p for p in places(seen.merged) if p.kind == kind and class_name in p.title)


def told(seen: PanopticPass, place: Place) -> SegmentStory:
    return explain_segment(seen, place.pixel, method=GradientXInput())


def mean_margin(seen: PanopticPass, place: Place, rival: str) -> float:
    """From logits at the image's size, pixel by pixel."""
    names = seen.model.class_names
    with torch.no_grad():
        logits = seen.model.semantic(seen.image)[0].double()
    margins = logits[names.index(place.class_name)] - logits[names.index(rival)]
    return float(margins[place.mask].mean())


@pytest.mark.parametrize("kind", ["stuff", "thing", "void"])
def test_margins_are_means_over_the_pixels_and_add_up(seen: PanopticPass, kind: Kind) -> None:
    place = place_of(seen, kind)
    story = told(seen, place)

    assert story.ledgers
    for ledger in story.ledgers:
        assert ledger.total == pytest.approx(mean_margin(seen, place, str(ledger.target.rival)), abs=1e-4)
        assert ledger.bias + sum(ledger.sums.values()) == pytest.approx(ledger.total, abs=1e-4)
    assert story.residual < 1e-5
    assert story.shares == {
        name: share
        for label, name in enumerate(seen.model.class_names)
        if (share := float((seen.merged.labels[place.mask] == label).double().mean()))
    }
    assert json.loads(json.dumps(story.to_dict()))["kind"] == kind
    assert story.place.title in repr(story)


def test_stuff_is_held_against_the_strongest_other_stuff_and_against_things(seen: PanopticPass) -> None:
    place = place_of(seen, "stuff")
    story = told(seen, place)
    others = [name for name in seen.model.class_names[1:] if name != place.title]

    assert [ledger.target.rival for ledger in story.ledgers] == [
        min(others, key=lambda other: mean_margin(seen, place, other)),
        "things",
    ]
    assert story.attribution is None
    assert isinstance(place.fate, StuffFate)
    assert f"{place.title}, {place.fate.left:,} px: the semantic branch says {place.title} over" in story.sentence()


def test_a_thing_has_its_merge_record_and_an_attribution_of_its_class(seen: PanopticPass) -> None:
    place = place_of(seen, "thing")
    story = told(seen, place)

    assert isinstance(place.fate, InstanceFate)
    assert [ledger.target.class_name for ledger in story.ledgers] == ["things"]
    assert story.attribution is not None
    assert torch.tensor(story.attribution.target_value).sigmoid() == pytest.approx(place.fate.score, abs=1e-5)
    assert f"keeps {place.fate.kept:,} of the {place.fate.area:,} px" in story.sentence()
    assert "a detection that is kept overrules it" in story.sentence()
    assert all(claim.fate.rank != place.fate.rank for claim in story.claims)
    assert explain_segment(seen, place.pixel, method=None).attribution is None


@pytest.mark.usefixtures("unchecked")
def test_a_pixel_of_numpy_is_a_pixel(seen: PanopticPass) -> None:
    place = place_of(seen, "stuff")
    found = explain_segment(seen, tuple(np.array(place.pixel)), method=None)

    assert json.loads(json.dumps(found.to_dict()))["pixel"] == list(place.pixel)


def test_void_says_what_it_would_have_been_and_the_rule_that_dropped_it(seen: PanopticPass) -> None:
    rule = MergeRule(score=1.0, stuff_area=5000)
    void = panoptic(seen.model, seen.image, rule)
    place = places(void.merged)[0]
    story = explain_segment(void, place.pixel)

    assert place.kind == "void"
    assert f"Void that would have been {place.fate.name}" in story.sentence() or place.fate.name == "things"
    assert f"{place.area:,} px of it are left, and the merge drops what has fewer than 5,000" in story.sentence()
    best = story.claims[0]
    assert best.pixels == max(int((mask & place.mask).sum()) for mask in void.merged.detections.masks)
    assert story.why(best) == "its score is below 100 %"


@pytest.mark.parametrize(("overlap", "words"), [(0.0, "more than 0 %"), (1.0, "")])
def test_a_dropped_detection_says_which_rule_dropped_it(seen: PanopticPass, overlap: float, words: str) -> None:
    merged = panoptic(seen.model, seen.image, MergeRule(score=0.05, overlap=overlap, stuff_area=1))
    story = explain_segment(merged, place_of(merged, "thing").pixel, method=None)
    dropped = [claim for claim in story.claims if claim.fate.dropped]

    assert dropped
    for claim in dropped:
        assert words in story.why(claim) or claim.fate.dropped == "empty"
    assert all(story.why(claim) == "" for claim in story.claims if claim.fate.dropped is None)
