"""The merge of a semantic map and detections, by hand, against a naive one, and pixel for pixel."""

from __future__ import annotations

import json

import pytest
import torch
from torch import Tensor

from rsp_lab.analysis.panoptic.merge import Merged, MergeRule, merge
from rsp_lab.data.panoptic.categories import STREET_PANOPTIC, VOID
from rsp_lab.models.panoptic.detections import Detections
from rsp_lab.text import percent

TABLE = STREET_PANOPTIC
ROAD, SIDEWALK, BUILDING = 1, 2, 3
PERSON, RIDER, CAR = 0, 1, 2


def detections_of(masks: Tensor, scores: Tensor, classes: Tensor) -> Detections:
    order = scores.argsort(descending=True, stable=True)
    return Detections(torch.zeros(len(scores), 4), scores[order], classes[order], masks[order])


def by_hand() -> Merged:
    """4 x 6 pixels: road below, sidewalk at the right of the top, things at its left.

    A car of 6 pixels; a person of 4, two of them the car's; a rider of 3, two the car's; a person of low score.
    """
    labels = torch.tensor([[0, 0, 0, 0, 2, 2], [0, 0, 0, 0, 2, 2], [1] * 6, [1] * 6])
    masks = torch.zeros(4, 4, 6, dtype=torch.bool)
    masks[0, :2, :3] = True
    masks[1, 1:3, 2:4] = True
    masks[1, 1, 1] = True  # 5 pixels, two of them the car's
    masks[2, 0, 1:4] = True  # two of three the car's
    masks[3, 3, :] = True
    scores, classes = torch.tensor([0.9, 0.8, 0.7, 0.3]), torch.tensor([CAR, PERSON, RIDER, PERSON])
    return merge(labels, detections_of(masks, scores, classes), TABLE, MergeRule(stuff_area=5))


def test_a_merge_by_hand() -> None:
    merged = by_hand()

    assert merged.map.ids.tolist() == [
        [1, 1, 1, 0, 0, 0],
        [1, 1, 1, 2, 0, 0],
        [3, 3, 2, 2, 3, 3],
        [3, 3, 3, 3, 3, 3],
    ]
    assert [merged.title(segment.id) for segment in merged.map.segments] == ["car 90 %", "person 80 %", "road"]


def test_each_detection_s_record_says_where_its_pixels_are_and_why_it_was_dropped() -> None:
    car, person, rider, faint = by_hand().instances

    assert (car.segment, car.dropped, car.kept, car.lost, car.taken) == (1, None, 6, {}, 0.0)
    assert (person.segment, person.area, person.kept, person.lost, person.taken) == (2, 5, 3, {1: 2}, 0.4)
    assert (rider.segment, rider.dropped, rider.kept, rider.lost) == (None, "overlap", 0, {1: 2, VOID: 1})
    assert rider.taken == pytest.approx(2 / 3)
    assert (faint.segment, faint.dropped, faint.lost, faint.taken) == (None, "score", {3: 6}, None)
    assert [fate.rank for fate in (car, person, rider, faint)] == [1, 2, 3, 4]


def test_each_class_s_record_says_what_instances_took_and_what_is_void() -> None:
    merged = by_hand()
    things, road, sidewalk = merged.stuff

    assert (things.label, things.area, things.left, things.lost, things.dropped) == (0, 8, 1, {1: 6, 2: 1}, "things")
    assert (road.segment, road.area, road.left, road.lost, road.dropped) == (3, 12, 10, {2: 2}, None)
    assert (sidewalk.segment, sidewalk.area, sidewalk.left, sidewalk.dropped) == (None, 4, 4, "area")
    assert merged.void == {"things": 1, "sidewalk": 4}
    assert merged.unaccounted == 0


