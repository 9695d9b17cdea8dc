"""Encoders of timm: maps of the right sizes, frozen batch norm, normalisation, and what is said without them."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from rsp_lab.models import presets, timm_encoder, weights
from rsp_lab.models.config_json import config_to_json
from rsp_lab.models.encoders import build_encoder
from rsp_lab.models.pyramid import PyramidConfig
from rsp_lab.models.segmenter import Segmenter, SegmenterConfig
from rsp_lab.models.timm_encoder import STRIDES, TimmEncoder, timm_normalisation
from rsp_lab.models.weights import WeightsError

Named = Callable[[str], SegmenterConfig]
FAMILIES = {
    "test_efficientnet": 1,
    "resnet18": 1,
    "mobilenetv3_small_050": 1,
    "test_convnext": 32,
    "densenet121": 32,
    "swin_tiny_patch4_window7_224": 32,
}
"""Networks of different make, and the multiple to which they need their images padded."""


@pytest.fixture
def timm() -> Any:
    return pytest.importorskip("timm", reason="timm, of the extra encoders, is not installed")


@pytest.fixture
def _without_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(timm_encoder.importlib.util, "find_spec", lambda name: None if name == "timm" else find(name))
    timm_encoder._plan.cache_clear()


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("size", [(67, 93), (1, 1), (96, 64)])
def test_maps_have_the_sizes_of_every_encoder(name: str, size: tuple[int, int], timm: Any) -> None:
    with torch.device("meta"):
        encoder = build_encoder(f"timm/{name}").eval()
        maps = encoder(torch.empty(2, 3, *size))

    assert isinstance(encoder, TimmEncoder)
    assert encoder.multiple == FAMILIES[name]
    assert {level: tuple(values.shape) for level, values in maps.items()} == {
        str(level): (2, channels, -(-size[0] // stride), -(-size[1] // stride))
        for level, channels, stride in zip(range(2, 6), encoder.channels, STRIDES, strict=True)
    }


@torch.no_grad()
@pytest.mark.parametrize("name", ["test_efficientnet", "test_convnext"])
def test_maps_are_those_of_timm(name: str, timm: Any) -> None:
    encoder = build_encoder(f"timm/{name}").eval()
    own = timm.create_model(name, features_only=True).eval()
    own.load_state_dict(encoder.network.state_dict(), strict=False)
    image = torch.randn(2, 3, 64, 96)

    theirs = dict(zip(own.feature_info.reduction(), own(image), strict=True))
    for ours, stride in zip(encoder(image).values(), STRIDES, strict=True):
        assert torch.equal(ours, theirs[stride])


@torch.no_grad()
def test_a_network_that_rounds_down_sees_the_mean_colour_beyond_the_image(timm: Any) -> None:
    encoder = build_encoder("timm/test_convnext").eval()
    image = torch.randn(1, 3, 67, 93)
    padded = nn.functional.pad(image, (0, 3, 0, 29))

    for level, values in encoder(image).items():
        assert torch.equal(values, encoder(padded)[level][..., : values.shape[2], : values.shape[3]])


@torch.no_grad()
def test_channels_come_second_whatever_the_network_has(timm: Any) -> None:
    encoder = build_encoder("timm/swin_tiny_patch4_window7_224").eval()
    own = encoder.network(image := torch.randn(1, 3, 64, 96))

    assert own[0].shape == (1, 16, 24, 96)
    for ours, theirs in zip(encoder(image).values(), own, strict=True):
        assert torch.equal(ours.permute(0, 2, 3, 1), theirs)


def test_frozen_batch_norm_neither_learns_nor_counts(timm: Any) -> None:
    encoder = build_encoder("timm/test_efficientnet", frozen_batch_norm=True).train()
    before = {name: value.clone() for name, value in encoder.named_buffers()}

    encoder(torch.randn(2, 3, 64, 64))

    assert not any(isinstance(module, nn.BatchNorm2d) for module in encoder.modules())
    assert not any(".bn" in name for name, _ in encoder.named_parameters())
    assert before
    assert all(torch.equal(value, before[name]) for name, value in encoder.named_buffers())


@torch.no_grad()
def test_frozen_batch_norm_computes_what_the_free_one_does(timm: Any) -> None:
    free = build_encoder("timm/test_efficientnet").eval()
    for name, buffer in free.named_buffers():
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 2)
    frozen = build_encoder("timm/test_efficientnet", frozen_batch_norm=True)
    state = frozen.state_dict()
    frozen.load_state_dict({name: value for name, value in free.state_dict().items() if name in state})
    image = torch.randn(1, 3, 64, 64)

    for ours, theirs in zip(frozen.train()(image).values(), free(image).values(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_the_preset_has_timms_own_normalisation_and_the_heads_levels(timm: Any) -> None:
    config = presets.timm_fpn("timm/tf_efficientnet_lite0", presets.rsp2(), ("road", "sky"))

    assert timm_normalisation("timm/resnet18") == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert (config.pyramid.mean, config.pyramid.std) == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    assert config.pyramid.top == 5
    assert presets.timm_fpn("timm/resnet18", presets.rsp4(), ("road", "sky")).pyramid.top == 7


@torch.no_grad()
def test_a_model_normalises_by_its_own_numbers_also_when_loaded(
    named: Named, build: Callable[..., Segmenter], tmp_path: Path, timm: Any
) -> None:
    model = build(named("timm"))
    weights.save(model, tmp_path / "model.safetensors", {})
    seen: list[torch.Tensor] = []

    for one in (model, weights.load(tmp_path / "model.safetensors")):
        one.pyramid.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        one(torch.full((1, 3, 8, 8), 0.5))

    for values in seen:
        assert values[0, :, 3, 4].tolist() == pytest.approx([0, 0.2, 0.2 / 0.75], abs=1e-6)
    header = config_to_json(weights.read_header(tmp_path / "model.safetensors")[0])["pyramid"]
    assert header["encoder"] == "timm/test_efficientnet"
    assert (header["mean"], header["std"]) == ([0.5, 0.4, 0.3], [0.25, 0.5, 0.75])


def test_weights_without_a_normalisation_have_imagenets(named: Named, build: Callable[..., Segmenter]) -> None:
    data = config_to_json(named("tiny_rsp4"))
    del data["pyramid"]["mean"], data["pyramid"]["std"]

    read = weights.config_of(data, Path("old.safetensors"))

    assert read == named("tiny_rsp4")
    assert build(read).mean.flatten().tolist() == pytest.approx([0.485, 0.456, 0.406])


def file_with(encoder: str, folder: Path) -> Path:
    """A weights file whose header names an encoder."""
    config = SegmenterConfig(PyramidConfig(encoder, 32), presets.rsp4(), ("a", "b"))
    facts = {"format": weights.FORMAT, "config": config_to_json(config), "metadata": {}}
    save_file({"a": torch.zeros(1)}, folder / "file.safetensors", {"rsp_lab": json.dumps(facts)})
    return folder / "file.safetensors"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tf_efficientnet_lite9", r"has no network 'tf_efficientnet_lite9'. timm.list_models\(\) lists"),
        ("efficientnet_lite", r"has no network 'efficientnet_lite'. Did you mean .*efficientnet_lite0"),
        ("hf-hub:owner/network", r"has no network 'hf-hub:owner/network'"),
        ("vit_tiny_patch16_224", r"no maps at the strides \(4, 8, 16, 32\) by features_only"),
        ("maxvit_nano_rw_256", r"takes images of some sizes only"),
    ],
)
def test_networks_that_cannot_be_encoders_are_refused(name: str, words: str, tmp_path: Path, timm: Any) -> None:
    with pytest.raises(ValueError, match=words):
        build_encoder(f"timm/{name}")
    with pytest.raises(WeightsError, match=rf"file.safetensors: no model can be built .*{words}"):
        weights.load(file_with(f"timm/{name}", tmp_path))


@pytest.mark.usefixtures("_without_timm")
def test_without_timm_its_encoders_name_the_remedy(tmp_path: Path) -> None:
    remedy = r"package timm, not installed: pip install timm"
    with pytest.raises(ImportError, match=remedy):
        build_encoder("timm/tf_efficientnet_lite0")
    with pytest.raises(ImportError, match=remedy):
        timm_normalisation("timm/tf_efficientnet_lite0")
    path = file_with("timm/tf_efficientnet_lite0", tmp_path)
    assert weights.read_header(path)[0].pyramid.encoder == "timm/tf_efficientnet_lite0"
    with pytest.raises(WeightsError, match=rf"file.safetensors: no model can be built .*{remedy}"):
        weights.load(path)


def test_weights_are_downloaded_only_when_asked(timm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a download was attempted")

    monkeypatch.setattr("timm.models._builder.load_pretrained", refuse)
    timm_encoder._plan.cache_clear()
    build_encoder("timm/test_efficientnet")
    with pytest.raises(AssertionError, match="a download was attempted"):
        build_encoder("timm/test_efficientnet", pretrained=True)
