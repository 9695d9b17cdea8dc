"""What "absent" means in a photograph, against loops."""

from __future__ import annotations

import math

import pytest
import torch

from rsp_lab.analysis.attribution.references import REFERENCES, blur_pixels, reference_image

SIZE = (11, 17)


def test_blur_is_a_gaussian_mean_over_the_pixels_that_are_there() -> None:
    image = torch.rand(1, 3, *SIZE, dtype=torch.float64)
    sigma = blur_pixels(SIZE)
    assert sigma == 11 / 16

    found = reference_image(image, "blur")

    for y, x in ((0, 0), (5, 8), (10, 3)):
        total, weight = torch.zeros(3, dtype=torch.float64), 0.0
        for row in range(SIZE[0]):
            for column in range(SIZE[1]):
                share = math.exp(-((row - y) ** 2 + (column - x) ** 2) / (2 * sigma**2))
                total += share * image[0, :, row, column]
                weight += share
        torch.testing.assert_close(found[0, :, y, x], total / weight, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("reference", REFERENCES)
def test_references_have_the_images_shape_and_stay_in_its_range(reference: str) -> None:
    images = torch.rand(2, 3, *SIZE)
    found = reference_image(images, reference)
    assert (found.shape, found.dtype) == (images.shape, images.dtype)
    assert float(found.min()) >= 0
    assert float(found.max()) <= 1
    assert torch.equal(found[1:], reference_image(images[1:], reference))


def test_mean_and_black_and_a_plain_image() -> None:
    image = torch.rand(1, 3, *SIZE, dtype=torch.float64)
    for channel in range(3):
        expected = sum(image[0, channel].flatten().tolist()) / (SIZE[0] * SIZE[1])
        torch.testing.assert_close(reference_image(image, "mean")[0, channel], torch.full(SIZE, expected).double())
    assert not reference_image(image, "black").any()
    plain = torch.full((1, 3, *SIZE), 0.3, dtype=torch.float64)
    torch.testing.assert_close(reference_image(plain, "blur"), plain)


def test_an_unknown_reference() -> None:
    with pytest.raises(ValueError, match="Did you mean 'blur'"):
        reference_image(torch.rand(1, 3, *SIZE), "blurry")