def test_stuff_that_instances_took_whole_is_neither_void_nor_a_segment() -> None:
    labels = torch.full((2, 4), ROAD)
    labels[:, :2] = BUILDING
    mask = (labels == BUILDING)[None]
    merged = merge(labels, detections_of(mask, torch.tensor([0.6]), torch.tensor([CAR])), TABLE)

    assert [(fate.name, fate.dropped, fate.left) for fate in merged.stuff] == [
        ("road", None, 4),
        ("building", "taken", 0),
    ]
    assert merged.void == {}


def test_the_bounds_are_those_of_the_published_rule() -> None:
    """A score, a share taken and an area of exactly the bound are kept."""
    labels = torch.full((2, 4), ROAD)
    masks = torch.zeros(2, 2, 4, dtype=torch.bool)
    masks[0, 0, :2] = True
    masks[1, 0, 1:3] = True
    found = detections_of(masks, torch.tensor([0.75, 0.5]), torch.tensor([CAR, CAR]))
    merged = merge(labels, found, TABLE, MergeRule(score=0.5, overlap=0.5, stuff_area=5))

    assert [fate.dropped for fate in merged.instances] == [None, None]
    assert merged.instances[1].taken == 0.5
    assert merged.stuff[0].segment == 3
    assert merge(labels, found, TABLE, MergeRule(stuff_area=6)).stuff[0].dropped == "area"


def test_a_detection_of_which_nothing_is_left_is_dropped() -> None:
    masks = torch.zeros(3, 2, 4, dtype=torch.bool)
    masks[:2, 0, :2] = True
    found = detections_of(masks, torch.tensor([0.9, 0.8, 0.7]), torch.tensor([CAR, CAR, PERSON]))
    merged = merge(torch.full((2, 4), ROAD), found, TABLE, MergeRule(overlap=1.0))

    assert [fate.dropped for fate in merged.instances] == [None, "empty", "empty"]
    assert [fate.taken for fate in merged.instances] == [0.0, 1.0, None]


def test_nothing_found_is_all_void() -> None:
    none = detections_of(torch.zeros(0, 3, 5, dtype=torch.bool), torch.zeros(0), torch.zeros(0, dtype=torch.int64))
    merged = merge(torch.zeros(3, 5, dtype=torch.int64), none, TABLE)

    assert (merged.map.segments, merged.void, merged.unaccounted) == ((), {"things": 15}, 0)
    assert "0 segments" in repr(merged)
    assert merged.title(VOID) == "void"


def test_where_a_label_map_knows_nothing_is_void_unless_an_instance_has_it() -> None:
    mask = torch.zeros(1, 2, 3, dtype=torch.bool)
    mask[0, 0, 0] = True
    merged = merge(torch.full((2, 3), 255), detections_of(mask, torch.tensor([0.9]), torch.tensor([CAR])), TABLE)

    assert merged.void == {"unknown": 5}
    assert (merged.stuff[0].dropped, merged.stuff[0].lost, merged.unaccounted) == ("unknown", {1: 1}, 0)


@pytest.mark.parametrize("size", [(128, 256), (256, 512), (480, 640), (1024, 2048)])
def test_the_area_bound_shrinks_with_pictures_smaller_than_coco_s(size: tuple[int, int]) -> None:
    wanted = {(128, 256): 437, (256, 512): 1748, (480, 640): 4096, (1024, 2048): 4096}

    assert MergeRule.for_size(*size).stuff_area == wanted[size]


def naive(labels: Tensor, detections: Detections, rule: MergeRule) -> list[list[tuple[str, int] | None]]:
    """Who has each pixel, pixel by pixel: ("thing", place of the detection), ("stuff", class), or None."""
    y, x = labels.shape
    owner: list[list[tuple[str, int] | None]] = [[None] * x for _ in range(y)]
    for place in range(len(detections)):
        mask = {(i, j) for i in range(y) for j in range(x) if detections.masks[place, i, j]}
        free = {(i, j) for i, j in mask if owner[i][j] is None}
        if detections.scores[place] < rule.score or not free or len(mask - free) / len(mask) > rule.overlap:
            continue
        for i, j in free:
            owner[i][j] = ("thing", place)
    for label in range(1, len(TABLE.stuff) + 1):
        free = {(i, j) for i in range(y) for j in range(x) if owner[i][j] is None and labels[i, j] == label}
        if len(free) >= rule.stuff_area:
            for i, j in free:
                owner[i][j] = ("stuff", label)
    return owner


