"""What a built head consists of: its maps, its steps and what flows between them, read from the modules themselves.

A drawing or a table made from this is right for any configuration, because nothing is taken from a preset's name.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from torch import nn

from rsp_lab.models.fusion import AverageFusion, SumFusion, TopDownStep
from rsp_lab.models.heads import SemanticFPNHead, TopDownHead
from rsp_lab.models.relation import RelationalSemanticsExtractor
from rsp_lab.models.whole import WholeModel
from rsp_lab.shapes import Window, step_levels
from rsp_lab.summary import Summarised

FusionKind = Literal["sum", "RSP", "SELF", "CONTEXT"]
"""How a step makes its context, in the paper's words: Table IV names ``SELF`` and ``CONTEXT``."""


@dataclass(frozen=True)
class StepStructure:
    """One step of the top-down path.

    Attributes:
        name: e.g. ``"step54"``.
        high, low: levels that it goes between.
        kind: what its context is.
        window: of a relation or an average; None for a sum.
        middle: channels of query and key; None without a relation.
        normalisation: how scores become weights; None without a relation.
        parameters: of the step.
    """

    name: str
    high: int
    low: int
    kind: FusionKind
    window: Window | None = None
    middle: int | None = None
    normalisation: str | None = None
    parameters: int = 0


@dataclass(frozen=True)
class HeadStructure(Summarised):
    """A head as nodes and edges.

    Attributes:
        kind: ``"top-down"`` (Fig. 2) or ``"semantic-fpn"``.
        name: what it is, worked out from its steps, e.g. ``"RSP-4"``.
        levels: that it reads, lowest first.
        inputs, channels: of every P_x and of every Q_x.
        classes: logits.
        norm: whether a GroupNorm follows each convolution.
        steps: highest first; empty for Semantic FPN.
        blocks: by level, convolutions between P_x and the sum of Semantic FPN, and 1 for a top-down head.
        doublings: by level, how often Semantic FPN doubles the resolution; 0 for a top-down head.
        parameters: of the head.
    """

    kind: Literal["top-down", "semantic-fpn"]
    name: str
    levels: tuple[int, ...]
    inputs: int
    channels: int
    classes: int
    norm: bool
    steps: tuple[StepStructure, ...]
    blocks: dict[int, int]
    doublings: dict[int, int]
    parameters: int

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of the maps and operations, from the input on: ``p5``, ``q5``, ``step54``, ..., ``logits``."""
        maps = [f"{letter}{x}" for letter in "pq" for x in reversed(self.levels)]
        return (*maps, *(step.name for step in self.steps), *(() if self.steps else ("sum",)), "logits")

    @property
    def edges(self) -> tuple[tuple[str, str], ...]:
        """What feeds what; a step is fed by the map above (or the step above) and by the level's own map."""
        found = [(f"p{x}", f"q{x}") for x in reversed(self.levels)]
        if not self.steps:
            return (*found, *((f"q{x}", "sum") for x in reversed(self.levels)), ("sum", "logits"))
        above = f"q{self.steps[0].high}"
        for step in self.steps:
            found += [(above, step.name), (f"q{step.low}", step.name)]
            above = step.name
        return (*found, (above, "logits"))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {**asdict(self), "nodes": list(self.nodes), "edges": [list(edge) for edge in self.edges]}


def head_structure(model: nn.Module) -> HeadStructure:
    """The structure of a built head, or of a model's semantic head.

    Raises:
        ValueError: for a module that is no head of this package.
    """
    head = getattr(model.semantic, "head", model) if isinstance(model, WholeModel) else model
    if isinstance(head, TopDownHead):
        return _top_down(head)
    if isinstance(head, SemanticFPNHead):
        return _semantic_fpn(head)
    raise ValueError(
        f"a {type(head).__name__} has no structure that is known here: give a Segmenter, a TopDownHead or a "
        "SemanticFPNHead; another network is looked into by module path, see capture."
    )


def step_structure(step: TopDownStep) -> StepStructure:
    """The structure of one built step.

    Raises:
        ValueError: for a fusion that is not of this package.
    """
    name = step.name
    high, low = step_levels(name)
    fusion, parameters = step.fusion, sum(p.numel() for p in step.parameters())
    if isinstance(fusion, RelationalSemanticsExtractor):
        kind: FusionKind = "RSP" if fusion.config.query_from == "low" else "SELF"
        return StepStructure(
            name,
            high,
            low,
            kind,
            fusion.config.window,
            fusion.f_q.out_channels,
            fusion.config.normalisation,
            parameters,
        )
    if isinstance(fusion, AverageFusion):
        return StepStructure(name, high, low, "CONTEXT", fusion.window, parameters=parameters)
    if isinstance(fusion, SumFusion):
        return StepStructure(name, high, low, "sum", parameters=parameters)
    raise ValueError(f"{name} fuses by a {type(fusion).__name__}, which is not known here: sum, RSP, SELF or CONTEXT.")


def _top_down(head: TopDownHead) -> HeadStructure:
    steps = tuple(step_structure(step) for step in head.steps if isinstance(step, TopDownStep))
    levels = tuple(sorted({level for step in steps for level in (step.high, step.low)}))
    first = _convolutions(head.transforms[f"q{levels[-1]}"])[0]
    return HeadStructure(
        "top-down",
        _name(steps),
        levels,
        first.in_channels,
        first.out_channels,
        head.classifier.out_channels,
        _has_norm(head),
        steps,
        {x: len(_convolutions(head.transforms[f"q{x}"])) for x in levels},
        dict.fromkeys(levels, 0),
        sum(p.numel() for p in head.parameters()),
    )


def _semantic_fpn(head: SemanticFPNHead) -> HeadStructure:
    levels = tuple(sorted(int(name.removeprefix("q")) for name in head.branches))
    first = _convolutions(head.branches[f"q{levels[-1]}"])[0]
    return HeadStructure(
        "semantic-fpn",
        "Semantic FPN",
        levels,
        first.in_channels,
        first.out_channels,
        head.classifier.out_channels,
        _has_norm(head),
        (),
        {x: len(_convolutions(head.branches[f"q{x}"])) for x in levels},
        # Every branch ends at stride 4, the stride of level 2.
        {x: x - 2 for x in levels},
        sum(p.numel() for p in head.parameters()),
    )


def _convolutions(module: nn.Module) -> list[nn.Conv2d]:
    return [part for part in module.modules() if isinstance(part, nn.Conv2d)]


def _has_norm(head: nn.Module) -> bool:
    return any(isinstance(part, nn.GroupNorm) for part in head.modules())


def _name(steps: tuple[StepStructure, ...]) -> str:
    """The paper's name of a head with these steps, or what is mixed in it."""
    top, fused = steps[0].high, [step for step in steps if step.kind != "sum"]
    base = "baseline" if top == 5 else f"baseline with Q{', Q'.join(str(x) for x in range(6, top + 1))}"
    if not fused:
        return base
    kinds = {step.kind for step in fused}
    complete = [step.low for step in steps if step.low > 2] == [step.low for step in fused]
    dilated = "-D" if all(step.window is not None and step.window.dilation > 1 for step in fused) else ""
    if kinds == {"RSP"} and complete and (top, len(fused)) in ((5, 2), (7, 4)):
        return f"RSP-{len(fused)}{dilated}"
    parts = [
        f"{kind}{dilated} {', '.join(s.name.removeprefix('step') for s in fused if s.kind == kind)}"
        for kind in ("RSP", "SELF", "CONTEXT")
        if kind in kinds
    ]
    return f"{base} + {' + '.join(parts)}"
