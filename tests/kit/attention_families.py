"""Small untrained networks of each family of attention, as subjects."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rsp_lab.models.adapt import adapt
from rsp_lab.models.subject import Subject

CLASSES = ("road", "car", "sky")


def shaken(network: nn.Module) -> nn.Module:
    """Off the start, where biases are zero, and weights so small that attention is nearly uniform."""
    draws = torch.Generator().manual_seed(7)
    for parameter in network.parameters():
        parameter.data += (0.3 if parameter.ndim == 1 else 0.2) * torch.randn(parameter.shape, generator=draws)
    return network.eval()


def subject_of(network: nn.Module, cut: tuple[str, ...] | None = None, *, shake: bool = True) -> Subject:
    found = adapt(shaken(network) if shake else network, class_names=CLASSES, cut=cut)
    assert isinstance(found, Subject)
    return found


def _segformer(implementation: str) -> Subject:
    transformers = pytest.importorskip("transformers", reason="transformers, of the extra foreign, is not installed")
    config = transformers.SegformerConfig(
        num_labels=3, hidden_sizes=[8, 16, 16, 32], depths=[1, 1, 1, 2], num_attention_heads=[1, 2, 2, 4]
    )
    config._attn_implementation = implementation
    return subject_of(transformers.SegformerForSemanticSegmentation(config))


def _hf_swin() -> Subject:
    transformers = pytest.importorskip("transformers", reason="transformers, of the extra foreign, is not installed")
    stages = ["stage1", "stage2", "stage3", "stage4"]
    backbone = transformers.SwinConfig(
        embed_dim=12, depths=[2, 2, 2, 1], num_heads=[2, 2, 4, 4], window_size=4, out_features=stages
    )
    config = transformers.UperNetConfig(backbone_config=backbone, num_labels=3, hidden_size=16)
    return subject_of(transformers.UperNetForSemanticSegmentation(config))


class Features(nn.Module):
    """A backbone whose features (b, y, x, c) or (b, token, c) become logits."""

    def __init__(self, features: Callable[[Tensor], Tensor], backbone: nn.Module, channels: int, prefix: int) -> None:
        super().__init__()
        self.backbone, self.features, self.prefix = backbone, features, prefix
        self.last = nn.Conv2d(channels, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        found = self.features(x)
        if found.ndim == 3:
            rows = x.shape[-2] // 16
            found = found[:, self.prefix :].unflatten(1, (rows, -1))
        return self.last(found.permute(0, 3, 1, 2))


def _timm(name: str, **options: Any) -> Subject:
    timm = pytest.importorskip("timm", reason="timm, of the extra encoders, is not installed")
    network = timm.create_model(name, **options)
    prefix = getattr(network, "num_prefix_tokens", 0)
    return subject_of(
        Features(network.forward_features, network, network.num_features, prefix), ("backbone.patch_embed.proj",)
    )


def _torchvision_swin() -> Subject:
    from torchvision.models import SwinTransformer

    network = SwinTransformer([4, 4], 12, [2, 2], [2, 4], [4, 4])
    return subject_of(Features(network.features, network, 24, 0), ("backbone.features.0.0",))


class Layers(nn.Module):
    """Torch's own attention: with and without weights, which are worked out in other ways."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, 16, 8, 8)
        self.block = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
        self.attend = nn.MultiheadAttention(16, 2, batch_first=True)
        self.last = nn.Conv2d(16, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        found = self.embed(x)
        tokens = self.block(found.flatten(2).transpose(1, 2))
        tokens = tokens + self.attend(tokens, tokens, tokens)[0]
        return self.last(tokens.transpose(1, 2).reshape(found.shape))


class Deformable(nn.Module):
    """Multi-scale deformable attention over two maps, as Deformable DETR writes it without a kernel."""

    def __init__(self) -> None:
        super().__init__()
        self.fine, self.coarse = nn.Conv2d(3, 16, 8, 8), nn.Conv2d(3, 16, 16, 16)
        transformers = pytest.importorskip(
            "transformers", reason="transformers, of the extra foreign, is not installed"
        )
        from transformers.models.mask2former import modeling_mask2former as source

        assert transformers
        self.attend = source.Mask2FormerPixelDecoderEncoderMultiscaleDeformableAttention(16, 2, 2, 3)
        self.last = nn.Conv2d(16, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        maps = [self.fine(x), self.coarse(x)]
        tokens = torch.cat([one.flatten(2).transpose(1, 2) for one in maps], 1)
        shapes = [(one.shape[-2], one.shape[-1]) for one in maps]
        points = []
        for height, width in shapes:
            y, x_ = torch.meshgrid(
                (torch.arange(height) + 0.5) / height, (torch.arange(width) + 0.5) / width, indexing="ij"
            )
            points.append(torch.stack((x_, y), -1).reshape(-1, 2))
        reference = torch.cat(points)[None, :, None].expand(1, -1, 2, -1).to(tokens)
        starts = torch.tensor([0, shapes[0][0] * shapes[0][1]])
        out = self.attend(
            tokens,
            encoder_hidden_states=tokens,
            reference_points=reference,
            spatial_shapes_list=shapes,
            level_start_index=starts,
        )[0]
        height, width = shapes[0]
        return self.last((tokens + out)[:, : height * width].transpose(1, 2).reshape(1, -1, height, width))


class Neighbourhood(nn.Module):
    """Every cell looks at the k x k cells round it, as NATTEN writes it without a kernel: windows are unfolded from the
    map and repeated at the border, so that a cell there looks at the window nearest to it.

    Args:
        patches: unfold by :func:`torch.nn.functional.unfold` instead, with nothing beyond the border.
    """

    def __init__(self, *, patches: bool = False) -> None:
        super().__init__()
        self.embed, self.last = nn.Conv2d(3, 16, 8, 8), nn.Conv2d(16, 3, 1)
        self.qkv, self.project = nn.Linear(16, 48), nn.Linear(16, 16)
        self.heads, self.size, self.patches = 2, 3, patches
        self.bias = nn.Parameter(torch.zeros(1, 2, 1, 1, 9))

    def forward(self, x: Tensor) -> Tensor:
        found = self.embed(x)
        _, channels, height, width = found.shape
        query, key, value = self.qkv(found.permute(0, 2, 3, 1)).permute(0, 3, 1, 2).chunk(3, 1)
        query = self._apart(query, 1).transpose(-2, -1)  # (1, head, cell, 1, channel)
        key, value = (self._apart(self._windows(one), 9) for one in (key, value))  # (1, head, cell, channel, 9)
        scores = query @ key * (channels // self.heads) ** -0.5 + self.bias
        context = nn.functional.softmax(scores, -1) @ value.transpose(-2, -1)
        tokens = context[:, :, :, 0].permute(0, 2, 1, 3).flatten(2).reshape(1, height, width, channels)
        return self.last(found + self.project(tokens).permute(0, 3, 1, 2))

    def _apart(self, x: Tensor, count: int) -> Tensor:
        return x.reshape(1, self.heads, x.shape[1] // self.heads // count, count, -1).permute(0, 1, 4, 2, 3)

    def _windows(self, x: Tensor) -> Tensor:
        """(1, c, y, x) to (1, c * 9, y, x)."""
        _, channels, height, width = x.shape
        if self.patches:
            return nn.functional.unfold(x, 3, padding=1).reshape(1, channels * 9, height, width)
        inside = x.unfold(2, 3, 1).unfold(3, 3, 1)  # (1, c, y - 2, x - 2, 3, 3)
        flat = inside.permute(0, 1, 4, 5, 2, 3).reshape(1, channels * 9, height - 2, width - 2)
        return nn.functional.pad(flat, (1, 1, 1, 1), mode="replicate")


FAMILIES: dict[str, Callable[[], Subject]] = {
    "SegFormer, fused": lambda: _segformer("sdpa"),
    "SegFormer, written out": lambda: _segformer("eager"),
    "Swin of Hugging Face": _hf_swin,
    "Swin of torchvision": _torchvision_swin,
    "Swin of timm": lambda: _timm(
        "swin_tiny_patch4_window7_224", img_size=(64, 96), window_size=4, embed_dim=12, depths=(2, 2), num_heads=(2, 4)
    ),
    "ViT of timm": lambda: _timm("vit_tiny_patch16_224", img_size=(64, 96), embed_dim=24, depth=2, num_heads=3),
    "torch": lambda: subject_of(Layers(), ("embed",)),
    "deformable": lambda: subject_of(Deformable(), ("fine", "coarse")),
    "neighbourhood": lambda: subject_of(Neighbourhood(), ("embed",)),
}


@cache
def family(name: str) -> Subject:
    torch.manual_seed(0)
    return FAMILIES[name]()
