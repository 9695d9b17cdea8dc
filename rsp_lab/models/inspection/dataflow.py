"""The tensors of one built step with their real shapes (Fig. 3), followed on meta tensors: nothing is computed."""

from __future__ import annotations

import copy
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from rsp_lab.models.fusion import TopDownStep
from rsp_lab.models.heads import TopDownHead
from rsp_lab.models.inspection.structure import StepStructure, head_structure, step_structure
from rsp_lab.models.relation import RelationalSemanticsExtractor
from rsp_lab.models.whole import WholeModel
from rsp_lab.relations.window import position_map
from rsp_lab.shapes import Tap

Shape = tuple[int, ...]


@dataclass(frozen=True)
class StepDataflow:
    """What passes through one step for one image.

    Attributes:
        step: what the step is.
        image_size: (y, x) in pixels.
        shapes: of every tensor, without the batch axis: ``low`` (Q_x), ``top`` (T_{x+1} at its own size), ``high``
            (upsampled), ``context`` and ``fused``; with a relation ``query``, ``key``, ``value``, ``scores``,
            ``weights`` as their taps see them, ``position`` (p of Eq. 3) and ``embedding`` (f_p(p)) as well.
    """

    step: StepStructure
    image_size: tuple[int, int]
    shapes: dict[str, Shape]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return asdict(self)


def step_dataflow(model: nn.Module, step: str, image_size: tuple[int, int]) -> StepDataflow:
    """The shapes that step ``step`` (``"step54"``) of a built model has for an image of ``image_size`` (y, x).

    The step itself runs, on meta tensors and with all of its taps open, so the shapes are those of a capture.

    Raises:
        ValueError: if the model has no such step.
    """
    # A network of another make has no head of ours, and so no step.
    head: nn.Module = getattr(model.semantic, "head", model) if isinstance(model, WholeModel) else model
    steps = _steps(head)
    if step not in steps:
        known = ", ".join(steps) or "none: it has no top-down path"
        raise ValueError(f"{step!r} is no step of this model; it has {known}.")
    module, known_step = steps[step], step_structure(steps[step])
    channels = head_structure(head).channels
    sides = {x: tuple(-(-side // 2**x) for side in image_size) for x in (known_step.low, known_step.high)}
    low, top = (torch.empty(1, channels, *sides[x], device="meta") for x in (known_step.low, known_step.high))
    shapes = {"low": _shape(low), "top": _shape(top), **_run(copy.deepcopy(module).to("meta"), low, top)}
    if isinstance(module.fusion, RelationalSemanticsExtractor):
        position = position_map(channels, module.fusion.config.window)
        shapes["position"] = tuple(position.shape)
        shapes["embedding"] = (module.fusion.f_p.out_features, *position.shape[1:])
    return StepDataflow(known_step, image_size, shapes)


def _steps(head: nn.Module) -> dict[str, TopDownStep]:
    modules = head.steps if isinstance(head, TopDownHead) else ()
    return {step.name: step for step in modules if isinstance(step, TopDownStep)}


def _run(step: TopDownStep, low: Tensor, top: Tensor) -> dict[str, Shape]:
    seen: dict[str, Shape] = {}

    def note(tap: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        assert isinstance(tap, Tap)
        seen[tap.name.partition(".")[2]] = _shape(output)

    for tap in step.modules():
        if isinstance(tap, Tap):
            tap.register_forward_hook(note)
    step(low, top)
    return seen


def _shape(tensor: Tensor) -> Shape:
    return tuple(tensor.shape[1:])
