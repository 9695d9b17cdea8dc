"""What another semantic map changes in PQ: exact by class, shared out among images, with a cause for each."""

from __future__ import annotations

import json

import pytest
import torch
from torch import Tensor

from rsp_lab.analysis.panoptic.difference import KINDS, SemanticEffect, effect_of_maps, semantic_effect
from rsp_lab.analysis.panoptic.merge import Merged, MergeRule, merge
from rsp_lab.analysis.panoptic.quality import quality_of
from rsp_lab.analysis.panoptic.segmentation import panoptic
from rsp_lab.data.panoptic.categories import STREET_PANOPTIC, Category, PanopticTable
from rsp_lab.data.panoptic.segments import Segment, SegmentMap
from rsp_lab.data.panoptic.street_scenes import PanopticScenes
from rsp_lab.data.scenes.scene import LEAST
from rsp_lab.files import to_json
from rsp_lab.models.panoptic.detections import Detections
from rsp_lab.models.panoptic.presets import tiny_panoptic_baseline
from rsp_lab.models.panoptic.segmenter import PanopticSegmenter
from tests.kit import panoptic as kit

TABLE = PanopticTable(
    "small",
    (
        Category(2, "road", False, (1, 1, 1)),
        Category(3, "grass", False, (2, 2, 2)),
        Category(5, "car", True, (3, 3, 3)),
        Category(8, "sky", False, (4, 4, 4)),
    ),
)
ROAD, GRASS, SKY = 1, 2, 3
SIZE = (10, 20)
RULE = MergeRule(stuff_area=30)


def truth() -> SegmentMap:
    """Sky above, road below with a car on it, ten pixels of void at the left."""
    ids = torch.full(SIZE, 1, dtype=torch.int32)
    ids[:4] = 2
    ids[6:9, 8:12] = 3
    ids[:, 0] = 0
    return SegmentMap(ids, (Segment(1, 2), Segment(2, 8), Segment(3, 5)))


def detected() -> Detections:
    masks = torch.zeros(1, *SIZE, dtype=torch.bool)
    masks[0, 6:9, 8:12] = True
    return Detections(torch.tensor([[8.0, 6, 12, 9]]), torch.tensor([0.9]), torch.tensor([0]), masks)


def perfect() -> Tensor:
    labels = torch.full(SIZE, ROAD)
    labels[:4] = SKY
    return labels


def merged(labels: Tensor, found: Detections) -> Merged:
    return merge(labels, found, TABLE, RULE)


def effect(*pairs: tuple[Tensor, Tensor]) -> SemanticEffect:
    found = detected()
    return effect_of_maps((f"image-{i}", truth(), merged(a, found), merged(b, found)) for i, (a, b) in enumerate(pairs))


def test_the_same_map_changes_nothing() -> None:
    result = effect((perfect(), perfect()))
    assert result.effects == ()
    assert result.changes == {"all": 0, "things": 0, "stuff": 0}
    assert result.sentence().endswith("no segment changes.")


def test_a_segment_that_is_won_by_hand() -> None:
    """Half of the road is called grass: of its 102 px without void and the car 48 are left, an IoU below 0.5."""
    wrong = perfect()
    wrong[4:, 10:] = GRASS
    result = effect((wrong, perfect()))

    by_class = result.by_class
    assert by_class["road"] == 1
    assert by_class["grass"] == 0  # a segment of it is there before, but PQ is 0 either way
    assert by_class["sky"] == by_class["car"] == 0
    kinds = {one.category.name: one.kind for one in result.effects}
    assert kinds == {"road": "won", "grass": "false gone"}
    road = next(one for one in result.effects if one.category.name == "road")
    assert road.truth == 6 * 19 - 12
    assert road.cause is not None
    assert road.cause.words("road") == "54 px of road were taken for grass"
    assert "with too small an IoU -> matched, IoU 1.00" in road.sentence()
    assert result.changes["things"] == 0


def test_what_falls_below_the_bound_is_said() -> None:
    small = perfect()
    small[:4, 6:] = ROAD
    result = effect((perfect(), small))

    sky = next(one for one in result.effects if one.category.name == "sky")
    assert sky.kind == "lost"
    assert sky.after.words() == "24 px are left, below the bound of 30"
    assert sky.cause is not None
    assert sky.cause.words("sky") == "56 px of sky are taken for road"
    road = next(one for one in result.effects if one.category.name == "road")
    assert road.kind == "worse"
    assert road.cause is not None
    assert road.cause.words("road") == "56 px of sky are taken for road"
    gone = effect((perfect(), torch.full(SIZE, ROAD)))
    assert next(one for one in gone.effects if one.category.name == "sky").after.words() == "no pixel is called so"


