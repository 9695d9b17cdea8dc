"""One model's side of a comparison: which models have one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rsp_lab.analysis.ledger.ledger import context_ledger
from rsp_lab.analysis.passes.view import view_model
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.models.adapt import adapt
from rsp_lab.models.subject import Subject
from tests.kit.networks import noise_image


class Favourite(nn.Module):
    """A network of many classes that says the last one everywhere."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.low, self.last = nn.Conv2d(3, 4, 4, 4), nn.Conv2d(4, classes, 1)
        with torch.no_grad():
            self.last.bias[-1] = 99

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.low(x).relu())


def subject(classes: int) -> Subject:
    found = adapt(Favourite(classes).eval(), class_names=tuple(f"class {n}" for n in range(classes)), cut=("low",))
    assert isinstance(found, Subject)
    return found


def test_a_label_map_has_the_last_of_255_classes() -> None:
    assert np.unique(view_model(subject(255), noise_image((32, 48))).labels).tolist() == [254]


@pytest.mark.parametrize("classes", [256, 300])
def test_more_classes_than_a_label_map_tells_apart_are_refused(classes: int) -> None:
    model, image = subject(classes), noise_image((32, 48))
    with pytest.raises(ValueError, match=rf"Favourite has {classes} classes, and a label map tells 255 apart"):
        view_model(model, image)
    assert context_ledger(model, image, PixelTarget(3, 4)).target.class_name == f"class {classes - 1}"
