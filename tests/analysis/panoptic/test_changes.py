"""What changed between two segmentations: by hand, by pixels, and through the semantic map alone."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from rsp_lab.analysis.panoptic.changes import compare_segments, segment_changes
from rsp_lab.analysis.panoptic.merge import Merged, MergeRule, merge
from rsp_lab.analysis.panoptic.segmentation import PanopticPass, panoptic
from rsp_lab.data.panoptic.categories import STREET_PANOPTIC
from rsp_lab.models.panoptic.detections import Detections
from tests.kit import panoptic as kit

ROAD, SIDEWALK, BUILDING = 1, 2, 3
PERSON, RIDER, CAR, TRUCK = 0, 1, 2, 3


def merged(labels: Tensor, *things: tuple[int, slice, slice]) -> Merged:
    masks = torch.zeros(len(things), *labels.shape, dtype=torch.bool)
    for mask, (_, rows, columns) in zip(masks, things, strict=True):
        mask[rows, columns] = True
    scores = torch.linspace(0.9, 0.6, len(things))
    classes = torch.tensor([kind for kind, _, _ in things], dtype=torch.int64)
    return merge(
        labels,
        Detections(torch.zeros(len(things), 4), scores, classes, masks),
        STREET_PANOPTIC,
        MergeRule(stuff_area=1),
    )


def street() -> Tensor:
    labels = torch.full((8, 10), BUILDING)
    labels[4:] = ROAD
    return labels


def test_every_kind_of_change_by_hand() -> None:
    first = merged(street(), (CAR, slice(4, 6), slice(0, 4)), (PERSON, slice(2, 6), slice(8, 10)))
    second = merged(
        street(),
        (TRUCK, slice(4, 6), slice(0, 4)),
        (RIDER, slice(0, 2), slice(0, 3)),
        (PERSON, slice(2, 5), slice(8, 10)),
    )
    found = segment_changes(first, second)
    told = {change.kind: change for change in found.changes if change.kind != "extent"}
    extents = {change.titles[0]: change for change in found.changes if change.kind == "extent"}

    assert (told["relabelled"].titles, told["relabelled"].iou, told["relabelled"].pixels) == (
        ("car 90 %", "truck 90 %"),
        1.0,
        8,
    )
    assert (told["new"].titles, told["new"].pixels) == (("building", "rider 75 %"), 6)
    assert (extents["person 60 %"].iou, extents["person 60 %"].pixels) == (0.75, 2)
    assert extents["building"].pixels == 6
    assert extents["road"].pixels == 2
    assert found.counts == {"extent": 3, "relabelled": 1, "lost": 0, "new": 1}
    assert (found.same, found.differing) == (0, 8 + 6 + 2)
    assert [change.pixels for change in found.changes] == sorted((c.pixels for c in found.changes), reverse=True)
    assert found.foremost is told["relabelled"]
    assert ": of 4 segments, 3 differ in their outlines alone, 1 has another category; 1 is new." in found.sentence()
    assert "The largest change beyond outlines: car (score 90 %) → truck (score 90 %) on 8 px" in found.sentence()
    assert found.at((0, 0)) is not None
    assert found.at((7, 5)) is None


def test_what_is_lost_says_what_is_there_instead() -> None:
    first, second = merged(street(), (CAR, slice(4, 6), slice(0, 4))), merged(street())
    (lost,) = (change for change in segment_changes(first, second).changes if change.kind == "lost")

    assert lost.titles == ("car 90 %", "road")
    assert lost.sentence() == "car (score 90 %) is lost: most of its 8 px are road"


def test_what_is_lost_to_void_says_what_void_is() -> None:
    labels = street()
    labels[4:6, :4] = 0
    first, second = merged(labels, (CAR, slice(4, 6), slice(0, 4))), merged(labels)
    found = segment_changes(first, second, ("a", "b"))

    assert found.sentence() == (
        "a and b differ on 10 % of the pixels: of 3 segments, 2 are the same, 1 is lost. The largest change beyond "
        "outlines: car (score 90 %) is lost: most of its 8 px are void, part of no segment."
    )


def test_nothing_changed_is_said() -> None:
    one = merged(street(), (CAR, slice(4, 6), slice(0, 4)))
    found = segment_changes(one, one, ("a", "b"))

    assert (found.changes, found.same, found.differing) == ((), 3, 0)
    assert found.sentence() == "a and b have the same segments, pixel for pixel."


@pytest.mark.parametrize("seed", range(12))
def test_pixels_of_another_category_are_counted_once(seed: int) -> None:
    random = torch.Generator().manual_seed(seed)

    def drawn() -> Merged:
        things = [
            (int(torch.randint(0, 3, (), generator=random)), slice(int(y), int(y) + 3), slice(int(x), int(x) + 3))
            for y, x in torch.randint(0, 7, (seed % 5, 2), generator=random)
        ]
        return merged(torch.randint(0, 4, (8, 10), generator=random), *things)

    first, second = drawn(), drawn()
    categories = [{0: 0} | {segment.id: segment.category_id for segment in one.map.segments} for one in (first, second)]
    wanted = sum(
        categories[0][a] != categories[1][b]
        for a, b in zip(first.map.ids.flatten().tolist(), second.map.ids.flatten().tolist(), strict=True)
    )
    found = segment_changes(first, second)
    back = segment_changes(second, first)

    assert found.differing == back.differing == wanted
    assert [found.counts[kind] for kind in ("extent", "relabelled", "lost", "new")] == [
        back.counts[kind] for kind in ("extent", "relabelled", "new", "lost")
    ]
    kept = found.same + found.counts["extent"] + found.counts["relabelled"]
    assert kept + found.counts["lost"] == len(first.map.segments)
    assert kept + found.counts["new"] == len(second.map.segments)


def test_the_semantic_map_alone_is_changed(panoptic_pair: tuple[PanopticPass, PanopticPass]) -> None:
    left, right = panoptic_pair
    compared = compare_segments(left, right)
    things = [segment.id for segment in left.merged.map.segments if segment.category_id in (1, 2, 3)]

    assert torch.equal(compared.exchanged.labels, right.merged.labels)
    for segment in things:
        assert torch.equal(compared.exchanged.map.ids == segment, left.merged.map.ids == segment)
    assert all(change.first not in things for change in compared.by_semantic_map.changes)
    assert compared.sentences()[1].startswith("With the detections of ")
    written = json.loads(json.dumps(compared.to_dict()))
    assert written["differing"] == compared.changes.differing
    assert compared.names[0].endswith("(left)")
    assert "by the semantic map" in repr(compared)


def test_passes_of_two_images_or_tables_are_refused(panoptic_pair: tuple[PanopticPass, PanopticPass]) -> None:
    left, right = panoptic_pair
    other = panoptic(right.model, torch.rand(3, 61, 98))
    with pytest.raises(ValueError, match="two images"):
        compare_segments(left, other)
    table = replace(right.merged.table, name="another")
    with pytest.raises(ValueError, match="of other names"):
        compare_segments(left, replace(right, merged=replace(right.merged, table=table)))
    with pytest.raises(ValueError, match="of one image and one table"):
        segment_changes(left.merged, merged(street()))
    assert kit.THINGS


def test_what_is_there_instead_is_most_of_it_or_its_largest_part() -> None:
    labels = street()
    labels[4:6, 1:4] = torch.tensor([SIDEWALK, BUILDING, 0])
    found = segment_changes(merged(street(), (CAR, slice(4, 6), slice(0, 4))), merged(labels))
    told = {change.kind: change for change in found.changes}

    assert told["lost"].instead == 2
    assert told["lost"].sentence().startswith("car (score 90 %) is lost: the largest part of its 8 px is ")


@pytest.mark.usefixtures("unchecked")
def test_a_change_is_at_a_pixel_of_the_image() -> None:
    first, second = merged(street(), (CAR, slice(4, 6), slice(0, 4))), merged(street())
    found = segment_changes(first, second)

    assert found.at((np.int64(4), np.int64(0))) is found.changes[0]
    for outside in ((-1, 0), (0, found.size[1])):
        with pytest.raises(ValueError, match="outside the image"):
            found.at(outside)
