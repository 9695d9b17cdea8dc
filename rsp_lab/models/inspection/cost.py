"""What a head costs, counted from the built module on meta tensors: nothing is computed, shapes alone are followed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rsp_lab.models.heads import HeadConfig, build_head
from rsp_lab.models.relation import RelationalSemanticsExtractor

PAPER_INPUT = (1024, 2048)
PAPER_CLASSES = 19
PAPER_PYRAMID = 256


@dataclass(frozen=True)
class HeadCost:
    """Cost of one head.

    Attributes:
        multiply_adds: of convolutions and relation operations; norms, biases and upsampling are not counted, as in
            the paper.
        parameters: all of them.
    """

    multiply_adds: int
    parameters: int

    @property
    def gmacs(self) -> float:
        """Multiply-adds in units of 10^9, the paper's "FLOPs"."""
        return self.multiply_adds / 1e9

    @property
    def megabytes(self) -> float:
        """Megabytes (10^6) of float32 parameters, which is what the paper's "# param." turns out to be."""
        return 4 * self.parameters / 1e6


class _Counter:
    """Adds up multiply-adds from the shapes that pass forward hooks."""

    def __init__(self) -> None:
        self.total = 0

    def convolution(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        assert isinstance(module, nn.Conv2d)
        self.total += output.numel() * module.weight[0].numel()

    def relation(self, module: nn.Module, inputs: tuple[Tensor, ...], scores: Tensor) -> None:
        assert isinstance(module, RelationalSemanticsExtractor)
        # Every score is a dot product over the middle channels, and its weight multiplies every value channel.
        self.total += scores.numel() * (module.f_q.out_channels + module.f_v.out_channels)


def head_cost(
    config: HeadConfig,
    size: tuple[int, int] = PAPER_INPUT,
    classes: int = PAPER_CLASSES,
    inputs: int = PAPER_PYRAMID,
) -> HeadCost:
    """Cost of a head for an image of ``size`` (y, x).

    Args:
        config: of the head.
        size: of the input image in pixels; the paper counts at 1024 x 2048.
        classes: logits.
        inputs: channels of the pyramid's maps.
    """
    counter = _Counter()
    with torch.device("meta"):
        head = build_head(config, inputs, classes)
        maps = {x: torch.empty(1, inputs, *(-(-side // 2**x) for side in size)) for x in config.levels}
    for module in head.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(counter.convolution)
        if isinstance(module, RelationalSemanticsExtractor):
            # Listening on the scores makes the module materialise them, here as shapes only.
            module.scores.register_forward_hook(
                lambda _, inputs, scores, relation=module: counter.relation(relation, inputs, scores)
            )
    head(maps)
    return HeadCost(counter.total, sum(p.numel() for p in head.parameters()))
