"""What heads and whole networks cost, counted from built modules on meta tensors: shapes alone are followed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from rsp_lab.models.heads import HeadConfig, build_head
from rsp_lab.models.relation import RelationalSemanticsExtractor
from rsp_lab.summary import Summarised

PAPER_INPUT = (1024, 2048)
PAPER_CLASSES = 19
PAPER_PYRAMID = 256


@dataclass(frozen=True)
class HeadCost(Summarised):
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


@dataclass(frozen=True)
class SystemCost(Summarised):
    """Cost of a network for one image.

    Attributes:
        multiply_adds: of convolutions, linear layers, matrix products (those of attention among them) and relation
            operations; norms, biases and resizing are not counted.
        activations: elements that the same operations give out, what "memory (# activations)" counts in the
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
    with torch.device("meta"):
        head = build_head(config, inputs, classes)
        maps = {x: torch.empty(1, inputs, *(-(-side // 2**x) for side in size)) for x in config.levels}
    multiply_adds, _ = _counted(head, maps)
    return HeadCost(multiply_adds, sum(p.numel() for p in head.parameters()))


def system_cost(build: Callable[[], nn.Module], size: tuple[int, int] = PAPER_INPUT) -> SystemCost:
    """Cost of the network that ``build`` gives, for an image of ``size`` (y, x).

    Args:
        build: called under the meta device, so that no weight is made.
        size: of the input image in pixels; 1024 x 2048 is Cityscapes' own, at which the paper evaluates.
    """
    with torch.device("meta"):
        network = build().eval()
        image = torch.empty(1, 3, *size)
    return SystemCost(*_counted(network, image))


class _Products(TorchDispatchMode):
    """Counts matrix products, into which torch takes linear layers and attention apart; not those within relations."""

    def __init__(self, counts: dict[str, int]) -> None:
        super().__init__()
        self.counts, self.relations = counts, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        place = _PRODUCTS.get(func.overloadpacket)
        if place is not None and not self.relations:
            self.counts["multiply_adds"] += output.numel() * args[place].shape[-1]
            self.counts["activations"] += output.numel()
        return output


_PRODUCTS = {torch.ops.aten.mm: 0, torch.ops.aten.bmm: 0, torch.ops.aten.addmm: 1}
"""Place of the left factor among the arguments."""


def _counted(network: nn.Module, given: Tensor | dict[int, Tensor]) -> tuple[int, int]:
    """Multiply-adds of one forward pass, and elements that what is counted gives out."""
    counts = {"multiply_adds": 0, "activations": 0}
    products = _Products(counts)

    def convolution(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        assert isinstance(module, nn.Conv2d)
        counts["multiply_adds"] += output.numel() * module.weight[0].numel()
        counts["activations"] += output.numel()

    def relation(module: RelationalSemanticsExtractor, scores: Tensor) -> None:
        # Every score is a dot product over the middle channels, and its weight multiplies every value channel.
        counts["multiply_adds"] += scores.numel() * (module.f_q.out_channels + module.f_v.out_channels)
        # The context; scores and weights are never held by the fast path.
        counts["activations"] += scores[:, 0, 0].numel() * module.f_v.out_channels

    def within(step: int) -> None:
        products.relations += step

    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(convolution)
        if isinstance(module, RelationalSemanticsExtractor):
            # Listening on the scores makes the module materialise them, here as shapes only.
            module.scores.register_forward_hook(lambda _, inputs, scores, m=module: relation(m, scores))
            module.register_forward_pre_hook(lambda *_: within(1))
            module.register_forward_hook(lambda *_: within(-1))
    with torch.no_grad(), products:
        network(given)
    return counts["multiply_adds"], counts["activations"]
