"""Encoders of the feature pyramid: torchvision's ResNets, a tiny one of the same make, and any network of timm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jaxtyping import Float
from torch import Tensor, nn

from rsp_lab.models.timm_encoder import TIMM, TimmEncoder

# torchvision brings torch's compiler with it, which takes as long as torch: it is imported where a network is built.
if TYPE_CHECKING:
    from torchvision.models.resnet import ResNet

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Channel statistics of ImageNet, with which torchvision's encoders were trained."""

CHANNELS: dict[str, tuple[int, int, int, int]] = {
    "tiny": (32, 64, 128, 256),
    "resnet18": (64, 128, 256, 512),
    "resnet34": (64, 128, 256, 512),
    "resnet50": (256, 512, 1024, 2048),
    "resnet101": (256, 512, 1024, 2048),
    "resnext101_64x4d": (256, 512, 1024, 2048),
}
"""Channels of C_2..C_5 of the encoders that need no further package."""


class Encoder(nn.Module):
    """A ResNet without its classifier: maps C_2..C_5 at strides 4, 8, 16, 32.

    Attributes:
        channels: of C_2..C_5.
    """

    def __init__(self, stem: nn.Module, stages: list[nn.Module], channels: tuple[int, ...]) -> None:
        super().__init__()
        self.stem = stem
        self.stages = nn.ModuleList(stages)
        self.channels = channels

    def forward(self, image: Float[Tensor, "b 3 y x"]) -> dict[str, Tensor]:
        """Keys ``"2"`` to ``"5"``, the level, as torchvision's pyramid wants them."""
        x = self.stem(image)
        maps = {}
        for level, stage in enumerate(self.stages, start=2):
            x = stage(x)
            maps[str(level)] = x
        return maps


def build_encoder(name: str, *, frozen_batch_norm: bool = False, pretrained: bool = False) -> Encoder | TimmEncoder:
    """An encoder by name, with random weights unless ``pretrained``.

    Args:
        name: a key of :data:`CHANNELS`, or ``"timm/NAME"`` for a ``features_only`` network of timm with maps at
            strides 4 to 32.
        frozen_batch_norm: statistics and affine parameters of batch norm fixed.
        pretrained: take the ImageNet weights that torchvision or timm offers. This is the only call in the package
            that may download, and it does so through their own interfaces.

    Raises:
        ValueError: for a name that is not known, pretrained weights of the tiny encoder, or a network of timm without
            maps at the four strides.
        ImportError: if timm is needed and not installed.
    """
    check_encoder_name(name)
    if name.startswith(TIMM):
        return TimmEncoder(name.removeprefix(TIMM), frozen_batch_norm=frozen_batch_norm, pretrained=pretrained)
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
    return torchvision_encoder(name, get_model(name, weights=weights, norm_layer=norm))


def check_encoder_name(name: str) -> None:
    """Raises ValueError for a name that :func:`build_encoder` does not know; builds nothing."""
    if name in CHANNELS or (name.startswith(TIMM) and len(name) > len(TIMM)):
        return
    raise ValueError(
        f"encoder must be one of {', '.join(CHANNELS)}, or timm/NAME for a network of the package timm, got {name!r}."
    )


def torchvision_encoder(name: str, network: ResNet) -> Encoder:
    """The encoder called ``name`` with the parts of torchvision's classifier of that name."""
    stem = nn.Sequential(network.conv1, network.bn1, network.relu, network.maxpool)
    stages: list[nn.Module] = [network.layer1, network.layer2, network.layer3, network.layer4]
    return Encoder(stem, stages, CHANNELS[name])


def _tiny_encoder(norm: type[nn.Module]) -> Encoder:
    """torchvision's basic blocks, one a stage. The stem is two strided 3x3 convs, cheaper than a 7x7 on a CPU."""
    from torchvision.models.resnet import BasicBlock

    widths = CHANNELS["tiny"]
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
    encoder = Encoder(stem, stages, widths)
    for module in encoder.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return encoder
