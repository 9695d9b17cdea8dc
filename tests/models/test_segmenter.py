"""Labels in strips are the labels of the whole."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from rsp_lab.models import presets, segmenter
from rsp_lab.models.heads import HeadConfig
from rsp_lab.models.segmenter import first_largest, labels_from_logits, logits_at, resize_logits
from tests.kit.networks import network, noise_image

SIZES = [
    ((3, 5), (11, 19)),
    ((17, 24), (67, 93)),
    ((1, 7), (1, 27)),
    ((7, 1), (25, 1)),
    ((1, 1), (3, 2)),
    ((9, 8), (9, 8)),
]


@pytest.mark.parametrize("strip", [1, 100, 1 << 20])
@pytest.mark.parametrize(("cells", "pixels"), SIZES)
def test_labels_are_the_argmax_of_the_resized_logits(
    cells: tuple[int, int], pixels: tuple[int, int], strip: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segmenter, "_LABEL_STRIP", strip)
    logits = torch.randn(1, 5, *cells)
    whole = resize_logits(logits, pixels)[0]
    labels = labels_from_logits(logits, pixels)

    assert labels.shape == pixels
    best, second = whole.topk(2, dim=0).values
    clear = best - second > 1e-5
    assert clear.float().mean() > 0.99
    assert torch.equal(labels[clear], whole.argmax(0)[clear])


def test_two_cells_by_hand() -> None:
    # Classes cross where the blend of 1 and -1 is zero: at the middle of four pixels.
    logits = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).view(1, 2, 1, 2)

    assert labels_from_logits(logits, (1, 4)).tolist() == [[0, 0, 1, 1]]


def test_the_resized_logits_exist_in_strips_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segmenter, "_LABEL_STRIP", 8 * 64)
    largest = 0
    original = F.interpolate

    def watched(*args: torch.Tensor, **options: object) -> torch.Tensor:
        nonlocal largest
        result = original(*args, **options)  # type: ignore[arg-type]
        if result.shape[-1] == 64:
            largest = max(largest, result.shape[-2] * result.shape[-1])
        return result

    monkeypatch.setattr(F, "interpolate", watched)
    labels_from_logits(torch.randn(1, 5, 10, 16), (40, 64))

    assert 0 < largest <= 8 * 64


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_the_first_of_equal_scores_is_the_label(dtype: torch.dtype) -> None:
    scores = torch.randint(-2, 3, (300, 7, 9)).to(dtype)

    assert torch.equal(first_largest(scores), scores.float().argmax(0))
    assert first_largest(torch.zeros(1, 2, 3)).tolist() == [[0] * 3] * 2


@pytest.mark.parametrize("head", [presets.rsp4(at=(65, 43)), presets.semantic_fpn()], ids=["relations", "fpn"])
def test_it_exports(head: HeadConfig) -> None:
    model, image = network(head, dtype=torch.float32), noise_image((32, 48))
    torch.testing.assert_close(torch.export.export(model, (image,)).module()(image), model(image))


@pytest.mark.parametrize(("cells", "pixels"), SIZES)
def test_logits_of_a_pixel_are_those_of_the_resized_map(cells: tuple[int, int], pixels: tuple[int, int]) -> None:
    logits = torch.randn(1, 4, *cells, dtype=torch.float64)
    whole = resize_logits(logits, pixels)[0]
    for y, x in ((0, 0), (pixels[0] // 2, pixels[1] // 3), (pixels[0] - 1, pixels[1] - 1)):
        torch.testing.assert_close(logits_at(logits, (y, x), pixels), whole[:, y, x], rtol=0, atol=1e-13)
