import numpy as np
import pytest
import torch
from PIL import Image

from rsp_lab.data.labels import IGNORE_INDEX
from rsp_lab.data.sample import Sample
from rsp_lab.data.transforms import (
    PADDING_RGB,
    AugmentConfig,
    CropBox,
    augment,
    centred,
    cut,
    distort_colour,
    draw_box,
    draw_centre,
    largest_class_share,
    sample_rng,
)

H, W = 72, 96


@pytest.fixture
def sample():
    rng = np.random.default_rng(0)
    image = torch.from_numpy(rng.integers(0, 256, (3, H, W), dtype=np.uint8))
    return Sample("noise", image, torch.from_numpy(rng.integers(0, 11, (H, W), dtype=np.uint8)))


def test_a_crop_is_a_pure_function_of_seed_step_and_index(sample):
    config = AugmentConfig(crop=(48, 64))
    first = augment(sample, config, sample_rng(1, 2, 3))
    again = augment(sample, config, sample_rng(1, 2, 3))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    for other in ((2, 2, 3), (1, 3, 3), (1, 2, 4)):
        assert not torch.equal(first[0], augment(sample, config, sample_rng(*other))[0])


@pytest.mark.parametrize("crop", [(48, 64), (200, 31), (53, 300)])
def test_form_of_a_crop(sample, crop):
    before = sample.image.clone(), sample.label.clone()
    for step in range(10):
        image, label, _ = augment(sample, AugmentConfig(crop=crop), sample_rng(0, step, 0))
        assert image.shape == (3, *crop)
        assert image.dtype == torch.float32
        assert 0 <= image.min() <= image.max() <= 1
        assert label.shape == crop
        assert label.dtype == torch.int64
    assert torch.equal(sample.image, before[0])
    assert torch.equal(sample.label, before[1])


@pytest.mark.parametrize("resample", [Image.Resampling.BILINEAR, Image.Resampling.NEAREST])
@pytest.mark.parametrize("scaled", [(40, 53), (72, 96), (113, 151)])
def test_cutting_equals_scaling_the_whole_then_cropping(sample, resample, scaled):
    whole = Image.fromarray(sample.image.permute(1, 2, 0).contiguous().numpy())
    reference = np.array(whole.resize(scaled[::-1], resample))
    for top, left in ((0, 0), (7, 11), (scaled[0] - 30, scaled[1] - 40)):
        part = cut(whole, CropBox(scaled, top, left), (30, 40), resample, PADDING_RGB)
        difference = np.abs(part.astype(int) - reference[top : top + 30, left : left + 40])
        # A target pixel whose centre falls on the edge of two source pixels may take either.
        assert (difference > 1).mean() < (0.05 if resample == Image.Resampling.NEAREST else 1e-9)


def test_outside_the_image_is_padding_that_is_ignored():
    image = torch.full((3, 64, 64), 7, dtype=torch.uint8)
    one = Sample("flat", image, torch.zeros(64, 64, dtype=torch.uint8))
    config = AugmentConfig(crop=(100, 90), scale=(1.0, 1.0), flip=0.0, colour=False)
    pixels, label, _ = augment(one, config, sample_rng(0, 0, 0))
    inside = label != IGNORE_INDEX
    assert inside.sum() == 64 * 64
    assert torch.allclose(pixels[:, inside], torch.tensor(7 / 255))
    assert torch.allclose(pixels[:, ~inside], torch.tensor(PADDING_RGB)[:, None] / 255)


def test_the_smallest_image_scaled_down_is_one_pixel():
    assert draw_box((1, 3), AugmentConfig(crop=(8, 8), scale=(0.3, 0.4)), sample_rng(0, 0, 0)).scaled == (1, 1)
    small = Sample("s", torch.zeros(3, 1, 3, dtype=torch.uint8), torch.zeros(1, 3, dtype=torch.uint8))
    assert augment(small, AugmentConfig(crop=(8, 8), scale=(0.3, 0.4)), sample_rng(0, 0, 0)).image.shape == (3, 8, 8)


def test_scales_of_the_paper():
    config = AugmentConfig(crop=(512, 1024))
    sides = {draw_box((1024, 2048), config, sample_rng(0, step, 0)).scaled for step in range(2000)}
    assert sides == {(side, 2 * side) for side in range(512, 2049, 32)}


def test_flip_turns_image_and_label_together(sample):
    config = {"crop": (H, W), "scale": (1.0, 1.0), "colour": False, "max_class_share": 1.0}
    image, label, _ = augment(sample, AugmentConfig(flip=1.0, **config), sample_rng(0, 0, 0))
    assert torch.equal((image * 255).round().to(torch.uint8), sample.image.flip(2))
    assert torch.equal(label, sample.label.long().flip(1))