def test_effects_add_up_to_the_change_of_each_class() -> None:
    generator = torch.Generator().manual_seed(0)
    pairs = []
    for _ in range(12):
        maps = []
        for _ in range(2):
            labels, edge = perfect(), int(torch.randint(2, 8, (), generator=generator))
            labels[edge:], labels[:edge] = ROAD, SKY
            labels[4:, int(torch.randint(5, 20, (), generator=generator)) :] = GRASS
            maps.append(labels)
        pairs.append((maps[0], maps[1]))
    result = effect(*pairs)

    assert result.residual < 1e-12
    assert sum(count for count, _ in result.by_kind.values()) == len(result.effects)
    assert {one.kind for one in result.effects} >= {"won", "lost", "better", "worse", "false gone", "false new"}
    found = detected()
    for quality, place in ((result.before, 0), (result.after, 1)):
        direct = quality_of(((truth(), merged(pair[place], found).map) for pair in pairs), TABLE)
        assert quality.images == direct.images == 12
        for one, other in zip(quality.by_category, direct.by_category, strict=True):
            assert (one.tp, one.fp, one.fn) == (other.tp, other.fp, other.fn)
            assert one.iou == pytest.approx(other.iou, rel=1e-12)
    total = sum(result.by_class.values()) / len(result.by_class)
    assert result.changes["all"] == pytest.approx(total)
    magnitudes = [abs(one.effect) for one in result.effects]
    assert magnitudes == sorted(magnitudes, reverse=True)


def test_a_class_that_one_map_alone_has() -> None:
    wrong = perfect()
    wrong[4:, 10:] = GRASS
    result = effect((perfect(), perfect()), (perfect(), wrong))
    assert result.residual < 1e-12
    assert next(one for one in result.effects if one.category.name == "grass").kind == "false new"


def test_what_is_said_is_json_and_text() -> None:
    small = perfect()
    small[:4, 6:] = ROAD
    result = effect((perfect(), small))
    plain = json.loads(to_json(result.to_dict()))

    assert plain["change"]["things"] == 0
    assert plain["by_class"]["sky"] == -1
    assert plain["segments"][0]["category"] == "sky"
    assert set(plain["by_kind"]) <= set(KINDS)
    assert "sky in image-0" in result.table()
    assert len(repr(result).splitlines()) <= 12


class TwoScenes(PanopticScenes):
    """The first two scenes of val, at their smallest size."""

    def __init__(self) -> None:
        super().__init__("val", LEAST, cache=True)

    def __len__(self) -> int:
        return 2


def street_model(seed: int) -> PanopticSegmenter:
    names = (tuple(c.name for c in part) for part in (STREET_PANOPTIC.things, STREET_PANOPTIC.stuff))
    return kit.panoptic_network(tiny_panoptic_baseline(*names, STREET_PANOPTIC.name), seed)


def test_two_models_on_a_data_set() -> None:
    first, second, samples, done = street_model(0), street_model(1), TwoScenes(), []
    result = semantic_effect(first, second, samples, lambda *counts: done.append(counts))

    assert done == [(1, 2), (2, 2)]
    assert result.before.images == result.after.images == 2
    expected = quality_of(
        ((samples.segment_map(i), panoptic(first, samples[i].image).merged.map) for i in range(2)), STREET_PANOPTIC
    )
    assert result.before.to_dict() == expected.to_dict()
    assert result.changes["things"] in (0, None)
    assert result.residual < 1e-12


@pytest.mark.usefixtures("unchecked")
def test_models_that_cannot_be_compared_are_refused() -> None:
    first, other = street_model(0), kit.panoptic_network()
    with pytest.raises(ValueError, match="finds no segments"):
        semantic_effect(first.semantic, first, TwoScenes())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="have other categories"):
        semantic_effect(first, other, TwoScenes())


@pytest.mark.parametrize("place", [0, 1])
def test_neither_model_is_asked_in_training_mode(place: int) -> None:
    models = street_model(0), street_model(1)
    models[place].train()
    before = {name: value.clone() for name, value in models[place].state_dict().items()}

    with pytest.raises(ValueError, match="the model is in training mode"):
        semantic_effect(*models, TwoScenes())
    assert all(torch.equal(before[name], value) for name, value in models[place].state_dict().items())


@pytest.mark.usefixtures("unchecked")
def test_other_detections_are_refused() -> None:
    one, two = merged(perfect(), detected()), merged(perfect(), detected())
    with pytest.raises(ValueError, match="image: both merges must have the same detections"):
        effect_of_maps([("image", truth(), one, two)])
    with pytest.raises(ValueError, match="there is no image"):
        effect_of_maps([])
