"""The feature pyramid: an encoder below torchvision's FPN; P_2..P_7."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from rsp_lab.models.encoders import IMAGENET_MEAN, IMAGENET_STD, build_encoder, check_encoder_name
from rsp_lab.shapes import Tap

NORMALISATION_BOUNDS = {"mean": (-10.0, 10.0), "std": (0.001, 100.0)}
"""Least and greatest mean and standard deviation of a colour in [0, 1]; beyond them images turn into one value."""


@dataclass(frozen=True)
class PyramidConfig:
    """Encoder and pyramid.

    Attributes:
        encoder: ``"tiny"`` has one basic block a stage and widths 32..256, for machines without a GPU; the ResNets and
            ResNeXts are torchvision's; ``"timm/NAME"`` is any ``features_only`` network of timm with maps at strides
            4 to 32.
        channels: of every P_x, 256 in the paper.
        top: highest level, 5 or 7; P_6 and P_7 come from strided convs on P_5 (RetinaNet [23]).
        frozen_batch_norm: statistics and affine parameters fixed, as in the paper. Only sensible with pretrained
            weights.
        mean, std: with which RGB in [0, 1] is normalised for the encoder; ImageNet's by default.
    """

    encoder: str = "resnet50"
    channels: int = 256
    top: int = 7
    frozen_batch_norm: bool = False
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    def __post_init__(self) -> None:
        check_encoder_name(self.encoder)
        if self.top not in (5, 7):
            raise ValueError(f"top must be 5 (P_2..P_5) or 7 (P_2..P_7), got {self.top}.")
        check_normalisation(self.mean, self.std)


def check_normalisation(mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    """Raises ValueError for what is no mean or no standard deviation of colours in [0, 1]."""
    for (name, (least, most)), values in zip(NORMALISATION_BOUNDS.items(), (mean, std), strict=True):
        if len(values) != 3 or not all(least <= value <= most for value in values):
            raise ValueError(
                f"{name} must be three numbers from {least:g} to {most:g}, one per colour, for RGB in [0, 1]; got "
                f"{values}."
            )


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
            list(self.encoder.channels), c, extra_blocks=LastLevelP6P7(c, c) if config.top == 7 else None
        )
        self.taps = nn.ModuleDict({f"p{x}": Tap(f"p{x}", "b c y x", 2**x) for x in range(2, config.top + 1)})

    def forward(self, image: Float[Tensor, "b 3 y x"]) -> dict[int, Tensor]:
        """Maps by level; at level x the side is the image's divided by 2**x, rounded up."""
        maps = self.fpn(self.encoder(image))
        return {x: self.taps[f"p{x}"](m) for x, m in zip(range(2, self.config.top + 1), maps.values(), strict=True)}
