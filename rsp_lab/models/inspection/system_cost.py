"""What a whole network costs, encoder included (Table II), followed on meta tensors: nothing is computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rsp_lab.models.inspection.cost import PAPER_INPUT
from rsp_lab.models.relation import RelationalSemanticsExtractor


@dataclass(frozen=True)
class SystemCost:
    """Cost of a network for one image.

    Attributes:
        multiply_adds: of convolutions and relation operations; norms, biases and resizing are not counted.
        activations: elements that convolutions and relations give out, what "memory (# activations)" counts in the
            literature the paper takes its numbers from. Not bytes, and not the peak of any implementation.
    """

    multiply_adds: int
    activations: int

    @property
    def tmacs(self) -> float:
        """Multiply-adds in units of 10^12, the "T" of Table II."""
        return self.multiply_adds / 1e12

    @property
    def gigas(self) -> float:
        """Activations in units of 10^9, the "G" of Table II."""
        return self.activations / 1e9


def system_cost(build: Callable[[], nn.Module], size: tuple[int, int] = PAPER_INPUT) -> SystemCost:
    """Cost of the network that ``build`` gives, for an image of ``size`` (y, x).

    Args:
        build: called under the meta device, so that no weight is made.
        size: of the input image in pixels; 1024 x 2048 is Cityscapes' own, at which the paper evaluates.
    """
    with torch.device("meta"):
        network = build().eval()
        image = torch.empty(1, 3, *size)
    total = {"multiply_adds": 0, "activations": 0}

    def convolution(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        assert isinstance(module, nn.Conv2d)
        total["multiply_adds"] += output.numel() * module.weight[0].numel()
        total["activations"] += output.numel()

    def relation(module: RelationalSemanticsExtractor, scores: Tensor) -> None:
        total["multiply_adds"] += scores.numel() * (module.f_q.out_channels + module.f_v.out_channels)
        # The context; scores and weights are never held by the fast path.
        total["activations"] += scores[:, 0, 0].numel() * module.f_v.out_channels

    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(convolution)
        if isinstance(module, RelationalSemanticsExtractor):
            module.scores.register_forward_hook(lambda _, inputs, scores, m=module: relation(m, scores))
    with torch.no_grad():
        network(image)
    return SystemCost(total["multiply_adds"], total["activations"])
