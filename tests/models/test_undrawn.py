"""Building without drawing: nothing of the generator is used, and what is read afterwards is all there is."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from rsp_lab.models import presets, weights
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.undrawn import undrawn


def test_no_random_number_is_drawn_for_layers() -> None:
    before = torch.random.get_rng_state()

    with undrawn():
        conv, linear = nn.Conv2d(3, 4, 3), nn.Linear(4, 5)
        nn.init.kaiming_normal_(conv.weight)
        nn.init.trunc_normal_(tensor=linear.weight)

    assert torch.equal(torch.random.get_rng_state(), before)
    assert conv.weight.shape == (4, 3, 3, 3)
    nn.Conv2d(3, 4, 3)
    assert not torch.equal(torch.random.get_rng_state(), before)


def test_what_is_not_drawn_has_its_value() -> None:
    with undrawn():
        norm = nn.BatchNorm2d(3)

    assert norm.weight.tolist() == [1.0] * 3
    assert norm.running_mean is not None
    assert norm.running_mean.tolist() == [0.0] * 3


@pytest.mark.parametrize("kind", ["safetensors", "pth"])
def test_reading_a_model_leaves_the_generator_alone(kind: str, tmp_path: Path) -> None:
    model = Segmenter(presets.tiny_rsp4(("road", "sky"))).eval()
    path = tmp_path / f"a.{kind}"
    if kind == "pth":
        torch.save(model.state_dict(), path)
    else:
        weights.save(model, path, {}, torch.float32)
    before = torch.random.get_rng_state()

    loaded = weights.load(path) if kind == "safetensors" else weights.load_pth(path, model.config)

    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in model.state_dict().items())
