"""Detections of one image say what does not fit."""

from __future__ import annotations

import pytest
import torch

from rsp_lab.models.panoptic.detections import Detections


def detections(**changed: torch.Tensor) -> Detections:
    fields = {
        "boxes": torch.tensor([[0.0, 0, 2, 2], [1, 1, 3, 5]]),
        "scores": torch.tensor([0.9, 0.4]),
        "classes": torch.tensor([2, 0]),
        "masks": torch.zeros(2, 3, 5, dtype=torch.bool),
    }
    return Detections(**fields | changed)


def test_detections_know_their_number_and_the_image_s_size() -> None:
    assert (len(detections()), detections().size) == (2, (3, 5))


def test_no_detection_is_a_result() -> None:
    none = Detections(
        torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64), torch.zeros(0, 3, 5, dtype=torch.bool)
    )

    assert (len(none), none.size) == (0, (3, 5))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"boxes": torch.zeros(2, 3)}, r"boxes must be .* \[2, 4\]"),
        ({"classes": torch.tensor([0.0, 1.0])}, "classes must be torch.int64"),
        ({"masks": torch.zeros(1, 3, 5, dtype=torch.bool)}, r"masks must be torch.bool \[2, 3, 5\]"),
        ({"masks": torch.zeros(2, 3, dtype=torch.bool)}, r"masks must be bool \[n, y, x\]"),
        ({"scores": torch.tensor([0.4, 0.9])}, "best score first"),
    ],
)
def test_what_does_not_fit_is_named(changed: dict[str, torch.Tensor], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        detections(**changed)
