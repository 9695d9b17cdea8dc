"""An exact, checked account of a network of any library: ``python examples/your_network.py``.

Needs the extra ``foreign`` for the first two; the home-made network needs nothing.
"""

from __future__ import annotations

import importlib.util

import torch
from torch import Tensor, nn

import rsp_lab as rl

NAMES = ("road", "car", "sky")
IMAGE = rl.scenes.draw_scene(11, 128, 256).image


def smp_network() -> nn.Module:
    import segmentation_models_pytorch as smp

    return smp.FPN("resnet18", encoder_weights=None, classes=len(NAMES))


def hugging_face_network() -> nn.Module:
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    config = SegformerConfig(hidden_sizes=[16, 32, 64, 96], depths=[1, 1, 1, 1], id2label=dict(enumerate(NAMES)))
    return SegformerForSemanticSegmentation(config)


def torchvision_network() -> nn.Module:
    from torchvision.models.segmentation import lraspp_mobilenet_v3_large

    return lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=len(NAMES))


class HomeMade(nn.Module):
    """A network of nobody's library: its cut and its output are named by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.low = nn.Sequential(nn.Conv2d(3, 16, 3, 4, 1), nn.ReLU())
        self.high = nn.Sequential(nn.Conv2d(16, 32, 3, 2, 1), nn.GELU())
        self.last = nn.Conv2d(48, len(NAMES), 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        low = self.low(x)
        high = nn.functional.interpolate(self.high(low), size=low.shape[-2:], mode="bilinear")
        return {"scores": self.last(torch.cat([low, high], 1))}


def subjects() -> list[rl.Subject]:
    """One of each library that is installed; untrained here, so that nothing is downloaded."""
    torch.manual_seed(0)
    found = [
        rl.adapt(torchvision_network().eval(), class_names=NAMES),
        rl.adapt(HomeMade().eval(), class_names=NAMES, cut=("low", "high"), output="scores"),
    ]
    if importlib.util.find_spec("segmentation_models_pytorch"):
        found.append(rl.adapt(smp_network().eval(), class_names=NAMES))
    if importlib.util.find_spec("transformers"):
        found.append(rl.adapt(hugging_face_network().eval()))
    return found


def main() -> None:
    for subject in subjects():
        print(rl.check(subject, IMAGE))
        print(rl.context_ledger(subject, IMAGE, rl.PixelTarget(60, 130)))


if __name__ == "__main__":
    main()