@pytest.mark.parametrize("seed", range(40))
def test_random_detections_merge_as_a_naive_merge_and_every_pixel_is_accounted_for(seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    y, x, number = 7, 11, seed % 9
    labels = torch.randint(0, 4, (y, x), generator=random)
    blobs = torch.rand(number, y, x, generator=random) < torch.rand(number, 1, 1, generator=random)
    scores = torch.randint(0, 8, (number,), generator=random) / 7  # with ties, and some of them the bound
    found = detections_of(blobs, scores, torch.randint(0, 8, (number,), generator=random))
    rule = MergeRule(score=3 / 7, overlap=0.25 * (seed % 4 + 1), stuff_area=seed % 13)
    merged = merge(labels, found, TABLE, rule)

    owners = naive(labels, found, rule)
    titles = [
        [
            "void"
            if owner is None
            else TABLE.stuff[owner[1] - 1].name
            if owner[0] == "stuff"
            else f"{TABLE.things[int(found.classes[owner[1]])].name} {percent(found.scores[owner[1]], 0)}"
            for owner in row
        ]
        for row in owners
    ]
    assert [[merged.title(number) for number in row] for row in merged.map.ids.tolist()] == titles
    assert merged.unaccounted == 0
    areas = merged.map.areas
    for place, fate in enumerate(merged.instances):
        mine = sum(owner == ("thing", place) for row in owners for owner in row)
        assert (fate.kept, fate.dropped is None) == (mine, mine > 0)
        assert fate.area == fate.kept + sum(fate.lost.values()) == int(found.masks[place].sum())
        assert fate.segment is None or areas[fate.segment] == fate.kept
    assert sum(fate.area for fate in merged.stuff) == y * x
    assert sum(areas.values()) + sum(merged.void.values()) == y * x


def test_an_account_that_does_not_add_up_is_told() -> None:
    merged = by_hand()
    wrong = merged.map.ids.clone()
    wrong[0, 0] = 3
    changed = Merged(
        type(merged.map)(wrong, merged.map.segments),
        merged.table,
        merged.rule,
        merged.labels,
        merged.detections,
        merged.instances,
        merged.stuff,
    )

    assert changed.unaccounted == 1


def test_the_record_is_written_as_json() -> None:
    written = json.loads(json.dumps(by_hand().to_dict()))

    assert written["instances"][1]["lost"] == {"1": 2}
    assert written["void"] == {"area": 5, "by_semantic_class": {"things": 1, "sidewalk": 4}}
    assert written["merge"]["stuff_area"] == 5
    assert [segment["area"] for segment in written["segments"]] == [6, 3, 10]


def test_what_is_not_of_one_image_or_no_class_is_refused() -> None:
    one = detections_of(torch.ones(1, 2, 3, dtype=torch.bool), torch.tensor([0.9]), torch.tensor([8]))

    with pytest.raises(ValueError, match=r"are \(2, 4\), the image \(2, 3\)"):
        merge(torch.zeros(2, 4, dtype=torch.int64), one, TABLE)
    with pytest.raises(ValueError, match=r"classes \[8\]; 'street-panoptic' has 8 things"):
        merge(torch.zeros(2, 3, dtype=torch.int64), one, TABLE)
    with pytest.raises(ValueError, match="the semantic map hold the ids 12"):
        merge(torch.full((2, 3), 12), one, TABLE)
    with pytest.raises(ValueError, match="between 0 and 1"):
        MergeRule(score=1.5)
