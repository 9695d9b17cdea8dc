"""Erased pixels are what the others suggest, and the others stay bit for bit."""

from __future__ import annotations

import builtins
import math

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from rsp_lab.analysis.attribution.erase import FILLS, erase
from rsp_lab.analysis.attribution.references import blur_pixels
from tests.kit.networks import noise_image, rectangle

SIZE = (40, 56)
MASK = rectangle(slice(10, 20), slice(30, 44), SIZE)


def image() -> Tensor:
    return noise_image(SIZE, dtype=torch.float64)[0]


@pytest.mark.parametrize("fill", FILLS)
def test_the_other_pixels_stay_and_what_was_hidden_does_not_matter(fill: str) -> None:
    pytest.importorskip("skimage", reason="scikit-image is not installed")
    one, other = image(), torch.where(MASK, 1 - image(), image())

    found = erase(one, MASK, fill)

    assert torch.equal(found[:, ~MASK], one[:, ~MASK])
    assert torch.equal(found, erase(other, MASK, fill))
    assert not torch.equal(found, one)
    assert found.dtype == torch.float64
    assert 0 <= float(found.min()) <= float(found.max()) <= 1


def test_mean_and_blur_by_hand() -> None:
    one = image()
    assert erase(one, MASK, "mean")[:, MASK][:, 0].tolist() == pytest.approx(one[:, ~MASK].mean(1).tolist())

    sigma, (y, x) = blur_pixels(SIZE), (12, 33)
    rows, columns = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in SIZE), indexing="ij")
    weights = torch.exp(-0.5 * (((rows - y) / sigma) ** 2 + ((columns - x) / sigma) ** 2)) * ~MASK
    by_hand = (one * weights).sum((1, 2)) / weights.sum()
    assert erase(one, MASK)[:, y, x].tolist() == pytest.approx(by_hand.tolist(), abs=1e-9)


def test_far_from_all_others_a_blur_is_their_mean() -> None:
    size = (64, 640)
    one, mask = noise_image(size)[0], torch.ones(size, dtype=torch.bool)
    mask[:, :8] = False

    found = erase(one, mask)

    assert found[:, 30, 639].tolist() == pytest.approx(one[:, :, :8].mean((1, 2)).tolist(), abs=1e-6)
    assert math.isfinite(float(found.sum()))


def test_an_even_surface_is_inpainted_evenly() -> None:
    pytest.importorskip("skimage", reason="scikit-image is not installed")
    ramp = torch.linspace(0, 1, SIZE[1], dtype=torch.float64).expand(3, *SIZE)

    torch.testing.assert_close(erase(ramp, MASK, "inpaint"), ramp, atol=1e-6, rtol=0)


def test_every_kind_of_image_and_mask() -> None:
    pixels = (image() * 255).to(torch.uint8)
    array = pixels.permute(1, 2, 0).numpy()

    found = erase(pixels, MASK)

    assert found.dtype == torch.uint8
    assert torch.equal(found, erase(Image.fromarray(array), MASK.numpy()))
    assert torch.equal(found, erase(pixels.numpy(), np.asarray(MASK)))


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
def test_the_answer_has_the_image_s_own_floating_point(kind: str) -> None:
    picture = image().to(getattr(torch, kind))
    found = erase(picture, MASK)

    assert found.dtype == picture.dtype
    assert torch.equal(found, erase(picture.numpy(), MASK))
    assert torch.equal(found[:, ~MASK], picture[:, ~MASK])


def test_a_mirrored_mask() -> None:
    mirrored = MASK.numpy()[::-1, ::-1]
    assert torch.equal(erase(image(), mirrored), erase(image(), mirrored.copy()))


@pytest.mark.parametrize(
    ("mask", "says"),
    [
        (torch.zeros(SIZE, dtype=torch.bool), "erases nothing"),
        (torch.ones(SIZE, dtype=torch.bool), "erases the whole image"),
        (MASK.T, "rows before columns"),
        (MASK.float(), "expected booleans"),
    ],
)
def test_a_mask_that_is_none_is_refused(mask: Tensor, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        erase(image(), mask)


def test_an_unknown_fill_and_a_missing_library_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"no fill is named 'blurr'.*blur"):
        erase(image(), MASK, "blurr")
    find = builtins.__import__

    def without(name: str, *arguments: object, **options: object) -> object:
        if name.startswith("skimage"):
            raise ImportError(name)
        return find(name, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match="pip install scikit-image"):
        erase(image(), MASK, "inpaint")


@pytest.mark.usefixtures("unchecked")
def test_no_fill_is_no_name_of_one() -> None:
    with pytest.raises(ValueError, match=r"no fill is named None\. Existing fills: blur, mean, inpaint"):
        erase(torch.zeros(3, 8, 8), torch.ones(8, 8, dtype=torch.bool), None)  # type: ignore[arg-type]
