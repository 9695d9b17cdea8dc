"""Training images that are taken whole: scaled, flipped and padded, with their labels and things."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from rsp_lab.data.panoptic.pictures import Picture, ResizeConfig, nearest, resized
from rsp_lab.data.sample import Instances, Sample
from rsp_lab.data.transforms import PADDING_RGB, sample_rng

SMALL = ResizeConfig(short_side=(20, 32), step=4, longest=48, multiple=16)


def sample(size: tuple[int, int] = (24, 36), things: Sequence[tuple[slice, slice]] = ()) -> Sample:
    """Noise whose label is the reddest third of it; each thing a rectangle."""
    rng = np.random.default_rng(0)
    image = torch.from_numpy(rng.integers(0, 256, (3, *size), dtype=np.uint8))
    masks = torch.zeros(len(things), *size, dtype=torch.bool)
    for mask, (rows, columns) in zip(masks, things, strict=True):
        mask[rows, columns] = True
    return Sample("s", image, image[0] // 86, None, Instances(masks, torch.arange(len(things))))


def drawn(count: int, config: ResizeConfig, of: Sample) -> list[Picture]:
    return [resized(of, config, sample_rng(0, step, 0)) for step in range(count)]


def test_the_shorter_side_is_drawn_from_the_steps_and_the_longer_one_is_bounded() -> None:
    sizes = {tuple(picture.label.shape) for picture in drawn(60, SMALL, sample())}
    assert sizes == {(20, 30), (24, 36), (28, 42), (32, 48)}
    upright = {tuple(picture.label.shape) for picture in drawn(60, SMALL, sample((36, 24)))}
    assert upright == {(y, x) for x, y in sizes}
    long = {tuple(picture.label.shape) for picture in drawn(20, SMALL, sample((10, 40)))}
    assert long == {(12, 48)}


def test_the_papers_sides() -> None:
    config = ResizeConfig()
    found = {config.scaled((480, 640), side) for side in range(640, 801, 32)}
    assert found == {(640, 853), (672, 896), (704, 939), (736, 981), (768, 1024), (800, 1067)}
    assert config.scaled((300, 640), 800) == (625, 1333)
    assert config.largest == (896, 1408)


def test_an_image_at_its_own_size_is_only_flipped() -> None:
    things = [(slice(3, 9), slice(1, 8)), (slice(2, 20), slice(20, 33))]
    given = sample(things=things)
    still = ResizeConfig(short_side=(24, 24), longest=36)
    flips = set()
    for picture in drawn(20, still, given):
        flipped = not torch.equal(picture.label, given.label.long())
        flips.add(flipped)
        parts = picture.image, picture.label, picture.instances.masks
        image, label, masks = (values.flip(-1) if flipped else values for values in parts)
        assert torch.equal((image * 255).round().byte(), given.image)
        assert torch.equal(label, given.label.long())
        assert torch.equal(masks, given.instances.masks)
        first = [36 - 8, 3, 36 - 1, 9] if flipped else [1, 3, 8, 9]
        assert picture.instances.boxes[0].tolist() == first
    assert flips == {True, False}
    unflipped = drawn(9, replace(still, flip=0), given)
    assert all(torch.equal(picture.label, given.label.long()) for picture in unflipped)


@pytest.mark.parametrize("size", [(31, 17), (7, 90), (24, 36), (1, 1)])
def test_each_pixel_has_the_label_and_the_things_at_its_centre(size: tuple[int, int]) -> None:
    label = sample().label
    assert label is not None
    (y, x), (height, width) = label.shape, size
    expected = torch.tensor(
        [
            [int(label[(2 * i + 1) * y // (2 * height), (2 * j + 1) * x // (2 * width)]) for j in range(width)]
            for i in range(height)
        ]
    )
    assert torch.equal(nearest(label, size).long(), expected)
    assert torch.equal(nearest(torch.stack([label, label + 1]), size)[1].long(), expected + 1)


def test_things_of_which_nothing_is_left_are_dropped() -> None:
    given = sample((96, 144), [(slice(0, 1), slice(0, 1)), (slice(40, 80), slice(3, 90))])
    (picture,) = drawn(1, ResizeConfig(short_side=(20, 20), longest=48), given)
    assert picture.instances.classes.tolist() == [1]
    assert picture.instances.masks.shape == (1, 20, 30)


def test_an_image_without_things_is_one() -> None:
    (picture,) = drawn(1, SMALL, sample())
    assert len(picture.instances) == 0
    assert picture.instances.masks.shape[1:] == picture.label.shape
    assert picture.instances.boxes.shape == (0, 4)


def test_a_picture_follows_from_its_place_alone() -> None:
    given = sample(things=[(slice(3, 9), slice(1, 8))])
    one, same, other = (resized(given, SMALL, sample_rng(0, step, 3)) for step in (7, 7, 8))
    assert torch.equal(one.image, same.image)
    assert one.seed == same.seed
    assert one.seed != other.seed


def test_a_batch_is_padded_to_its_largest_image() -> None:
    config, things = ResizeConfig((20, 20), longest=48, multiple=16), [(slice(0, 9), slice(0, 9))]
    pictures = [resized(sample(size, things), config, sample_rng(0, 0, 0)) for size in ((20, 33), (36, 20))]
    batch = SMALL.collate(pictures)
    assert batch.image.shape == (2, 3, 48, 48)
    assert batch.seeds == tuple(picture.seed for picture in pictures)
    for index, picture in enumerate(pictures):
        height, width = picture.label.shape
        assert torch.equal(batch.label[index, :height, :width], picture.label)
        assert torch.equal(batch.image[index, :, :height, :width], picture.image)
        assert batch.instances[index].masks.shape[1:] == (height, width)
        outside = torch.ones(48, 48, dtype=torch.bool)
        outside[:height, :width] = False
        assert (batch.label[index][outside] == 255).all()
        colours = (batch.image[index][:, outside] * 255).round().T.unique(dim=0)
        assert colours.tolist() == [list(PADDING_RGB)]


def test_parts_are_the_batch_and_more_padding_changes_nothing_else() -> None:
    batch = SMALL.collate(drawn(4, SMALL, sample(things=[(slice(3, 9), slice(1, 8))])))
    first, second = batch.parts(2)
    assert torch.equal(torch.cat([first.image, second.image]), batch.image)
    assert first.instances + second.instances == batch.instances
    assert first.seeds + second.seeds == batch.seeds
    wide = batch.padded((64, 96))
    assert wide.image.shape[-2:] == wide.label.shape[-2:] == (64, 96)
    assert torch.equal(wide.label[:, :32, :48], batch.label[:, :32, :48])
    assert (wide.label[:, 32:] == 255).all()
    assert batch.padded((batch.label.shape[1], batch.label.shape[2])) is batch


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"short_side": (800, 640)}, "1 <= least <= greatest <= longest"),
        ({"longest": 700}, "1 <= least <= greatest <= longest"),
        ({"step": 0}, "step must be at least 1"),
        ({"flip": 1.5}, "flip is a probability"),
        ({"multiple": 0}, "multiple must be at least 1"),
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ResizeConfig(**change)


def test_a_sample_without_things_known_is_refused() -> None:
    bare = sample()
    with pytest.raises(ValueError, match="s: has no instances"):
        resized(Sample("s", bare.image, bare.label), SMALL, sample_rng(0, 0, 0))
    with pytest.raises(ValueError, match="s: has no label"):
        resized(Sample("s", bare.image, None, None, bare.instances), SMALL, sample_rng(0, 0, 0))
