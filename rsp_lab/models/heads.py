"""Heads that turn the pyramid's maps into logits at stride 4: the top-down head of the paper and Semantic FPN."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from rsp_lab.models.fusion import FusionConfig, SumConfig, TopDownStep, resize
from rsp_lab.shapes import Tap

Context = Callable[[TopDownStep, Tensor, Tensor], Tensor]
"""What a step takes, of (step, Q_x, T_{x+1} at the size of Q_x): the context that is added to Q_x."""
Norm = Literal["group", "none"]
_GROUPS = 32


@dataclass(frozen=True)
class TopDownConfig:
    """The head of Fig. 2: transformed maps Q_x aggregated from the highest level down to level 2.

    Attributes:
        fusions: one per step, highest first: for levels 2..5 the steps are 54, 43, 32.
        channels: C of the transformed maps, 128 in the paper.
        norm: ``"group"`` is GroupNorm(32) after each Q conv; ``"none"`` leaves it out. Open in the paper.
    """

    fusions: tuple[FusionConfig, ...] = (SumConfig(), SumConfig(), SumConfig())
    channels: int = 128
    norm: Norm = "group"

    def __post_init__(self) -> None:
        if not self.fusions:
            raise ValueError("fusions is empty: a top-down head needs at least the step 32.")
        _check_norm(self.norm, self.channels)

    @property
    def levels(self) -> tuple[int, ...]:
        """Pyramid levels the head reads, lowest first."""
        return tuple(range(2, 3 + len(self.fusions)))


@dataclass(frozen=True)
class SemanticFPNConfig:
    """The head of Panoptic FPN [12]: each level upsampled to stride 4 by blocks of conv, norm, ReLU, x2; then a sum."""

    channels: int = 128
    norm: Norm = "group"

    def __post_init__(self) -> None:
        _check_norm(self.norm, self.channels)

    @property
    def levels(self) -> tuple[int, ...]:
        return (2, 3, 4, 5)


HeadConfig = TopDownConfig | SemanticFPNConfig


def _check_norm(norm: str, channels: int) -> None:
    if norm not in ("group", "none"):
        raise ValueError(f"norm must be 'group' or 'none', got {norm!r}.")
    if norm == "group" and (channels % _GROUPS or channels < 2 * _GROUPS):
        # One channel a group has no variance on a map of one cell, which any small image has at the top.
        raise ValueError(
            f"GroupNorm({_GROUPS}) needs a multiple of {_GROUPS} channels, two a group or more, got {channels}. "
            f"Use {2 * _GROUPS} or 128."
        )


def _conv_norm_relu(inputs: int, outputs: int, norm: Norm) -> nn.Sequential:
    """conv3x3 - norm - ReLU. The bias is left out under a norm, which would cancel it."""
    conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=norm == "none")
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    layers = [conv, nn.GroupNorm(_GROUPS, outputs)] if norm == "group" else [conv]
    return nn.Sequential(*layers, nn.ReLU(inplace=True))


class TopDownHead(nn.Module):
    """Q convs, a list of steps, a classifier (Sec. III-B)."""

    def __init__(self, config: TopDownConfig, inputs: int, classes: int) -> None:
        super().__init__()
        self.config = config
        levels = config.levels
        self.transforms = nn.ModuleDict(
            {f"q{x}": _conv_norm_relu(inputs, config.channels, config.norm) for x in levels}
        )
        self.taps = nn.ModuleDict({f"q{x}": Tap(f"q{x}", "b c y x", 2**x) for x in levels})
        self.steps = nn.ModuleList(
            TopDownStep(high, config.channels, fusion)
            for high, fusion in zip(reversed(levels[1:]), config.fusions, strict=True)
        )
        self.classifier = nn.Conv2d(config.channels, classes, 1)

    def forward(self, pyramid: Mapping[int, Float[Tensor, "b c _ _"]]) -> Float[Tensor, "b class y x"]:
        """Logits at stride 4 from P_x by level."""
        return self.from_q(self.q_maps(pyramid))

    def q_maps(self, pyramid: Mapping[int, Float[Tensor, "b c _ _"]]) -> dict[int, Tensor]:
        """Q_x by level from P_x by level, lowest first."""
        return {x: self.taps[f"q{x}"](self.transforms[f"q{x}"](pyramid[x])) for x in self.config.levels}

    def from_q(self, q: Mapping[int, Float[Tensor, "b c _ _"]]) -> Float[Tensor, "b class y x"]:
        """Logits at stride 4 from Q_x by level; relation weights are worked out anew from these maps."""
        return self.classifier(self.aggregate(q))

    def aggregate(
        self, q: Mapping[int, Float[Tensor, "b c _ _"]], context: Context | None = None
    ) -> Float[Tensor, "b c y x"]:
        """T_2, which the classifier reads, from Q_x by level, highest step first (Eq. 4).

        Args:
            q: maps by level.
            context: what each step takes; default: its own fusion's. Taps and hooks see only that one.
        """
        top = q[self.config.levels[-1]]
        for step in self.steps:
            assert isinstance(step, TopDownStep)
            low = q[step.low]
            top = step(low, top) if context is None else low + context(step, low, resize(top, low.shape[-2:]))
        return top


class SemanticFPNHead(nn.Module):
    """Level x passes max(1, x - 2) blocks; all but level 2's double the resolution."""

    def __init__(self, config: SemanticFPNConfig, inputs: int, classes: int) -> None:
        super().__init__()
        self.config = config
        c = config.channels
        self.branches = nn.ModuleDict(
            {
                f"q{x}": nn.ModuleList(
                    _conv_norm_relu(inputs if i == 0 else c, c, config.norm) for i in range(max(1, x - 2))
                )
                for x in config.levels
            }
        )
        self.taps = nn.ModuleDict({f"q{x}": Tap(f"q{x}", "b c y x", 4) for x in config.levels})
        self.classifier = nn.Conv2d(c, classes, 1)

    def forward(self, pyramid: Mapping[int, Float[Tensor, "b c _ _"]]) -> Float[Tensor, "b class y x"]:
        """Logits at stride 4 from P_x by level."""
        return self.from_q(self.q_maps(pyramid))

    def q_maps(self, pyramid: Mapping[int, Float[Tensor, "b c _ _"]]) -> dict[int, Tensor]:
        """What each branch makes of P_x, by level, lowest first; all at stride 4."""
        q = {}
        for x in self.config.levels:
            top = pyramid[x]
            for i, block in enumerate(self.branches[f"q{x}"].children()):
                top = block(top)
                if x > 2:
                    # The size of the level below, so that sides that 32 does not divide still meet at stride 4.
                    top = resize(top, pyramid[x - 1 - i].shape[-2:])
            q[x] = self.taps[f"q{x}"](top)
        return q

    def from_q(self, q: Mapping[int, Float[Tensor, "b c y x"]]) -> Float[Tensor, "b class y x"]:
        """Logits at stride 4 from the branches' maps by level."""
        return self.classifier(self.aggregate(q))

    def aggregate(
        self, q: Mapping[int, Float[Tensor, "b c y x"]], context: Context | None = None
    ) -> Float[Tensor, "b c y x"]:
        """The sum of all levels, which the classifier reads; without steps, no ``context`` is ever called."""
        return reduce(add, (q[x] for x in self.config.levels))


Head = TopDownHead | SemanticFPNHead


def build_head(config: HeadConfig, inputs: int, classes: int) -> Head:
    """The head module a config describes, for pyramid maps of ``inputs`` channels."""
    if isinstance(config, TopDownConfig):
        return TopDownHead(config, inputs, classes)
    return SemanticFPNHead(config, inputs, classes)
