"""Encoders by name, the pyramid on top, and that nothing is downloaded unasked."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torchvision
from torch import nn
from torchvision.models import WeightsEnum
from torchvision.ops import FrozenBatchNorm2d

from rsp_lab.models import presets
from rsp_lab.models.encoders import CHANNELS, Encoder, build_encoder
from rsp_lab.models.pyramid import FeaturePyramid, PyramidConfig
from rsp_lab.models.segmenter import Segmenter

WIDTHS = {
    "tiny": (32, 64, 128, 256),
    "resnet18": (64, 128, 256, 512),
    "resnet34": (64, 128, 256, 512),
    "resnet50": (256, 512, 1024, 2048),
    "resnet101": (256, 512, 1024, 2048),
    "resnext101_64x4d": (256, 512, 1024, 2048),
}


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a download was attempted")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refuse)
    monkeypatch.setattr(torchvision.models._api, "load_state_dict_from_url", refuse)
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)


def test_the_list_of_encoders_is_this_one() -> None:
    assert CHANNELS == WIDTHS


@pytest.mark.parametrize("name", WIDTHS)
@pytest.mark.parametrize(("top", "frozen"), [(5, False), (7, True)])
def test_pyramid_levels_and_sizes(name: str, top: int, frozen: bool) -> None:
    with torch.device("meta"):
        pyramid = FeaturePyramid(PyramidConfig(name, 16, top, frozen)).eval()
        stages = pyramid.encoder(torch.empty(2, 3, 131, 259))
        maps = pyramid(torch.empty(2, 3, 131, 259))

    assert [stages[str(x)].shape[1] for x in range(2, 6)] == list(WIDTHS[name])
    assert {x: tuple(m.shape) for x, m in maps.items()} == {
        x: (2, 16, -(-131 // 2**x), -(-259 // 2**x)) for x in range(2, top + 1)
    }


@pytest.mark.parametrize("name", WIDTHS)
def test_frozen_batch_norm_is_used_when_asked(name: str) -> None:
    with torch.device("meta"):
        frozen = build_encoder(name, frozen_batch_norm=True)
        free = build_encoder(name)

    def kinds(encoder: Encoder) -> set[type[nn.Module]]:
        return {type(m) for m in encoder.modules()} & {FrozenBatchNorm2d, nn.BatchNorm2d}

    assert kinds(frozen) == {FrozenBatchNorm2d}
    assert kinds(free) == {nn.BatchNorm2d}
    assert not any(".bn" in n or "downsample.1" in n for n, _ in frozen.named_parameters())


def test_the_tiny_encoder_has_one_block_a_stage() -> None:
    encoder = build_encoder("tiny")

    assert [type(stage).__name__ for stage in encoder.stages] == ["BasicBlock"] * 4
    assert encoder(torch.rand(1, 3, 67, 93))["5"].shape == (1, 256, 3, 3)


@torch.no_grad()
def test_p7_comes_from_p6_and_p6_from_p5() -> None:
    pyramid = FeaturePyramid(PyramidConfig("tiny", 16)).double().eval()
    maps = pyramid(torch.rand(1, 3, 131, 259, dtype=torch.float64))
    p = pyramid.state_dict()

    def strided(x: torch.Tensor, name: str) -> torch.Tensor:
        weight, bias = (p[f"fpn.extra_blocks.{name}.{kind}"] for kind in ("weight", "bias"))
        return torch.nn.functional.conv2d(x, weight, bias, stride=2, padding=1)

    torch.testing.assert_close(maps[6], strided(maps[5], "p6"))
    torch.testing.assert_close(maps[7], strided(maps[6].relu(), "p7"))


@pytest.mark.parametrize("frozen", [True, False])
def test_pretrained_weights_come_through_torchvision(frozen: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    source = torchvision.models.resnet18().state_dict()
    asked: list[str] = []

    def stored(self: WeightsEnum, *_: Any, **__: Any) -> dict[str, Any]:
        asked.append(str(self))
        return source

    monkeypatch.setattr(WeightsEnum, "get_state_dict", stored)
    config = presets.resnet_fpn("resnet18", presets.rsp2(), ("road", "sky"), frozen_batch_norm=frozen)
    model = Segmenter(config, pretrained=True)

    assert asked == ["ResNet18_Weights.IMAGENET1K_V1"]
    encoder = model.pyramid.encoder
    assert torch.equal(encoder.stem[0].weight, source["conv1.weight"])
    assert torch.equal(encoder.stages[3][1].conv2.weight, source["layer4.1.conv2.weight"])


def test_asking_for_pretrained_weights_is_the_only_way_to_a_download() -> None:
    with pytest.raises(AssertionError, match="a download was attempted"):
        build_encoder("resnet18", pretrained=True)
    build_encoder("resnet18")


def test_the_tiny_encoder_has_no_pretrained_weights() -> None:
    with pytest.raises(ValueError, match="tiny encoder has no pretrained weights: use pretrained=False"):
        build_encoder("tiny", pretrained=True)
