"""Batches are a function of the seed and the step alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch._utils import ExceptionWrapper

from rsp_lab.data.images import ImageError
from rsp_lab.data.labels import CITYSCAPES
from rsp_lab.data.sample import Sample
from rsp_lab.data.scenes.dataset import SceneSplit
from rsp_lab.data.scenes.scene import CASES, LEAST
from rsp_lab.data.transforms import AugmentConfig
from tests.trainers.small import NetConfig, config, samples
from trainers.config.run import LossConfig, RunConfig, SceneSampling
from trainers.training.batches import TrainingImages, _order, batch_names, reason, training_batches


def test_batches_do_not_depend_on_workers_or_start() -> None:
    settings = config(batch_size=3)
    everything = list(training_batches(samples(), settings, start=0))
    assert len(everything) == settings.steps
    for workers, start in ((2, 0), (0, 4), (1, 4)):
        others = list(training_batches(samples(), config(batch_size=3, workers=workers), start))
        for ours, theirs in zip(everything[start:], others, strict=True):
            assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_each_pass_sees_every_sample_once() -> None:
    seen = []

    class Watched(list[Sample]):
        def __getitem__(self, index: Any) -> Any:
            seen.append(index)
            return super().__getitem__(index)

    list(training_batches(Watched(samples()), config(steps=10, batch_size=3), start=0))
    passes = [tuple(seen[start : start + 5]) for start in range(0, 30, 5)]
    assert all(sorted(one) == [0, 1, 2, 3, 4] for one in passes)
    assert len(set(passes)) > 1


def test_one_batch_again_and_again() -> None:
    settings = config(overfit_one_batch=True)
    batches = list(training_batches(samples(), settings, 0))
    assert len(batches) == settings.steps
    assert all(torch.equal(batch[0], batches[0][0]) for batch in batches)


def drawn(split: str = "train") -> SceneSplit:
    return SceneSplit(split, LEAST, cache=True)


def scenes_of(**options: Any) -> RunConfig:
    settings = config(batch_size=6, steps=3, augment=AugmentConfig(crop=LEAST, scale=(1.0, 1.0), max_class_share=1.0))
    return replace(settings, model=NetConfig(class_names=CITYSCAPES.classes), scenes=SceneSampling(**options))


def test_a_batch_of_pairs_holds_both_readings_cut_alike() -> None:
    settings, train = scenes_of(pairs=True), drawn()
    names = [batch_names(train, settings, step) for step in range(settings.steps)]
    assert len({name.rsplit("-", 1)[0] for batch in names for name in batch}) == 9
    for batch in names:
        assert [name[-1] for name in batch] == ["0", "1"] * 3
        assert [name[:-1] for name in batch[::2]] == [name[:-1] for name in batch[1::2]]
    crops = list(training_batches(train, replace(settings, augment=replace(settings.augment, colour=False)), 0))
    for crop in crops:
        assert crop.region.any(dim=(1, 2)).all()
        assert torch.equal(crop.region[::2], crop.region[1::2])
        inside = crop.region[::2]
        assert (crop.label[::2] != crop.label[1::2])[inside].all()
        assert torch.equal(*(crop.image[first::2].permute(0, 2, 3, 1)[inside] for first in (0, 1)))


def test_without_pairs_each_scene_has_the_reading_of_its_seed() -> None:
    settings, train = scenes_of(), drawn()
    for name in batch_names(train, settings, 0):
        _, seed, reading = name.rsplit("-", 2)
        assert train.scene(int(seed)).reading == int(reading)


@pytest.mark.parametrize("pairs", [True, False])
def test_cases_take_turns_in_every_batch(pairs: bool) -> None:
    settings, train = scenes_of(pairs=pairs, even_cases=True), drawn()
    for step in range(settings.steps):
        cases = Counter(name.rsplit("-", 2)[0] for name in batch_names(train, settings, step))
        assert cases == dict.fromkeys(CASES, 2)


def test_a_pass_still_sees_every_scene_once() -> None:
    cases = ("a", "b", "a", "a", "c", "b")
    for turn in range(3):
        order = _order(0, turn, len(cases), cases)
        assert sorted(order) == list(range(len(cases)))
        assert sorted(cases[index] for index in order[:3]) == ["a", "b", "c"]
        assert [cases[index] for index in order[-1:]] == ["a"]


def test_cases_are_those_of_the_scenes() -> None:
    for split in ("train", "val"):
        samples = drawn(split)
        assert samples.cases[:7] == tuple(samples.scene(index).ambiguities[0].case for index in range(7))
        assert len(samples.cases) == len(samples)


@pytest.mark.parametrize("option", ["pairs", "even_cases"])
def test_options_of_scenes_are_for_scenes(option: str) -> None:
    with pytest.raises(ValueError, match=r"scenes.pairs and scenes.even_cases are for drawn scenes: take --data"):
        training_batches(samples(), config(scenes=SceneSampling(**{option: True})), 0)
    images = TrainingImages(samples(), config(loss=LossConfig(region_weight=2.0)))
    with pytest.raises(ValueError, match=r"has no region, and loss.region_weight is of regions"):
        images[0, 0]
    if option == "pairs":
        with pytest.raises(ValueError, match="pairs of readings need an even batch_size, got 3"):
            config(scenes=SceneSampling(pairs=True), batch_size=3)


def test_what_a_loading_process_passes_on_is_said_without_its_traceback() -> None:
    try:
        raise ImageError("a.png: the file is damaged. Copy it again.")
    except ImageError:
        passed_on = ExceptionWrapper(where="in DataLoader worker process 0")
    with pytest.raises(ImageError) as error:
        passed_on.reraise()
    assert "Traceback" in str(error.value)
    assert reason(error.value) == "a.png: the file is damaged. Copy it again."
