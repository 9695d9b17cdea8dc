"""Networks of Table II that are not ours: those of kept libraries, and two rebuilt from what their papers say.

They are built to be counted on meta tensors, not to be trained: of a rebuilt head only what costs something is there.
"""

from __future__ import annotations

from importlib import import_module
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SETR_CROP = (768, 768)
"""The input at which SETR-PUP's printed cost comes out; Cityscapes crops of its paper have this size."""


def deeplab_v3(classes: int) -> nn.Module:
    """torchvision's DeepLabV3 on ResNet-101, output stride 8, without its auxiliary classifier."""
    from torchvision.models.segmentation import deeplabv3_resnet101

    network: nn.Module = deeplabv3_resnet101(weights=None, weights_backbone=None, num_classes=classes, aux_loss=False)
    return network


def deeplab_v3_plus(classes: int) -> nn.Module:
    """DeepLabV3+ of segmentation_models_pytorch on timm's Xception-71, output stride 16.

    Raises:
        ImportError: without that package.
    """
    smp = _library("segmentation_models_pytorch")
    network: nn.Module = smp.DeepLabV3Plus(
        "tu-xception71", encoder_weights=None, encoder_output_stride=16, classes=classes
    )
    return network


class ObjectContextNetwork(nn.Module):
    """OCR on timm's HRNetV2-W48, rebuilt: every pixel attends to one soft region a class.

    Raises:
        ImportError: without timm.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        timm = _library("timm")
        self.encoder = timm.create_model(
            "hrnet_w48", pretrained=False, features_only=True, feature_location="", out_indices=(1, 2, 3, 4)
        )
        channels = sum(self.encoder.feature_info.channels())
        self.regions = nn.Sequential(nn.Conv2d(channels, channels, 1), nn.ReLU(), nn.Conv2d(channels, classes, 1))
        self.pixels = nn.Conv2d(channels, 512, 3, padding=1)
        self.query = nn.Sequential(nn.Conv2d(512, 256, 1), nn.Conv2d(256, 256, 1))
        self.key = nn.Sequential(nn.Conv2d(512, 256, 1), nn.Conv2d(256, 256, 1))
        self.value = nn.Conv2d(512, 256, 1)
        self.context = nn.Conv2d(256, 512, 1)
        self.fused = nn.Conv2d(1024, 512, 1)
        self.classifier = nn.Conv2d(512, classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Logits at stride 4."""
        maps = self.encoder(image)
        size = maps[0].shape[-2:]
        features = torch.cat([F.interpolate(m, size=size, mode="bilinear") for m in maps], 1)
        shares = self.regions(features).flatten(2).softmax(-1)
        pixels = self.pixels(features)
        regions = (pixels.flatten(2) @ shares.mT).unsqueeze(-1)
        query, key, value = self.query(pixels).flatten(2).mT, self.key(regions).flatten(2), self.value(regions)
        context = ((query @ key).softmax(-1) @ value.flatten(2).mT).mT.unflatten(2, size)
        return self.classifier(self.fused(torch.cat([self.context(context), pixels], 1)))


class ProgressiveTransformer(nn.Module):
    """SETR-PUP on timm's ViT-L/16, rebuilt: four convolutions, each before a doubling of the resolution.

    Args:
        classes: logits.
        size: of the image, which a ViT has to know.

    Raises:
        ImportError: without timm.
    """

    def __init__(self, classes: int, size: tuple[int, int] = SETR_CROP) -> None:
        super().__init__()
        timm = _library("timm")
        self.encoder = timm.create_model(
            "vit_large_patch16_224", pretrained=False, img_size=size, num_classes=0, class_token=False, global_pool=""
        )
        for block in self.encoder.blocks:
            block.attn.fused_attn = False  # so that its two products are seen
        self.grid = (size[0] // 16, size[1] // 16)
        widths = (self.encoder.embed_dim, 256, 256, 256, 256)
        self.steps = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(widths))
        self.classifier = nn.Conv2d(256, classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Logits at the image's size."""
        top = self.encoder.forward_features(image).mT.unflatten(2, self.grid)
        for step in self.steps:
            top = F.interpolate(step(top), scale_factor=2, mode="bilinear")
        return self.classifier(top)


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(f"needs the package {name}: pip install {name.replace('_', '-')}") from error
