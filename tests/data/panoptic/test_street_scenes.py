import pickle

import pytest
import torch

from rsp_lab.data.labels import CITYSCAPES, IGNORE_INDEX
from rsp_lab.data.panoptic.categories import STREET_PANOPTIC, VOID
from rsp_lab.data.panoptic.samples import PanopticSamples
from rsp_lab.data.panoptic.street_scenes import PanopticScenes, scene_segments
from rsp_lab.data.scenes.dataset import DrawnSamples, SceneSplit
from rsp_lab.data.scenes.difficulty import DEFAULT, Difficulty
from rsp_lab.data.scenes.scene import CASES, draw_scene
from rsp_lab.data.sources import open_split

SIZE = (64, 128)


def test_pictures_are_those_of_the_scenes_and_labels_agree_with_theirs():
    scenes = SceneSplit("val", SIZE)
    for index, sample in zip(range(6), PanopticScenes("val", SIZE), strict=False):
        plain = scenes[index]
        assert sample.name == plain.name
        assert torch.equal(sample.image, plain.image)
        assert torch.equal(sample.region, plain.region)
        assert sample.instances is not None
        known = sample.label != IGNORE_INDEX
        names = [CITYSCAPES.classes[i] for i in plain.label[known].tolist()]
        expected = [name if name in sample_stuff() else "things" for name in names]
        assert [PanopticScenes.table.classes[i] for i in sample.label[known].tolist()] == expected
        assert torch.equal(sample.instances.masks.any(0), sample.label == 0)
        assert (sample.instances.masks.sum(0) <= 1).all()
        things = [category.name for category in STREET_PANOPTIC.things]
        for mask, place in zip(sample.instances.masks, sample.instances.classes.tolist(), strict=True):
            assert {CITYSCAPES.classes[i] for i in plain.label[mask].tolist()} == {things[place]}


def sample_stuff():
    return {category.name for category in STREET_PANOPTIC.stuff}


@pytest.mark.parametrize(("size", "least"), [((64, 128), 8), ((128, 256), 16)])
def test_things_too_small_are_void(size, least):
    dropped = 0
    for seed in range(6):
        scene = draw_scene(seed, *size)
        numbers, areas = scene.instances.unique(return_counts=True)
        small = numbers[(numbers >= 1000) & (areas < least)]
        segments = scene_segments(scene)
        assert {segment.id for segment in segments.segments} == set(numbers.tolist()) - set(small.tolist()) - {VOID}
        gone = torch.isin(scene.instances, small)
        assert (segments.ids[gone] == VOID).all()
        assert torch.equal(segments.ids[~gone], scene.instances[~gone])
        dropped += len(small)
    assert dropped


@pytest.mark.parametrize("case", CASES)
def test_every_category_is_one_of_streets(case):
    for reading in (0, 1):
        segments = scene_segments(draw_scene(5, *SIZE, case=case, reading=reading, difficulty=Difficulty(figures=3)))
        STREET_PANOPTIC.check_ids(segment.category_id for segment in segments.segments)


def test_kept_scenes_are_those_drawn_anew():
    kept, fresh = PanopticScenes("train", SIZE, cache=True), PanopticScenes("train", SIZE)
    for samples in (kept, kept, fresh):
        sample = samples.reading(1, 0)
        assert sample.name.endswith("-1-0")
        assert torch.equal(sample.label, fresh.reading(1, 0).label)
        assert torch.equal(sample.instances.masks, fresh.reading(1, 0).instances.masks)
    assert kept.segment_map(1).segments == fresh.segment_map(1).segments


def test_entries_have_the_names_of_samples():
    for split in ("train", "val"):
        samples = PanopticScenes(split, SIZE)
        assert [samples.image_entry(i).file_name for i in range(4)] == [f"{samples[i].name}.png" for i in range(4)]
        assert samples.image_entry(3).size == SIZE


def test_annotations_are_the_instances():
    samples = PanopticScenes("val", SIZE)
    found, instances = samples.annotations(2), samples[2].instances
    assert len(found) == len(instances) > 0
    things = [category.id for category in STREET_PANOPTIC.things]
    assert [entry["category_id"] for entry in found] == [things[place] for place in instances.classes.tolist()]
    assert [entry["area"] for entry in found] == instances.masks.flatten(1).sum(1).tolist()
    left, top, right, bottom = instances.boxes.int().T.tolist()
    corners = [[x, y, x + width, y + height] for x, y, width, height in (entry["bbox"] for entry in found)]
    assert corners == [list(box) for box in zip(left, top, right, bottom, strict=True)]


def test_numbers_of_images_say_seed_and_reading():
    train, val = PanopticScenes("train", SIZE), PanopticScenes("val", SIZE)
    assert [val.image_entry(index).id for index in range(3)] == [2_000_001, 2_000_002, 2_000_003]
    assert [train.image_entry(i).id - 1 for i in range(4)] == [
        2 * i + int(train[i].name.rsplit("-", 1)[1]) for i in range(4)
    ]
    with pytest.raises(IndexError, match="scene 120 of 120 in val"):
        val.image_entry(120)


def test_they_are_drawn_panoptic_samples_for_runs_and_workers():
    samples = open_split("small-panoptic-scenes", "val", cache=True)
    assert isinstance(samples, DrawnSamples)
    assert isinstance(samples, PanopticSamples)
    assert (samples.size, samples.split, samples.cases[:4:2]) == ((128, 256), "val", tuple(CASES)[1:])
    assert samples.with_difficulty(DEFAULT) is samples
    harder = samples.with_difficulty(Difficulty(decoys=2))
    assert harder.scenes.difficulty == Difficulty(decoys=2)
    again = pickle.loads(pickle.dumps(PanopticScenes("test", SIZE)))  # noqa: S301
    assert again[0].name == PanopticScenes("test", SIZE)[0].name
    with pytest.raises(ValueError, match="'dawn' is no split"):
        PanopticScenes("dawn")
