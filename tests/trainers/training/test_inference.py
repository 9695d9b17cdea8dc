"""Windows, scales, flips, and predictions as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from rsp_lab.data.labels import CITYSCAPES
from rsp_lab.data.sample import Sample
from rsp_lab.files import FileError
from trainers.training.evaluate import evaluate
from trainers.training.inference import Inference, dump_predictions, full_size, predict, slide


class Pointwise(nn.Module):
    """A network that sees one pixel at a time: windows cannot change its logits."""

    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, classes, 1)
        self.sizes: list[tuple[int, ...]] = []

    def forward(self, image: Tensor) -> Tensor:
        self.sizes.append(tuple(image.shape[-2:]))
        return self.layer(image)


@pytest.mark.parametrize("window", [(16, 16), (13, 29), (37, 53), (64, 64), (1, 7)])
@pytest.mark.parametrize("overlap", [0.0, 0.33, 0.6])
def test_windows_cover_the_image_and_nothing_else(window: tuple[int, int], overlap: float) -> None:
    model, image = Pointwise(), torch.rand(1, 3, 37, 53)
    with torch.no_grad():
        torch.testing.assert_close(
            slide(model, image, Inference(window=window, overlap=overlap)), model.layer(image), rtol=0, atol=1e-5
        )
    assert set(model.sizes) == {(min(window[0], 37), min(window[1], 53))}


def test_neighbouring_windows_share_what_was_asked_for() -> None:
    model = Pointwise()
    slide(model, torch.rand(1, 3, 32, 100), Inference(window=(32, 40), overlap=0.5))
    assert len(model.sizes) == 4  # starts 0, 20, 40, 60


def test_logits_at_a_stride_come_to_the_size_of_the_image() -> None:
    image = torch.rand(1, 3, 10, 14)
    coarse = torch.tensor([[[[0.0, 2.0]], [[1.0, 1.0]]]])
    full = full_size(coarse, image)
    assert full.shape == (1, 2, 10, 14)
    assert full[0, 0, 0, 0] == 0
    assert float(full[0, 0, 9, 13]) == pytest.approx(2)
    assert full_size(full, image) is full

    def network(given: Tensor) -> Tensor:
        return coarse

    assert torch.equal(predict(network, image), full[0].argmax(0))  # type: ignore[arg-type]


def test_flips_average_probabilities() -> None:
    class Slope(nn.Module):
        """The class depends on the column only; its mirror image says the opposite, less surely."""

        def forward(self, image: Tensor) -> Tensor:
            ramp = torch.linspace(-3, 2, image.shape[-1]).expand(1, 1, *image.shape[-2:])
            return torch.cat([ramp, -ramp], 1)

    image = torch.rand(1, 3, 8, 10)
    plain = Slope()(image).softmax(1)
    expected = ((plain + plain.flip(3)) / 2)[0].argmax(0)
    assert torch.equal(predict(Slope(), image, Inference(flip=True)), expected)
    assert not torch.equal(predict(Slope(), image), expected)


def test_scales_are_those_asked_for_and_off_by_default() -> None:
    model, image = Pointwise(), torch.rand(1, 3, 40, 60)
    predict(model, image, Inference(scales=(0.5, 1.0, 1.5)))
    assert model.sizes == [(20, 30), (40, 60), (60, 90)]
    model.sizes.clear()
    assert torch.equal(predict(model, image), model.layer(image)[0].argmax(0))
    assert model.sizes == [(40, 60)]
    flat = torch.full((1, 3, 40, 60), 0.3)
    assert torch.equal(predict(model, flat, Inference(scales=(0.5, 2.0), flip=True)), predict(model, flat))


def test_a_data_set_is_scored_in_windows() -> None:
    image = torch.randint(0, 256, (3, 64, 70), dtype=torch.uint8)
    sample, model = Sample("s", image, image.argmax(0).to(torch.uint8)), Pointwise()
    scores = [evaluate(model, [sample], ("a", "b", "c"), i) for i in (None, Inference(window=(32, 32)))]
    assert scores[0].miou == pytest.approx(scores[1].miou, abs=1e-3)


def test_predictions_in_the_palette_and_in_the_ids_of_the_server(tmp_path: Path) -> None:
    sample = Sample("ulm_0", torch.randint(0, 256, (3, 64, 70), dtype=torch.uint8))
    model = Pointwise(len(CITYSCAPES))
    assert dump_predictions(model, [sample], CITYSCAPES, tmp_path, Inference()) == 1
    with torch.no_grad():
        classes = predict(model, sample.image[None].float() / 255).numpy()
    ids = np.array(Image.open(tmp_path / "ulm_0_labelIds.png"))
    colours = np.array(Image.open(tmp_path / "ulm_0_color.png"))
    np.testing.assert_array_equal(ids, CITYSCAPES.train_to_raw()[classes])
    np.testing.assert_array_equal(colours, np.array(CITYSCAPES.palette)[classes])


def test_predictions_replace_no_file_of_the_data_set(tmp_path: Path) -> None:
    sample = Sample("ulm_0", torch.randint(0, 256, (3, 64, 70), dtype=torch.uint8))
    label = tmp_path / "ulm_0_labelIds.png"
    label.write_bytes(b"the truth")
    with pytest.raises(FileError, match=r"ulm_0_labelIds\.png is what is being read"):
        dump_predictions(Pointwise(len(CITYSCAPES)), [sample], CITYSCAPES, tmp_path, Inference(), protect=[label])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {label.name: b"the truth"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"window": (0, 5)},
        {"overlap": 1.0},
        {"overlap": 0.5},
        {"scales": ()},
        {"scales": (0.0,)},
        *({"scales": (1.0, scale)} for scale in (-1.0, 17.0, float("inf"), float("nan"))),
    ],
)
def test_a_wrong_inference_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Inference(**wrong)
