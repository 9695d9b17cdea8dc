from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from rsp_lab.rgb import network_input, one_image, rgb_batch, rgb_pixels

pytestmark = pytest.mark.usefixtures("unchecked")


def every_value() -> Tensor:
    """A photograph with each of the 256 values in each channel; the sides are different primes times a power of two."""
    values = torch.arange(256, dtype=torch.uint8).repeat(3, 1).view(3, 8, 32)
    return torch.stack([values[0], values[1].flip(0), values[2].flip(1)])


def naive(image: Tensor) -> Tensor:
    return torch.tensor(
        [[[value / 255 for value in row] for row in channel] for channel in image.tolist()], dtype=torch.float32
    )[None]


KINDS: dict[str, Callable[[Tensor], Any]] = {
    "uint8 tensor": lambda image: image,
    "uint8 batch": lambda image: image[None],
    "float tensor": lambda image: image / 255,
    "float batch": lambda image: image[None] / 255,
    "float64 tensor": lambda image: image.double() / 255,
    "uint8 array": lambda image: image.numpy(),
    "float64 array": lambda image: image.numpy() / 255,
    "float32 array of another byte order": lambda image: (image.numpy() / np.float32(255)).astype(">f4"),
    "read-only array": lambda image: np.broadcast_to(image.numpy(), (1, *image.shape)),
    "mirrored array": lambda image: image.flip(2).numpy()[:, :, ::-1],
    "rows first in memory": lambda image: image.permute(1, 2, 0).contiguous().permute(2, 0, 1),
    "PIL image": lambda image: Image.fromarray(image.permute(1, 2, 0).contiguous().numpy()),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_one_photograph_is_one_batch(kind: str) -> None:
    image = every_value()

    for border in (rgb_batch, one_image):
        found = border(KINDS[kind](image), dtype=torch.float32)

        assert torch.equal(found, naive(image))
        assert found.is_contiguous()
    assert torch.equal(rgb_pixels(KINDS[kind](image)), image)
    assert torch.equal(network_input(KINDS[kind](image), torch.zeros(()), check_range=True), naive(image))


def test_dtypes() -> None:
    image = every_value()

    assert rgb_batch(image).dtype == torch.float32
    assert rgb_batch(image.half() / 255).dtype == torch.float32
    assert rgb_batch(image.double() / 255).dtype == torch.float64
    assert rgb_batch(image, dtype=torch.float64).dtype == torch.float64
    assert torch.equal(rgb_pixels(image.bfloat16() / 255), ((image.bfloat16() / 255).float() * 255).round().byte())


def test_the_result_is_in_memory_of_its_own() -> None:
    for given in (torch.rand(1, 3, 4, 5), torch.rand(3, 4, 5, dtype=torch.float64)):
        before = given.clone()

        rgb_batch(given).zero_()
        rgb_batch(given, dtype=given.dtype, device="cpu").zero_()

        assert torch.equal(given, before)
    array = np.random.default_rng(0).random((3, 4, 5), dtype=np.float32)
    before = torch.from_numpy(array.copy())
    rgb_batch(array).zero_()
    network_input(array, torch.zeros(()), check_range=True).zero_()
    assert torch.equal(torch.from_numpy(array), before)


def test_the_result_can_take_part_in_a_gradient() -> None:
    with torch.inference_mode():
        given = torch.rand(3, 4, 5)
        found = rgb_batch(given)

    found.requires_grad_().sum().backward()
    assert found.grad is not None
    assert not rgb_batch(torch.rand(3, 4, 5, requires_grad=True)).requires_grad


def test_what_a_network_takes_is_differentiable_and_not_copied() -> None:
    given = torch.rand(1, 3, 4, 5, requires_grad=True)
    assert network_input(given, torch.zeros(()), check_range=True) is given

    network_input(given, torch.zeros((), dtype=torch.float64), check_range=True).sum().backward()
    assert torch.equal(given.grad, torch.ones_like(given))


REFUSED: dict[str, tuple[Any, str]] = {
    "0..255": (every_value().float(), r"float32 with values from 0 to 255, .*divide by 255"),
    "0..255 array": (every_value().numpy().astype(np.float64), r"float64 with values from 0 to 255, .*divide by 255"),
    "16 bits": (every_value().float() * 257, r"values from 0 to 6.554e\+04, .*65535"),
    "normalised": ((every_value() / 255 - 0.45) / 0.22, r"pass the photograph before normalisation"),
    "-1..1": (every_value() / 127.5 - 1, r"values from -1 to 1, .*pass the photograph before normalisation"),
    "minus the mean": (every_value() - 120.0, r"values from -120 to 135, .*before normalisation"),
    "overshoot": (every_value() / 250, r"values from 0 to 1.02, .*pass image.clamp\(0, 1\)"),
    "undershoot of an array": ((every_value() / 255 - 0.01).numpy(), r"pass image.clip\(0, 1\)"),
    "NaN": (torch.full((3, 4, 5), torch.nan), r"not finite .*nan_to_num"),
    "infinity": (torch.rand(3, 4, 5).index_fill(1, torch.tensor(2), torch.inf), r"not finite"),
    "HWC": (torch.rand(4, 5, 3), r"shape \(4, 5, 3\), .*pass image.permute\(2, 0, 1\)"),
    "HWC array": (np.zeros((4, 5, 3), np.uint8), r"shape \(4, 5, 3\), .*pass image.transpose\(2, 0, 1\)"),
    "BHWC": (torch.rand(2, 4, 5, 3), r"pass image.permute\(0, 3, 1, 2\)"),
    "RGBA, HWC": (np.zeros((5, 6, 4), np.uint8), r"pass image\[..., :3\].transpose\(2, 0, 1\)"),
    "RGBA": (torch.rand(4, 5, 6), r"image\[:3\]"),
    "grey": (torch.rand(5, 6), r"image.expand\(3, -1, -1\)"),
    "grey array": (np.zeros((5, 6), np.uint8), r"np.stack"),
    "one channel": (torch.rand(1, 1, 5, 6), r"image.expand\(-1, 3, -1, -1\)"),
    "one channel array": (np.zeros((1, 5, 6)), r"np.repeat\(image, 3, axis=0\)"),
    "a batch of batches": (torch.rand(1, 1, 3, 5, 6), r"pass image\[i\]"),
    "a row": (torch.rand(3), r"rows and columns"),
    "seven channels": (torch.rand(7, 5, 6), r"7 channels"),
    "empty side": (torch.rand(3, 0, 5), r"shape \(3, 0, 5\), where nothing is left"),
    "empty batch": (torch.rand(0, 3, 4, 5), r"nothing is left"),
    "bool": (torch.ones(3, 4, 5, dtype=torch.bool), r"tensor of bool, .*a mask is no photograph"),
    "int64": (every_value().long(), r"tensor of int64, .*convert it to uint8"),
    "complex": (torch.ones(3, 4, 5, dtype=torch.complex64), r"tensor of complex64"),
    "uint16 array": (np.zeros((3, 4, 5), np.uint16), r"array of uint16, .*65535"),
    "objects": (np.zeros((3, 4, 5), object), r"array of object"),
    "sparse": (torch.rand(3, 4, 5).to_sparse(), r"image.to_dense\(\)"),
    "PIL, palette": (Image.new("P", (5, 4)), r"mode 'P', expected RGB: pass image.convert\('RGB'\)"),
    "PIL, transparent": (Image.new("RGBA", (5, 4)), r"mode 'RGBA', expected RGB"),
    "path": (Path("street.png"), r"Path, expected .*Read the file with read_image"),
    "name": ("street.png", r"str, expected .*read_image"),
    "nothing": (None, r"got a NoneType, expected an RGB image"),
    "list": ([[0.5]], r"got a list, expected an RGB image"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_image_is_refused_with_its_remedy(name: str) -> None:
    image, message = REFUSED[name]

    for border in (rgb_batch, one_image, rgb_pixels):
        with pytest.raises(ValueError, match=message) as refused:
            border(image)
        assert len(str(refused.value).splitlines()) == 1


def test_a_pil_image_whose_file_is_cut_short_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "cut.png"
    Image.fromarray(np.random.default_rng(0).integers(256, size=(40, 50, 3), dtype=np.uint8)).save(file)
    file.write_bytes(file.read_bytes()[:3000])
    with Image.open(file) as image, pytest.raises(ValueError, match=r"cannot be read to its end .* Copy or download"):
        rgb_batch(image)


def test_one_image_is_no_batch() -> None:
    assert len(rgb_batch(torch.rand(2, 3, 4, 5))) == 2
    for border in (one_image, rgb_pixels):
        with pytest.raises(ValueError, match=r"batch of 2 images, expected one image: pass image\[i : i \+ 1\]"):
            border(torch.rand(2, 3, 4, 5))


def test_rounding_is_let_through() -> None:
    image = torch.rand(3, 4, 5)
    image[0, 0, 0], image[1, 1, 1] = 1.0005, -0.0005

    assert torch.equal(rgb_batch(image)[0], image)
    assert rgb_pixels(image)[:2, :2, :2].flatten().tolist()[0] == 255
    assert int(rgb_pixels(image)[1, 1, 1]) == 0


def test_the_range_is_no_part_of_a_graph() -> None:
    """A compiled, exported, mapped or merely sized network does not look at values that it does not have."""

    def total(image: Tensor) -> Tensor:
        return network_input(image, torch.zeros((), device=image.device), check_range=True).sum()

    image = torch.rand(2, 3, 4, 5)
    assert torch.compile(total, backend="eager", fullgraph=True)(image) == image.sum()
    assert torch.equal(torch.vmap(total)(image[None]), image.sum()[None])
    assert torch.equal(torch.func.grad(total)(image), torch.ones_like(image))
    assert total(image.to("meta")).is_meta
    with pytest.raises(ValueError, match="divide by 255"):
        total(image * 255)
    assert network_input(image * 255, torch.zeros(()), check_range=False).max() > 1
