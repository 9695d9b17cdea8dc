"""Normalisation where libraries say it: what they do to a picture is what ours does, or it is refused."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision.models.segmentation import DeepLabV3_ResNet50_Weights

import rsp_lab as rl
from rsp_lab.models.adapt import adapt
from rsp_lab.models.normalisation import ASSUMED, Normalisation, of_network, of_processor, of_weights
from rsp_lab.models.subject import Subject

pytestmark = pytest.mark.usefixtures("one_thread", "unchecked_module")


@pytest.fixture(scope="module")
def transformers() -> Any:
    return pytest.importorskip("transformers", reason="transformers, of the extra foreign, is not installed")


def normalised(found: Normalisation, picture: np.ndarray) -> Tensor:
    subject = Subject(nn.Identity(), ("a", "b", "c"), ("",), mean=found.mean, std=found.std)
    return subject.normalised(torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255)


def picture() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (32, 48, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("SegformerImageProcessor", {}),
        ("SegformerImageProcessor", {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6]}),
        ("SegformerImageProcessor", {"rescale_factor": 1 / 127.5, "image_mean": [1, 1, 1], "image_std": [1, 1, 1]}),
        ("SegformerImageProcessor", {"do_rescale": False, "image_mean": [123, 116, 103], "image_std": [58, 57, 57]}),
        ("SegformerImageProcessor", {"do_normalize": False}),
        ("BeitImageProcessor", {}),
    ],
)
def test_a_processor_of_hugging_face_does_to_a_picture_what_ours_does(transformers, name, words) -> None:
    processor = getattr(transformers, name)(**words)
    given = picture()
    found = of_processor(processor)
    theirs = processor(images=given, return_tensors="pt", do_resize=False, do_center_crop=False)["pixel_values"]
    assert torch.allclose(normalised(found, given), theirs, atol=1e-5 * max(1, float(theirs.abs().max())))
    assert found.source == f"the image processor {name}"
    whole = of_processor(SimpleNamespace(image_processor=processor))
    assert whole == found


@pytest.mark.parametrize("name", ["MobileViTImageProcessor", "EfficientNetImageProcessor"])
def test_what_does_more_than_that_is_refused(transformers, name) -> None:
    with pytest.raises(ValueError, match=rf"{name} does not normalise RGB in \[0, 1\] channel by channel: the colour"):
        of_processor(getattr(transformers, name)())


def test_weights_of_torchvision_say_pixels_and_classes() -> None:
    weights = DeepLabV3_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1
    found, names = of_weights(weights)
    given = np.zeros((520, 520, 3), np.uint8)  # of the size that it resizes to
    given[100:200] = (9, 99, 199)
    theirs = weights.transforms()(torch.from_numpy(given).permute(2, 0, 1))
    assert torch.allclose(normalised(found, given)[0], theirs, atol=1e-5)
    assert (names[0], names[-1], len(names)) == ("__background__", "tvmonitor", 21)
    assert "COCO_WITH_VOC_LABELS_V1" in found.source

    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 21, 1)).eval()
    subject = adapt(network, cut=("0",), weights=weights)
    assert subject.class_names == names
    assert adapt(network, cut=("0",), weights=weights, class_names=tuple("abcdefghijklmnopqrstu")).class_names[0] == "a"
    with pytest.raises(ValueError, match="member of an enumeration of torchvision"):
        of_weights("DEFAULT")


def test_settings_of_smp_and_timm_are_taken_as_they_say(monkeypatch) -> None:
    bytes_wanted = {"input_space": "RGB", "input_range": [0, 255], "mean": [123.0, 116.0, 103.0], "std": [58, 57, 57]}
    found = of_processor(bytes_wanted)
    given = picture()
    by_hand = (torch.from_numpy(given).double() - torch.tensor([123, 116, 103])) / torch.tensor([58, 57, 57])
    assert torch.allclose(normalised(found, given)[0].permute(1, 2, 0).double(), by_hand, atol=1e-5)
    for wrong, says in (
        ({"input_space": "BGR"}, "want BGR, not RGB"),
        ({"input_range": [-1, 1]}, r"range \[-1, 1\]"),
        ({"std": [0.2, 0.0, 0.2]}, "the std of"),
        ({"mean": [0.2, 0.1]}, "expected a number for each of R, G and B"),
    ):
        with pytest.raises(ValueError, match=says):
            of_processor(bytes_wanted | wrong)
    with pytest.raises(ValueError, match="have the keys mean, expected mean and std"):
        of_processor({"mean": [0, 0, 0]})


def test_a_network_that_says_nothing_has_imagenets_and_says_so() -> None:
    smp = pytest.importorskip("segmentation_models_pytorch", reason="the extra foreign is not installed")
    network = smp.FPN("resnet18", encoder_weights=None, classes=2).eval()
    assert of_network(network) is None
    subject = adapt(network, class_names=("a", "b"))
    assert subject.normalisation == ASSUMED.source
    assert "assumed" in repr(rl.check(subject, torch.rand(3, 64, 64)))


def test_settings_of_an_smp_encoder_are_those_that_came_with_its_weights(tmp_path: Path, monkeypatch) -> None:
    smp = pytest.importorskip("segmentation_models_pytorch", reason="the extra foreign is not installed")
    import huggingface_hub

    network = smp.FPN("resnet18", encoder_weights=None, classes=2).eval()
    network.config["encoder_weights"] = "imagenet"  # as if they had been loaded
    asked = []

    def cached(repository, file, revision=None, **_):
        asked.append((repository, file))
        return str(tmp_path / "config.json")

    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", cached)
    assert of_network(network) is None
    (tmp_path / "config.json").write_text(json.dumps({"mean": [0.5, 0.4, 0.3], "std": [0.1, 0.2, 0.3]}))
    found = of_network(network)
    assert (found.mean, found.std) == ((0.5, 0.4, 0.3), (0.1, 0.2, 0.3))
    assert found.source == "smp's settings of the encoder resnet18, imagenet"
    assert asked[0] == (smp.encoders.encoders["resnet18"]["pretrained_settings"]["imagenet"]["repo_id"], "config.json")


def test_a_timm_network_says_it_inside_another_too() -> None:
    timm = pytest.importorskip("timm", reason="timm, of the extra encoders, is not installed")
    backbone = timm.create_model("vit_tiny_patch16_224", img_size=(64, 96), embed_dim=24, depth=1, num_heads=3)
    found = of_network(nn.ModuleDict({"stem": nn.Identity(), "backbone": backbone}))
    assert (found.mean, found.std) == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    assert found.source == "timm's pretrained_cfg of backbone (vit_tiny_patch16_224)"


def test_a_processor_that_was_saved_beside_the_weights_is_read(transformers, tmp_path: Path) -> None:
    config = transformers.SegformerConfig(
        id2label={0: "a", 1: "b"}, hidden_sizes=[8, 8, 8, 8], depths=[1, 1, 1, 1], num_attention_heads=[1, 1, 1, 1]
    )
    transformers.SegformerForSemanticSegmentation(config).save_pretrained(tmp_path)
    network = transformers.SegformerForSemanticSegmentation.from_pretrained(tmp_path).eval()
    assert adapt(network).normalisation == ASSUMED.source

    processor = transformers.SegformerImageProcessor(image_mean=[0.1, 0.2, 0.3], rescale_factor=1 / 127.5)
    processor.save_pretrained(tmp_path)
    subject = adapt(network)
    assert subject.normalisation == "the saved image processor SegformerImageProcessor"
    by_hand = adapt(network, processor=processor)
    assert torch.allclose(subject.mean, by_hand.mean)
    assert torch.allclose(subject.std, by_hand.std)

    class Derived(transformers.SegformerForSemanticSegmentation):
        pass

    assert torch.equal(adapt(Derived.from_pretrained(tmp_path).eval()).mean, subject.mean)
    saved = tmp_path / "preprocessor_config.json"
    saved.write_text(json.dumps(json.loads(saved.read_text()) | {"rescale_factor": None}))
    assert torch.allclose(adapt(network).mean.flatten(), torch.tensor([0.1, 0.2, 0.3]))
    transformers.MobileViTImageProcessor().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"more than normalise RGB channel by channel \(do_flip_channel_order\)"):
        adapt(network)
    assert adapt(network, mean=(0, 0, 0), std=(1, 1, 1)).normalisation == "given"


def test_what_says_nothing_and_what_says_it_twice_is_refused() -> None:
    network = nn.Conv2d(3, 2, 1).eval()
    with pytest.raises(ValueError, match="a processor of type dict_keys does not say how pixels are normalised"):
        of_processor({}.keys())
    with pytest.raises(ValueError, match="say the same thing: give one of them"):
        adapt(network, class_names=("a", "b"), cut=("",), mean=(0, 0, 0), std=(1, 1, 1), processor={})
    broken = SimpleNamespace(image_mean=[0, 0, 0], image_std=[1, 1, 1])
    with pytest.raises(ValueError, match="SimpleNamespace fails on a picture of 64 x 64 pixels: TypeError"):
        of_processor(broken)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"mean": (123.7, 116.3, 103.5), "std": (58.4, 57.1, 57.4)}, r"the mean is \(123.* divide .* by 255"),
        ({"mean": (-0.5, 0.5, 0.5), "std": 0.5}, r"the mean is \(-0\.5, 0\.5, 0\.5\), expected numbers in \[0, 1\]"),
        ({"mean": 0.5, "std": (0, 0.5, 0.5)}, r"the std is \(0, 0\.5, 0\.5\), expected positive numbers"),
        ({"mean": 0.5, "std": -0.5}, r"the std is -0\.5, expected positive numbers"),
        ({"mean": (0.5, 0.5), "std": 0.5}, r"the mean is \(0\.5, 0\.5\), expected a number for each of R, G and B, or"),
        ({"mean": ("a", 0.5, 0.5), "std": 0.5}, r"expected a number for each"),
        ({"processor": {"mean": [123.7] * 3, "std": [58.0] * 3}}, r"the mean of the parameters that were given is"),
        ({"processor": 3}, r"a processor of type int does not say how"),
    ],
)
def test_a_normalisation_that_no_pixels_have(words: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        adapt(nn.Conv2d(3, 2, 1).eval(), class_names=("a", "b"), cut=("",), **words)
