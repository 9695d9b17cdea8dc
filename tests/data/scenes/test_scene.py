"""Drawn scenes: what two readings share, where they differ, and that the same seed gives the same bytes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rsp_lab.data.labels import CITYSCAPES, CITYSCAPES_LABEL_IDS
from rsp_lab.data.scenes.scene import CASES, Scene, draw_scene, draw_scene_pair, max_distance

SIZES = [(64, 128), (65, 131), (96, 300), (200, 130)]


def nearest(region: np.ndarray, cue: np.ndarray) -> float:
    """Distance of the closest pixels of two masks, by trying all pairs."""
    ours, theirs = np.argwhere(region)[:, None].astype(float), np.argwhere(cue)[None].astype(float)
    return float(np.sqrt(((ours - theirs) ** 2).sum(-1)).min())


def bytes_of(scene: Scene) -> list[torch.Tensor]:
    ambiguity = scene.ambiguities[0]
    return [scene.image, scene.label, scene.instances, ambiguity.region, ambiguity.cue, *ambiguity.decoys]


@pytest.fixture(scope="module", params=[(case, seed) for case in CASES for seed in (0, 1, 2)], ids=str)
def pair(request: pytest.FixtureRequest) -> tuple[Scene, Scene]:
    case, seed = request.param
    return draw_scene_pair(seed, *SIZES[seed], case=case)


@pytest.mark.parametrize("case", CASES)
def test_same_seed_same_bytes(case: str) -> None:
    first, again, other = (draw_scene(seed, 64, 128, case=case, reading=1) for seed in (3, 3, 4))
    assert all(torch.equal(a, b) for a, b in zip(bytes_of(first), bytes_of(again), strict=True))
    assert first.to_dict() == again.to_dict()
    assert not torch.equal(first.image, other.image)


def test_two_readings_differ_in_the_cue_alone(pair: tuple[Scene, Scene]) -> None:
    first, second = pair
    ambiguity = first.ambiguities[0]
    elsewhere = ~(ambiguity.cue | ambiguity.region)

    assert torch.equal(first.image[:, ~ambiguity.cue], second.image[:, ~ambiguity.cue])
    assert torch.equal(first.label[elsewhere], second.label[elsewhere])
    assert torch.equal(first.instances[elsewhere], second.instances[elsewhere])
    assert (first.image != second.image).any()
    for scene in pair:
        ours = scene.ambiguities[0]
        assert torch.equal(ours.region, ambiguity.region)
        assert torch.equal(ours.cue, ambiguity.cue)
        assert torch.equal(ours.decoys[0], ambiguity.decoys[0])


def test_the_regions_own_pixels_cannot_decide(pair: tuple[Scene, Scene]) -> None:
    first, second = pair
    ambiguity, other = first.ambiguities[0], second.ambiguities[0]

    assert torch.equal(first.image[:, ambiguity.region], second.image[:, ambiguity.region])
    assert (ambiguity.class_id, ambiguity.alternative_id) == (other.alternative_id, other.class_id)
    assert ambiguity.class_id != other.class_id
    assert first.label[ambiguity.region].unique().tolist() == [ambiguity.class_id]
    assert second.label[ambiguity.region].unique().tolist() == [other.class_id]


def test_masks_are_there_and_apart(pair: tuple[Scene, Scene]) -> None:
    first, second = pair
    ambiguity = first.ambiguities[0]
    masks = (ambiguity.region, ambiguity.cue, *ambiguity.decoys)

    assert int(sum(mask.int() for mask in masks).max()) == 1
    assert all(mask.sum() >= 8 for mask in masks)
    decoy = ambiguity.decoys[0]
    assert torch.equal(first.image[:, decoy], second.image[:, decoy])
    assert torch.equal(first.label[decoy], second.label[decoy])


@pytest.mark.parametrize("case", CASES)
def test_the_distance_is_the_one_asked_for(case: str) -> None:
    for distance in (2, 9, max_distance(64, 128)):
        for seed in range(2):
            ambiguity = draw_scene(seed, 64, 128, case=case, distance=distance).ambiguities[0]
            assert ambiguity.requested == distance
            assert ambiguity.distance == pytest.approx(nearest(ambiguity.region.numpy(), ambiguity.cue.numpy()))
            assert distance <= ambiguity.distance <= 1.15 * distance + 1.5, (seed, distance)
            assert ambiguity.mean_distance >= ambiguity.distance


@pytest.mark.parametrize("size", [*SIZES, (256, 512)])
def test_sizes_and_kinds(size: tuple[int, int]) -> None:
    scene = draw_scene(2, *size)
    assert scene.sample.size == size
    assert scene.image.shape == (3, *size)
    assert scene.instances.shape == size
    assert scene.instances.dtype == torch.int32


def test_instances_are_those_of_the_labels() -> None:
    scene = draw_scene(4, 128, 256)
    to_raw = torch.tensor([*CITYSCAPES_LABEL_IDS, *[0] * (256 - len(CITYSCAPES))])
    codes = scene.instances
    raw = torch.where(codes >= 1000, codes // 1000, codes)
    assert torch.equal(raw.long(), to_raw[scene.label.long()])
    for code in codes[codes >= 1000].unique():
        assert scene.label[codes == code].unique().numel() == 1


def test_the_classes_of_a_street_occur() -> None:
    found = torch.cat([draw_scene(seed, 96, 192).label.unique() for seed in range(9)]).unique().tolist()
    names = {CITYSCAPES.classes[i] for i in found if i != CITYSCAPES.ignore_index}
    assert names >= set(CITYSCAPES.classes) - {"wall", "train"}


def test_readings_and_cases_take_turns() -> None:
    scenes = [draw_scene(seed, 64, 128) for seed in range(6)]
    assert [scene.ambiguities[0].case for scene in scenes] == [*CASES, *CASES]
    assert {scene.reading for scene in scenes} == {0, 1}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"height": 63}, "64 x 128"),
        ({"width": 127}, "64 x 128"),
        ({"seed": -1}, "0 or more"),
        ({"case": "tree-bush"}, "person-rider, road-pavement, car-bus"),
        ({"distance": 1}, "2 to 19 pixels away"),
        ({"distance": 20}, "larger picture"),
        ({"reading": 2}, "0 or 1"),
    ],
)
def test_what_cannot_be_drawn_says_why(wrong: dict[str, int | str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        draw_scene(**({"seed": 0, "height": 64, "width": 128} | wrong))  # type: ignore[arg-type]