def test_crops_of_mostly_one_class_are_drawn_anew():
    label = torch.zeros(H, W, dtype=torch.uint8)
    label[:, W // 2 :] = 1
    one = Sample("halves", torch.zeros(3, H, W, dtype=torch.uint8), label)

    def shares(tries: int) -> list[float]:
        config = AugmentConfig(crop=(24, 24), scale=(1.0, 1.0), tries=tries)
        return [largest_class_share(augment(one, config, sample_rng(0, s, 0))[1].numpy()) for s in range(60)]

    assert max(shares(100)) <= 0.75 < max(shares(1))


@pytest.mark.parametrize(
    ("label", "share"), [([[0, 0, 0, 1]], 0.75), ([[3, 255, 255, 255]], 1.0), ([[255, 255]], 1.0), ([[1, 2, 255]], 0.5)]
)
def test_share_counts_labelled_pixels_only(label, share):
    assert largest_class_share(np.array(label, np.uint8)) == share


def test_colour_keeps_the_channels_in_their_order():
    red = torch.zeros(3, 8, 8, dtype=torch.uint8)
    red[0] = 200
    for step in range(50):
        out = distort_colour(red, sample_rng(0, step, 0)).float().mean((1, 2))
        assert out.argmax() == 0


def test_a_sample_without_label_is_refused(sample):
    with pytest.raises(ValueError, match="no label"):
        augment(Sample("bare", sample.image), AugmentConfig(), sample_rng(0, 0, 0))


@pytest.mark.parametrize(
    "wrong",
    [
        {"crop": (0, 5)},
        {"scale": (2.0, 1.0)},
        {"scale": (0.0, 1.0)},
        {"scale_step": 0},
        {"flip": 2.0},
        {"max_class_share": 0.0},
        {"tries": 0},
    ],
)
def test_a_wrong_config_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        AugmentConfig(**wrong)


def test_centres_are_uniform_over_classes_and_in_the_middle():
    label = np.zeros((60, 90), np.uint8)
    label[50:52, 80:83] = 7
    label[:5] = 255
    centres = [draw_centre(label, sample_rng(0, step, 0)) for step in range(400)]
    assert 0.4 < np.mean([label[centre] == 7 for centre in centres]) < 0.6
    assert all(label[centre] != 255 for centre in centres)
    assert label[draw_centre(np.full((4, 5), 255, np.uint8), sample_rng(0, 0, 0))] is not None
    box = centred(CropBox((120, 180), 3, 4), (30, 45), (60, 90), (40, 50))
    assert (box.top, box.left) == (61 - 20, 91 - 25)
    corner = centred(CropBox((120, 180), 3, 4), (59, 0), (60, 90), (40, 50))
    assert (corner.top, corner.left) == (80, 0)
    small = centred(CropBox((30, 180), -5, 4), (59, 0), (60, 90), (40, 50))
    assert small.top == -5


def test_a_rare_class_is_seen_more_often_by_centres():
    label = torch.zeros(60, 90, dtype=torch.uint8)
    label[50:52, 80:83] = 7
    sample = Sample("rare", torch.zeros(3, 60, 90, dtype=torch.uint8), label)

    def seen(bootstrap):
        config = AugmentConfig(crop=(16, 16), scale=(1.0, 1.0), bootstrap=bootstrap)
        return sum(bool((augment(sample, config, sample_rng(0, step, 0))[1] == 7).any()) for step in range(100))

    assert seen("centres") > 40
    assert seen("reject") < seen("centres")


def test_a_region_is_cut_as_the_label_is() -> None:
    rng = np.random.default_rng(0)
    label = torch.from_numpy(rng.integers(0, 2, (40, 60), dtype=np.uint8))
    image = torch.from_numpy(rng.integers(0, 256, (3, 40, 60), dtype=np.uint8))
    config = AugmentConfig(crop=(48, 48), scale=(0.5, 2.0), scale_step=1)
    for step in range(20):
        crop = augment(Sample("s", image, label, label == 1), config, sample_rng(0, step, 0))
        assert crop.region.dtype == torch.bool
        assert torch.equal(crop.region, crop.label == 1)
    assert not augment(Sample("s", image, label), config, sample_rng(0, 0, 0)).region.any()


@pytest.mark.parametrize("region", [torch.zeros(4, 5), torch.zeros(5, 4, dtype=torch.bool)])
def test_a_region_is_a_mask_of_the_image(region: torch.Tensor, unchecked: None) -> None:
    with pytest.raises(ValueError, match=r"s: region must be bool \[4, 5\] like the image, got"):
        Sample("s", torch.zeros(3, 4, 5, dtype=torch.uint8), None, region)
