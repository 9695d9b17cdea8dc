"""The feature pyramid: torchvision's ResNets, or a tiny one of the same make, below torchvision's FPN; P_2..P_7."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from jaxtyping import Float
from torch import Tensor, nn

from rsp_lab.shapes import Tap

# torchvision brings torch's compiler with it, which takes as long as torch: it is imported where a network is built.
if TYPE_CHECKING:
    from torchvision.models.resnet import ResNet

EncoderName = Literal["tiny", "resnet18", "resnet34", "resnet50", "resnet101", "resnext101_64x4d"]
_STAGE_CHANNELS: dict[str, tuple[int, int, int, int]] = {
    "tiny": (32, 64, 128, 256),
    "resnet18": (64, 128, 256, 512),
    "resnet34": (64, 128, 256, 512),
    "resnet50": (256, 512, 1024, 2048),
    "resnet101": (256, 512, 1024, 2048),
    "resnext101_64x4d": (256, 512, 1024, 2048),
}


@dataclass(frozen=True)
class PyramidConfig:
    """Encoder and pyramid.

    Attributes:
        encoder: ``"tiny"`` has one basic block a stage and widths 32..256, for machines without a GPU; the others are
            torchvision's.
        channels: of every P_x, 256 in the paper.
        top: highest level, 5 or 7; P_6 and P_7 come from strided convs on P_5 (RetinaNet [23]).
        frozen_batch_norm: statistics and affine parameters fixed, as in the paper. Only sensible with pretrained
            weights.
    """

    encoder: EncoderName = "resnet50"
    channels: int = 256
    top: int = 7
    frozen_batch_norm: bool = False

    def __post_init__(self) -> None:
        if self.encoder not in _STAGE_CHANNELS:
            raise ValueError(f"encoder must be one of {sorted(_STAGE_CHANNELS)}, got {self.encoder!r}.")
        if self.top not in (5, 7):
            raise ValueError(f"top must be 5 (P_2..P_5) or 7 (P_2..P_7), got {self.top}.")


class Encoder(nn.Module):
    """A ResNet without its classifier: maps C_2..C_5 at strides 4, 8, 16, 32."""

    def __init__(self, stem: nn.Module, stages: list[nn.Module]) -> None:
        super().__init__()
        self.stem = stem
        self.stages = nn.ModuleList(stages)

    def forward(self, image: Float[Tensor, "b 3 y x"]) -> dict[str, Tensor]:
        """Keys ``"2"``..``"5"``, the level, as torchvision's pyramid wants them."""
        x = self.stem(image)
        maps = {}
        for level, stage in enumerate(self.stages, start=2):
            x = stage(x)
            maps[str(level)] = x
        return maps


def _torchvision_encoder(network: ResNet) -> Encoder:
    stem = nn.Sequential(network.conv1, network.bn1, network.relu, network.maxpool)
    return Encoder(stem, [network.layer1, network.layer2, network.layer3, network.layer4])


def _tiny_encoder(norm: type[nn.Module]) -> Encoder:
    """torchvision's basic blocks, one a stage. The stem is two strided 3x3 convs, cheaper than a 7x7 on a CPU."""
    from torchvision.models.resnet import BasicBlock

    widths = _STAGE_CHANNELS["tiny"]
    stem = nn.Sequential(
        nn.Conv2d(3, widths[0], 3, stride=2, padding=1, bias=False),
        norm(widths[0]),
        nn.ReLU(inplace=True),
        nn.Conv2d(widths[0], widths[0], 3, stride=2, padding=1, bias=False),
        norm(widths[0]),
        nn.ReLU(inplace=True),
    )
    stages: list[nn.Module] = []
    for inputs, outputs in zip((widths[0], *widths[:-1]), widths, strict=True):
        stride = 1 if inputs == outputs else 2
        shortcut = None
        if stride == 2:
            shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride=2, bias=False), norm(outputs))
        stages.append(BasicBlock(inputs, outputs, stride, shortcut, norm_layer=norm))
    encoder = Encoder(stem, stages)
    for module in encoder.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return encoder


def build_encoder(name: EncoderName, *, frozen_batch_norm: bool = False, pretrained: bool = False) -> Encoder:
    """An encoder by name.

    Args:
        frozen_batch_norm: see :class:`PyramidConfig`.
        pretrained: take torchvision's default ImageNet weights. This is the only call in the package that may
            download, and it does so through torchvision's own weights API.

    Raises:
        ValueError: if pretrained weights are asked for the tiny encoder, which has none.
    """
    from torchvision.models import get_model, get_model_weights
    from torchvision.ops import FrozenBatchNorm2d

    norm: type[nn.Module] = FrozenBatchNorm2d if frozen_batch_norm else nn.BatchNorm2d
    if name == "tiny":
        if pretrained:
            raise ValueError(
                "the tiny encoder has no pretrained weights: use pretrained=False or a torchvision ResNet."
            )
        return _tiny_encoder(norm)
    weights = get_model_weights(name).DEFAULT if pretrained else None
    return _torchvision_encoder(get_model(name, weights=weights, norm_layer=norm))


class FeaturePyramid(nn.Module):
    """P_2..P_5 or P_2..P_7 of an image whose channels are already normalised."""

    def __init__(self, config: PyramidConfig, *, pretrained: bool = False) -> None:
        from torchvision.ops import FeaturePyramidNetwork
        from torchvision.ops.feature_pyramid_network import LastLevelP6P7

        super().__init__()
        self.config = config
        c = config.channels
        self.encoder = build_encoder(config.encoder, frozen_batch_norm=config.frozen_batch_norm, pretrained=pretrained)
        self.fpn = FeaturePyramidNetwork(
            list(_STAGE_CHANNELS[config.encoder]), c, extra_blocks=LastLevelP6P7(c, c) if config.top == 7 else None
        )
        self.taps = nn.ModuleDict({f"p{x}": Tap(f"p{x}", "b c y x", 2**x) for x in range(2, config.top + 1)})

    def forward(self, image: Float[Tensor, "b 3 y x"]) -> dict[int, Tensor]:
        """Maps by level; at level x the side is the image's divided by 2**x, rounded up."""
        maps = self.fpn(self.encoder(image))
        return {x: self.taps[f"p{x}"](m) for x, m in zip(range(2, self.config.top + 1), maps.values(), strict=True)}
